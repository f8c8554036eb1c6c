//! Where the value of a name begins and ends: in an assignment, a header, a JSON text, in prose.

use super::bytes::{any_blanks, blanks, count, count_back, is_mark, is_sign};
use super::code::{is_code, is_directive, is_look_up, is_path, sets, whose};
use super::literals;
use super::names::Name;
use super::pairs::{attribute, default, entry, pair};
use super::programs::is_of;
use super::quote::Quote;
use super::shapes::{FAR, is_basic, is_hash, is_odd, is_random};

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// `name=value`
    Assigned,
    /// `?name=value` in an address
    Queried,
    /// `name%3Dvalue`
    Encoded,
    /// `name: value`
    Said,
    /// `"name": value`
    Field,
    /// `<name>value`
    Element,
    /// `name is value`
    Told,
}

/// The place of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The first byte, inside the quotation marks.
    pub(super) from: usize,
    pub(super) manner: Manner,
    /// The marks around the value.
    pub(super) quote: Option<Quote>,
    /// The marks around the name.
    pub(super) name_quote: Option<Quote>,
    /// More values may follow, in brackets.
    pub(super) is_list: bool,
}

/// The place of the value that belongs to the name from `start` to `end`, if there is one.
pub(super) fn place(text: &[u8], start: usize, end: usize) -> Option<Place> {
    let name_quote = Quote::at(text, end);
    let mut at = end + name_quote.map_or_else(|| escaped_mark(text, end), Quote::len);
    at += count(&text[at..text.len().min(at + 2)], |byte| byte == b']' || byte == b')');
    let spaces = if name_quote.is_some() { any_blanks(text, at) } else { blanks(text, at) };
    at += spaces;
    let before = start.checked_sub(1).map(|at| text[at]);
    let (manner, length) = match *text.get(at)? {
        b'=' if matches!(before, Some(b'?' | b'&')) => (Manner::Queried, 1),
        b'=' if text[at..].starts_with(b"===") => return None,
        b'=' => (Manner::Assigned, 1 + usize::from(matches!(text.get(at + 1)?, b'=' | b'>'))),
        b':' => match text.get(at + 1)? {
            b':' => return None,
            b'=' => (Manner::Assigned, 2),
            _ if name_quote.is_some() => (Manner::Field, 1),
            b' ' | b'\t' | b'\n' | b'\r' => (Manner::Said, 1),
            _ => (Manner::Assigned, 1),
        },
        b'%' if is_encoded(&text[at..]) => (Manner::Encoded, 3),
        b'>' if spaces == 0 && is_element(text, start) => {
            // The value of Windows' answer files has an element of its own.
            (Manner::Element, if text[at + 1..].starts_with(b"<Value>") { 8 } else { 1 })
        }
        b',' if name_quote.is_some() => (Manner::Field, pair(text, start, at, name_quote)?),
        b'v' | b'V' if spaces > 0 && name_quote.is_some() => {
            (Manner::Assigned, attribute(text, start, at, name_quote)?)
        }
        b'\r' | b'\n' => (Manner::Said, entry(text, start, at)?),
        b'f' if spaces == 1 => (Manner::Said, whose(text, at)?),
        b'{' if name_quote.is_some() => (Manner::Assigned, default(text, start, at)?),
        b'i' if spaces == 1 && text[at..].starts_with(b"is ") => (Manner::Told, 2),
        b'w' if spaces == 1 && text[at..].starts_with(b"was ") => (Manner::Told, 3),
        b'(' if text[start].is_ascii_uppercase() && Quote::opening(text, at + 1).is_some() => {
            (Manner::Assigned, 1)
        }
        // The kind of its encryption may stand before it: `password 7 070C285F4D06`.
        b'0'..=b'9'
            if spaces > 0
                && text.get(at + 1) == Some(&b' ')
                && matches!(&text[start..end], b"password" | b"secret") =>
        {
            (Manner::Told, 2)
        }
        b'"' if spaces > 0 && is_directive(text, (start, end), at) => (Manner::Assigned, 0),
        _ if spaces > 0 && (is_option(text, start, at) || sets(text, start, at)) => {
            (Manner::Assigned, 0)
        }
        // `-Name value`, which prose has as well; and a value in brackets is a command of its own.
        b'-' | b'(' => return None,
        _ if spaces > 0 && text[start] == b'-' => (Manner::Told, 0),
        _ => return None,
    };
    at += length;
    let after = if name_quote.is_some() { any_blanks(text, at) } else { blanks(text, at) };
    // `name= other words` is a name without a value.
    if manner == Manner::Assigned && after > 0 && spaces == 0 && name_quote.is_none() {
        let is_assignment = text[at - 1] == b'>'
            || Quote::at(text, at + after).is_some()
            || is_of(text, start, &("sc sc.exe", "config create", b"", true));
        if !is_assignment {
            return None;
        }
    }
    let place = opened(text, at + after, manner, name_quote);
    // An object is no value, but its fields may be secrets; and a list is one if it has texts.
    let is_value = match place.quote {
        Some(quote) if name_quote == Some(quote) => true,
        Some(quote) if name_quote.is_some_and(|name| name.len() > quote.len()) => false,
        Some(quote) => Quote::opening(text, place.from - quote.len()).is_some(),
        // Go writes a header as `X-Api-Key:[…]`.
        None if place.is_list => {
            manner == Manner::Assigned && after == 0 && text[start].is_ascii_uppercase()
        }
        None => text.get(place.from) != Some(&b'{'),
    };
    is_value.then_some(place)
}

/// Passes over what is written before a value: `Some(`, `b`, `[`, the quotation mark.
fn opened(text: &[u8], mut at: usize, manner: Manner, name_quote: Option<Quote>) -> Place {
    const LONGEST_CALL: usize = 24;
    let mut is_list = false;
    if text.get(at) == Some(&b'[') && !is_sign(text, at) {
        is_list = true;
        at += 1 + any_blanks(text, at + 1);
    }
    let word = count(&text[at..text.len().min(at + LONGEST_CALL)], |byte| {
        byte.is_ascii_alphanumeric() || byte == b'_'
    });
    // Some("…"), SecretStr('…'), b"…", and not env("…")
    let is_call = word > 0 && text.get(at + word) == Some(&b'(');
    let call = usize::from(is_call && !is_look_up(&text[at..at + word]));
    if (call > 0 || word == 1) && Quote::at(text, at + word + call).is_some() {
        at += word + call;
    }
    at += literals::signs(text, at);
    let quote = Quote::at(text, at);
    let escaped = escaped_mark(text, at);
    let manner = if text[at..].starts_with(b"%") && escaped > 0 { Manner::Encoded } else { manner };
    let from = at + quote.map_or(escaped, Quote::len);
    Place { from, manner, quote, name_quote, is_list }
}

/// A value without marks, which the names inside of it share: it is read once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    from: usize,
    /// Where it ends, and where without the punctuation behind it.
    end: usize,
    to: usize,
    manner: Manner,
}

impl Run {
    pub(super) const NONE: Self = Self { from: 0, end: 0, to: 0, manner: Manner::Said };

    /// Where the value ends that begins here, inside of this one or anew.
    pub(super) fn end(&mut self, text: &[u8], from: usize, manner: Manner) -> usize {
        if self.manner != manner || !(self.from..self.end).contains(&from) {
            let end = unbroken(text, from, manner);
            let to = end - count_back(&text[from..end], |byte| matches!(byte, b'.' | b':' | b'?'));
            *self = Self { from, end, to, manner };
        }
        self.to.max(from)
    }
}

/// Where an unquoted value ends.
pub(super) fn run(text: &[u8], from: usize, manner: Manner) -> usize {
    let mut run = Run::NONE;
    run.end(text, from, manner)
}

fn unbroken(text: &[u8], from: usize, manner: Manner) -> usize {
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        match byte {
            _ if byte <= b' ' || is_mark(byte) => break,
            b',' | b';' | b'&' | b'<' | b'>' => break,
            b'%' if manner == Manner::Encoded && ends_encoded(&text[at..]) => break,
            b'[' if is_sign(text, at) => break,
            b')' | b']' | b'}' if !text.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) => break,
            b'\\' if escaped_mark(text, at) > 0 => break,
            b'\\' => {
                let slashes = count(&text[at..], |byte| byte == b'\\');
                match text.get(at + slashes) {
                    Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'`') | None => break,
                    Some(next) if next.is_ascii() => at += slashes + 1,
                    Some(_) => at += slashes,
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// The lines of a block of YAML whose sign stands here, as in `name: |`: they are indented more than the name,
/// which begins its line.
pub(super) fn block(text: &[u8], start: usize, sign: usize) -> Option<(usize, usize)> {
    let (b'|' | b'>') = *text.get(sign)? else { return None };
    // Of any other text, no more is read: it may be one long line with many names.
    let header = sign + 1 + count(&text[sign + 1..], |byte| b"+-0123456789 \r".contains(&byte));
    if text.get(header).is_some_and(|&byte| byte != b'\n') {
        return None;
    }
    let column = count_back(&text[..start], |byte| byte != b'\n');
    if !text[start - column..start].iter().all(|byte| b" -\"'".contains(byte)) {
        return None;
    }
    let from = text.len().min(header + 1);
    let is_inside = |line: &&[u8]| {
        count(line, |byte| byte == b' ') > column || line.iter().all(u8::is_ascii_whitespace)
    };
    let lines = text[from..].split_inclusive(|&byte| byte == b'\n').take_while(is_inside);
    let inside = &text[from..from + lines.map(<[u8]>::len).sum::<usize>()];
    Some((from, from + inside.trim_ascii_end().len()))
}

/// Whether a value is taken for a secret. `quoted` if it has marks of its own; `followed` if a word
/// follows it.
pub(super) fn is_secret(
    name: Name,
    value: &[u8],
    manner: Manner,
    (quoted, followed): (bool, bool),
) -> bool {
    if is_placeholder(value) {
        return false;
    }
    let number = value.iter().all(|&byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    // So much of it tells, and each name in a long value is asked.
    let begun = &value[..value.len().min(FAR)];
    match name {
        Name::Token | Name::Secrets if number => return value.len() > 9,
        // A file that has them.
        Name::Secrets if is_path(value) => return false,
        // What a browser sends to other places.
        Name::Secrets if [&b"include"[..], b"omit", b"same-origin"].contains(&value) => {
            return false;
        }
        Name::Secret | Name::Token | Name::Secrets => {}
        // Their values are read by `schemes`.
        Name::Authorization | Name::Cookie => return true,
        // A text: the source code that a tool runs, or the signature of a function.
        Name::Key | Name::Signature | Name::Code if begun.contains(&b' ') => return false,
        Name::Key | Name::Signature if manner == Manner::Queried => {
            return value.len() >= 6 && is_odd(begun);
        }
        Name::Key => return is_random(begun) || is_basic(begun),
        Name::Signature => return is_random(begun) || is_hash(value),
        Name::Code => return is_random(begun),
    }
    match manner {
        _ if quoted => true,
        Manner::Assigned | Manner::Said if is_code(begun) => false,
        // JSON has only numbers and three words without marks.
        Manner::Field => is_odd(value) || number,
        Manner::Told => value.len() >= 6 && is_odd(value),
        Manner::Said if number => value.len() > 3 || !followed,
        Manner::Said => !is_said(value) && (is_odd(value) || !followed),
        _ => !is_said(value) || (value.len() < 3 && !followed),
    }
}

/// Whether a value stands for none, or hides it already.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 12] = [
        b"null",
        b"none",
        b"nil",
        b"undefined",
        b"true",
        b"false",
        b"redacted",
        b"[redacted]",
        b"<redacted>",
        b"sensitive",
        b"hidden",
        b"optional",
    ];
    let hides = |byte: u8| matches!(byte, b'*' | b'.' | b'-' | b'_' | b' ');
    value.iter().all(|&byte| hides(byte))
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
        || is_variable(value)
}

/// `$NAME`, `${name}`, `$(pass show name)`, `{{ name }}`, `<name>`, `%NAME%`, `!name`, `YOUR_KEY`
fn is_variable(value: &[u8]) -> bool {
    let name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let is_yours = |joint: u8| {
        let start = value.get(..4).unwrap_or_default();
        matches!(joint, b'_' | b'-') && start.eq_ignore_ascii_case(b"your")
    };
    match value {
        [b'$' | b'{', b'{', ..] | [b'$', b'(', ..] | [b'<', .., b'>'] => true,
        // A tag of YAML: `!vault`, `!Ref`.
        [b'!', tag @ ..] => !tag.is_empty() && tag.iter().all(u8::is_ascii_alphabetic),
        [_, _, _, _, joint, ..] if is_yours(*joint) => true,
        [b'$', rest @ ..] | [b'%', rest @ .., b'%'] => rest.len() > 2 && rest.iter().all(name),
        _ => false,
    }
}

/// Whether this is said of a secret instead of being one.
pub(super) fn is_said(value: &[u8]) -> bool {
    const WORDS: &str = "missing invalid required expired incorrect wrong empty unset unknown absent \
        denied rejected revoked not must cannot no yes ok the a an is was are string str number int \
        integer boolean bool bytes object option optional sensitive unauthorized forbidden malformed \
        unsupported disabled enabled too please check failed error mismatch unavailable unspecified \
        await new inherit read write";
    let letters = count(value, |byte| byte.is_ascii_alphabetic());
    let rest = value.get(letters);
    (rest.is_none() || matches!(rest, Some(b'[' | b'(')))
        && letters > 0
        && WORDS
            .split_ascii_whitespace()
            .any(|word| value[..letters].eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a word follows a value that ends here, or what a removed secret has left.
pub(super) fn is_followed(text: &[u8], end: usize) -> bool {
    let spaces = blanks(text, end);
    is_sign(text, end)
        || (spaces > 0
            && text
                .get(end + spaces)
                .is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'['))
}

/// The length of a quotation mark that is written as its number, in JSON or in an address.
fn escaped_mark(text: &[u8], at: usize) -> usize {
    let text = &text[at.min(text.len())..];
    ESCAPED_MARKS.iter().find(|mark| text.starts_with(mark)).map_or(0, |mark| mark.len())
}

const ESCAPED_MARKS: [&[u8]; 4] = [b"%22", b"%27", b"\\u0022", b"\\u0027"];

fn is_element(text: &[u8], start: usize) -> bool {
    let before = count_back(&text[..start], |byte| byte.is_ascii_alphanumeric() || byte == b':');
    text[..start - before].ends_with(b"<")
}

/// `--name value` of a command.
fn is_option(text: &[u8], start: usize, at: usize) -> bool {
    text[start..].starts_with(b"--") && !text[at..].starts_with(b"-")
}

/// `%3D` or `%3A`
fn is_encoded(text: &[u8]) -> bool {
    matches!(text, [b'%', b'3', b'd' | b'D' | b'a' | b'A', ..])
}

/// `%26`, `%22`, `%20`, `%2C` or `%3B`
fn ends_encoded(text: &[u8]) -> bool {
    matches!(
        text,
        [b'%', b'2', b'6' | b'2' | b'0' | b'c' | b'C', ..] | [b'%', b'3', b'b' | b'B', ..]
    )
}
