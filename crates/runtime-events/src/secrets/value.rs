//! Where the value of a name begins and ends: in an assignment, a header, a JSON text, in prose.

use super::names::Name;
use super::shapes::{count, count_back, is_odd, is_random};

/// A quotation mark, with the backslashes before it: none, or as many as the text is nested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    mark: u8,
    slashes: usize,
}

impl Quote {
    /// The quotation mark that begins here.
    pub(super) fn at(text: &[u8], at: usize) -> Option<Self> {
        const DEEPEST: usize = 15;
        let slashes = count(&text[at..text.len().min(at + DEEPEST + 1)], |byte| byte == b'\\');
        let mark = *text.get(at + slashes)?;
        // 0, 1, 3, 7: each level quotes the backslashes of the one before, and the mark.
        let is_level = slashes <= DEEPEST && (slashes + 1).is_power_of_two();
        (is_mark(mark) && is_level).then_some(Self { mark, slashes })
    }

    /// The mark that begins a quotation here. One that ends the quotation around a name is followed by
    /// other punctuation than a value begins with.
    pub(super) fn opening(text: &[u8], at: usize) -> Option<Self> {
        let quote = Self::at(text, at)?;
        let from = at + quote.len();
        let next = text.get(from + any_blanks(text, from))?;
        (!b",:;}])>".contains(next)).then_some(quote)
    }

    pub(super) const fn len(self) -> usize {
        self.slashes + 1
    }

    pub(super) const fn is_double(self) -> bool {
        self.mark == b'"'
    }

    pub(super) fn write(self, text: &mut String) {
        (0..self.slashes).for_each(|_| text.push('\\'));
        text.push(self.mark.into());
    }

    /// Where the quotation ends whose text begins here, with its mark, on this line.
    pub(super) fn past(self, text: &[u8], from: usize) -> Option<usize> {
        let end = self.end(text, from)?;
        let is_closed = Self::at(text, end) == Some(self);
        Some(end + if is_closed { self.len() } else { 0 })
    }

    /// Where the text of a quotation ends that begins here, on this line.
    pub(super) fn end(self, text: &[u8], from: usize) -> Option<usize> {
        let mut slashes = 0;
        for (at, &byte) in text.iter().enumerate().skip(from) {
            match byte {
                b'\\' => slashes += 1,
                b'\n' => return None,
                // The text around a quotation of another kind ends.
                b'"' if self.mark != b'"' => return Some(at - slashes),
                _ if byte == self.mark => {
                    let (mine, found) = (level(self.slashes), level(slashes));
                    if found == mine {
                        return Some(at - self.slashes);
                    }
                    // The text around this one ends.
                    if found < mine {
                        return Some(at - slashes);
                    }
                    slashes = 0;
                }
                _ => slashes = 0,
            }
        }
        None
    }
}

/// How deep a mark after so many backslashes is nested: a level quotes them all, and adds its own.
const fn level(mut slashes: usize) -> u32 {
    let mut level = 0;
    while slashes % 2 == 1 {
        (slashes, level) = (slashes / 2, level + 1);
    }
    level
}

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
    let mut at = end + name_quote.map_or(0, Quote::len);
    at += count(&text[at..text.len().min(at + 2)], |byte| byte == b']' || byte == b')');
    let spaces = if name_quote.is_some() { any_blanks(text, at) } else { blanks(text, at) };
    at += spaces;
    let before = start.checked_sub(1).map(|at| text[at]);
    let (manner, length) = match *text.get(at)? {
        b'=' if matches!(before, Some(b'?' | b'&')) => (Manner::Queried, 1),
        b'=' => (Manner::Assigned, 1 + usize::from(matches!(text.get(at + 1)?, b'=' | b'>'))),
        b':' => match text.get(at + 1)? {
            b':' => return None,
            b'=' => (Manner::Assigned, 2),
            _ if name_quote.is_some() => (Manner::Field, 1),
            b' ' | b'\t' | b'\n' | b'\r' => (Manner::Said, 1),
            _ => (Manner::Assigned, 1),
        },
        b'%' if is_encoded(&text[at..]) => (Manner::Encoded, 3),
        b'>' if spaces == 0 && is_element(text, start) => (Manner::Element, 1),
        b',' if name_quote.is_some() => (Manner::Field, pair(text, start, at, name_quote)?),
        b'v' | b'V' if spaces > 0 && name_quote.is_some() => {
            (Manner::Assigned, attribute(text, at)?)
        }
        b'i' if spaces == 1 && text[at..].starts_with(b"is ") => (Manner::Told, 2),
        b'w' if spaces == 1 && text[at..].starts_with(b"was ") => (Manner::Told, 3),
        _ if spaces > 0 && is_option(text, start, at) => (Manner::Assigned, 0),
        _ => return None,
    };
    at += length;
    let after = if name_quote.is_some() { any_blanks(text, at) } else { blanks(text, at) };
    // `name= other words` is a name without a value.
    if manner == Manner::Assigned && after > 0 && spaces == 0 && name_quote.is_none() {
        let is_assignment = text[at - 1] == b'>' || Quote::at(text, at + after).is_some();
        if !is_assignment {
            return None;
        }
    }
    let place = opened(text, at + after, manner, name_quote);
    // An object is no value, but its fields may be secrets; and a list is one if it has texts.
    let is_value = match place.quote {
        Some(quote) if name_quote == Some(quote) => true,
        Some(quote) if name_quote.is_some_and(|name| name.slashes > quote.slashes) => false,
        Some(quote) => Quote::opening(text, place.from - quote.len()).is_some(),
        None => text.get(place.from) != Some(&b'{') && !place.is_list,
    };
    is_value.then_some(place)
}

/// Passes over what is written before a value: `Some(`, `b`, `[`, the quotation mark.
fn opened(text: &[u8], mut at: usize, manner: Manner, name_quote: Option<Quote>) -> Place {
    const LONGEST_CALL: usize = 24;
    let mut is_list = false;
    if text.get(at) == Some(&b'[') && !text[at..].starts_with(super::SIGN.as_bytes()) {
        is_list = true;
        at += 1 + any_blanks(text, at + 1);
    }
    let word = count(&text[at..text.len().min(at + LONGEST_CALL)], |byte| {
        byte.is_ascii_alphanumeric() || byte == b'_'
    });
    // Some("…"), SecretStr('…'), b"…"
    let call = usize::from(word > 0 && text.get(at + word) == Some(&b'('));
    if (call > 0 || word == 1) && Quote::at(text, at + word + call).is_some() {
        at += word + call;
    }
    let quote = Quote::at(text, at);
    let from = at + quote.map_or(0, Quote::len);
    Place { from, manner, quote, name_quote, is_list }
}

/// Where an unquoted value ends.
pub(super) fn run(text: &[u8], from: usize, manner: Manner) -> usize {
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        match byte {
            _ if byte <= b' ' || is_mark(byte) => break,
            b',' | b';' | b'&' | b'<' | b'>' => break,
            b'%' if manner == Manner::Encoded && ends_encoded(&text[at..]) => break,
            b'[' if text[at..].starts_with(super::SIGN.as_bytes()) => break,
            b')' | b']' | b'}' if !text.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) => break,
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
    at - count_back(&text[from..at], |byte| matches!(byte, b'.' | b':' | b'?'))
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
    match name {
        Name::Token | Name::Secrets if number => return value.len() > 9,
        Name::Secret | Name::Token | Name::Secrets => {}
        // Their values are read by `schemes`.
        Name::Authorization | Name::Cookie => return true,
        Name::Key if manner == Manner::Queried => return value.len() >= 6 && is_odd(value),
        Name::Key => return is_random(value) || super::shapes::is_basic(value),
        Name::Code => return is_random(value),
    }
    match manner {
        _ if quoted => true,
        // JSON has only numbers and three words without marks.
        Manner::Field => is_odd(value) || number,
        Manner::Told => value.len() >= 6 && is_odd(value),
        Manner::Said => !is_said(value) && (is_odd(value) || number || !followed),
        _ => !is_said(value) || value.len() > 12,
    }
}

/// Whether a value stands for none, or hides it already.
fn is_placeholder(value: &[u8]) -> bool {
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

/// `$NAME`, `${name}`, `{{ name }}`, `<name>`, `%NAME%`
fn is_variable(value: &[u8]) -> bool {
    let name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    match value {
        [b'$' | b'{', b'{', ..] | [b'<', .., b'>'] => true,
        [b'$', rest @ ..] | [b'%', rest @ .., b'%'] => rest.len() > 2 && rest.iter().all(name),
        _ => false,
    }
}

/// Whether this is said of a secret instead of being one.
pub(super) fn is_said(value: &[u8]) -> bool {
    const WORDS: &str = "missing invalid required expired incorrect wrong empty unset unknown absent \
        denied rejected revoked not must cannot no yes ok the a an is was are string str number int \
        integer boolean bool bytes object option sensitive unauthorized forbidden malformed \
        unsupported disabled enabled too please check failed error mismatch unavailable unspecified";
    let letters = count(value, |byte| byte.is_ascii_alphabetic());
    let rest = value.get(letters);
    (rest.is_none() || matches!(rest, Some(b'[' | b'(')))
        && letters > 0
        && WORDS
            .split_ascii_whitespace()
            .any(|word| value[..letters].eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a word follows a value that ends here.
pub(super) fn is_followed(text: &[u8], end: usize) -> bool {
    let spaces = blanks(text, end);
    spaces > 0
        && text.get(end + spaces).is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'[')
}

/// `, "value"` after a quoted name: in a tuple, or a list of pairs with a key `value` of their own.
/// Returns the length up to the value.
fn pair(text: &[u8], start: usize, comma: usize, quote: Option<Quote>) -> Option<usize> {
    let quote = quote?;
    let opening = start.checked_sub(quote.len())?;
    let at = comma + 1 + any_blanks(text, comma + 1);
    let second = Quote::at(text, at)?;
    let word = at + second.len();
    let end = word + 5;
    if text.get(word..end).is_some_and(|word| word.eq_ignore_ascii_case(b"value"))
        && Quote::at(text, end) == Some(second)
    {
        let colon = end + second.len();
        let colon = colon + any_blanks(text, colon);
        return (text.get(colon) == Some(&b':')).then_some(colon + 1 - comma);
    }
    let is_tuple = Quote::at(text, opening) == Some(quote) && text[..opening].ends_with(b"(");
    (is_tuple && second == quote).then_some(1)
}

/// `value=` of an element whose key is quoted before it.
fn attribute(text: &[u8], at: usize) -> Option<usize> {
    let is_value = text.get(at..at + 6)?.eq_ignore_ascii_case(b"value=");
    is_value.then_some(6)
}

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

pub(super) const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

pub(super) fn blanks(text: &[u8], at: usize) -> usize {
    count(text.get(at..).unwrap_or_default(), |byte| byte == b' ' || byte == b'\t')
}

fn any_blanks(text: &[u8], at: usize) -> usize {
    count(text.get(at..).unwrap_or_default(), |byte| byte.is_ascii_whitespace())
}
