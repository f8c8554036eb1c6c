//! Texts without the secrets in them.
//!
//! A text is read once, from left to right, token by token; a token is what stands between blanks and
//! punctuation. What a token is, and the text around it, say whether a secret begins.

mod issuers;
mod json;
mod names;
mod schemes;
mod shapes;
mod value;

use self::names::{Name, Word};
use self::shapes::{count, is_hash, is_random};
use self::value::{Manner, Place, Quote};
use std::borrow::Cow;

/// What stands in the place of a secret.
pub(crate) const SIGN: &str = "[redacted]";

/// The text without secrets: `[redacted]` stands in the place of each.
///
/// A secret is known by the name before it (`api_key=…`, `"password": "…"`, `Authorization: …`), by the
/// prefix that its issuer gives it (`sk-ant-…`, `ghp_…`), by its shape (JSON web tokens, private keys,
/// `user:password` in an address), or, if it looks random, by a word such as "API key" shortly before
/// it. All else stays as it is, names and quotation marks included, so a JSON text stays one.
///
/// A secret that is none of this is not found: the text is safer than it was, and not safe.
///
/// ```
/// use runtime_events::without_secrets;
///
/// let refused = "Incorrect API key provided: sk-abc123. Check your key (request req_011CSHoEe).";
/// let clean = "Incorrect API key provided: [redacted]. Check your key (request req_011CSHoEe).";
/// assert_eq!(without_secrets(refused), clean);
/// assert_eq!(
///     without_secrets(r#"{"apiKey":"9f8e7d","max_tokens":5}"#),
///     r#"{"apiKey":"[redacted]","max_tokens":5}"#,
/// );
/// ```
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut scan = Scan::new(text);
    while scan.step() {}
    scan.finish()
}

/// Whether secrets that look random are looked for, because a word of their kind came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heat {
    None,
    /// After "key" alone: not if it looks like a hash.
    Mild {
        until: usize,
    },
    /// After "API key", "token", "password".
    Hot {
        until: usize,
        name: Name,
    },
}

/// How far after a word such as "key" a secret is looked for, in bytes.
const REACH: usize = 80;

/// A text that is being read.
struct Scan<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// What is read next.
    at: usize,
    /// Where the token begins that is being read, with what an escape leaves before it.
    started: usize,
    /// Nothing before it is read back: a secret was removed here.
    floor: usize,
    heat: Heat,
    /// Where the next `@` is, and the next blank or mark, if that is known.
    next_at: usize,
    next_blank: usize,
    clean: String,
    /// How much of the text is in `clean`.
    copied: usize,
}

impl<'t> Scan<'t> {
    const fn new(text: &'t str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            started: 0,
            floor: 0,
            heat: Heat::None,
            next_at: 0,
            next_blank: 0,
            clean: String::new(),
            copied: 0,
        }
    }

    /// Reads on to the next secret, or by one token. Whether there is more.
    #[inline]
    fn step(&mut self) -> bool {
        let Some(&byte) = self.bytes.get(self.at) else { return false };
        match byte {
            _ if is_of_token(byte) => self.token(),
            b':' => self.colon(),
            b'[' if self.text[self.at..].starts_with(SIGN) => self.pass(self.at + SIGN.len()),
            _ => self.at += 1,
        }
        true
    }

    fn finish(mut self) -> Cow<'t, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.clean.push_str(&self.text[self.copied..]);
        Cow::Owned(self.clean)
    }

    #[inline]
    fn token(&mut self) {
        const SHORTEST_KEY: usize = 9;
        self.started = self.at;
        let start = self.start();
        let end = start + count(&self.bytes[start..], is_of_token);
        self.at = end;
        let is_long = end - start >= SHORTEST_KEY || self.bytes.get(end) == Some(&b'~');
        if is_long && let Some((from, to)) = self.key(start, end) {
            return self.remove(from, to);
        }
        let word = &self.bytes[start..end];
        if names::may_end(word) && self.name(start, end) {
            return;
        }
        match word {
            [b'b' | b'B', _, _, _, ..] => {
                if let Some((from, to)) = schemes::in_prose(self.bytes, start, end) {
                    return self.remove(from, to);
                }
            }
            b"-u" | b"--user" => return self.user(end),
            b"arn" if self.bytes.get(end) == Some(&b':') => self.at = self.blank(end),
            _ => {}
        }
        if self.heat != Heat::None {
            self.hot(start, end);
        }
    }

    /// Where the token begins. What an escape in a JSON text or an address leaves before it is no
    /// part of it: `\nsk-…`, `%22sk-…`.
    #[inline]
    fn start(&self) -> usize {
        let (at, text) = (self.at, self.bytes);
        let escape = match (at.checked_sub(1).map(|before| text[before]), text[at]) {
            (Some(b'\\'), b'n' | b'r' | b't' | b'b' | b'f') => 1,
            (Some(b'\\'), b'u') => 5,
            (Some(b'%'), _) => 2,
            _ => return at,
        };
        at + count(&text[at..text.len().min(at + escape)], |byte| byte.is_ascii_alphanumeric())
    }

    /// A key of an issuer, or of a known shape, that begins in this token or after a joint in it.
    #[inline]
    fn key(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let text = self.bytes;
        let mut joint = true;
        for at in start..end {
            if joint && let Some(to) = issuers::key(text, at).or_else(|| shapes::secret(text, at)) {
                return Some((at, to));
            }
            joint = matches!(text[at], b'-' | b'_' | b'.');
        }
        (end - start > 57 && shapes::discord(&text[start..end])).then_some((start, end))
    }

    /// Reads the value of the name that ends here, if it is one. Whether the value was removed, or
    /// read over.
    fn name(&mut self, start: usize, end: usize) -> bool {
        // What an escape leaves before a token is no word of a name.
        let floor = if start > self.started { start } else { self.floor };
        let Some(name) = names::of(self.bytes, floor, end) else { return false };
        if let Some(place) = value::place(self.bytes, start, end)
            && self.value(name, start, place)
        {
            return true;
        }
        self.heat = match name {
            Name::Key => Heat::Mild { until: end + REACH },
            Name::Secret | Name::Token => Heat::Hot { until: end + REACH, name },
            _ => self.heat,
        };
        false
    }

    /// Removes a value, if it is a secret. Whether it did, or passed over a sign.
    fn value(&mut self, name: Name, start: usize, place: Place) -> bool {
        let (text, from) = (self.bytes, place.from);
        if let Some(quote) = place.quote {
            return self.quoted(name, place, quote);
        }
        if self.text[from..].starts_with(SIGN) {
            self.pass(from + SIGN.len());
            return true;
        }
        let to = value::run(text, from, place.manner);
        let followed = value::is_followed(text, to);
        let is_secret = value::is_secret(name, &text[from..to], place.manner, (false, followed));
        // The variable of a shell that has the working directory.
        let is_folder = text[from..].starts_with(b"/") && text[start..].starts_with(b"PWD=");
        if !is_secret || is_folder {
            return false;
        }
        let (from, to) = match name {
            Name::Authorization => match schemes::credentials(text, from) {
                Some(credentials) => credentials,
                None => return false,
            },
            Name::Cookie => match schemes::cookies(text, from) {
                Some(to) => (from, to),
                None => return false,
            },
            _ if text[from..].starts_with(b"-----BEGIN ") => {
                (from, shapes::secret(text, from).unwrap_or(to))
            }
            _ if place.manner == Manner::Element => {
                (from, from + count(&text[from..], |byte| byte != b'<' && byte != b'\n'))
            }
            _ => (from, to),
        };
        if from == to {
            return false;
        }
        if self.text[from..].starts_with(SIGN) {
            self.pass(from + SIGN.len());
            return true;
        }
        match place.name_quote {
            // In JSON a value without marks gets those of its name.
            Some(quote) if place.manner == Manner::Field => self.remove_in(quote, from, to),
            _ => self.remove(from, to),
        }
        true
    }

    /// Removes a value in quotation marks, and those after it in a list.
    fn quoted(&mut self, name: Name, place: Place, quote: Quote) -> bool {
        let (text, mut from, mut has_removed) = (self.bytes, place.from, false);
        loop {
            let end = quote.end(text, from);
            let to = end.unwrap_or_else(|| self.cut(from, quote));
            let value = &text[from..to];
            if value::is_secret(name, value, place.manner, (true, false)) && from < to {
                let (inner, to) = match name {
                    Name::Authorization => (schemes::quoted_credentials(text, from, to), to),
                    _ if text[from..].starts_with(b"-----BEGIN ") => {
                        (from, shapes::secret(text, from).map_or(to, |end| end.max(to)))
                    }
                    _ => (from, to),
                };
                if &self.text[inner..to] == SIGN {
                    self.pass(to);
                } else {
                    self.remove(inner, to);
                }
                has_removed = true;
            } else if value == SIGN.as_bytes() {
                self.pass(to);
                has_removed = true;
            }
            let Some(next) = end.filter(|_| place.is_list).and_then(|end| self.item(quote, end))
            else {
                return has_removed;
            };
            from = next;
        }
    }

    /// The end of a quotation whose closing mark is cut off.
    fn cut(&self, from: usize, quote: Quote) -> usize {
        // An apostrophe may be no quotation mark.
        if quote.is_double() {
            let line = from + count(&self.bytes[from..], |byte| byte != b'\n' && byte != b'\r');
            return line - shapes::count_back(&self.bytes[from..line], |byte| byte == b'\\');
        }
        value::run(self.bytes, from, Manner::Assigned)
    }

    /// Where the next item of a list begins, inside its marks, after the one that ends here.
    fn item(&self, quote: Quote, end: usize) -> Option<usize> {
        let after = end + quote.len();
        let blank = |byte: u8| byte.is_ascii_whitespace() || byte == b',';
        let next = after + count(&self.bytes[after..], blank);
        (next > after && Quote::at(self.bytes, next) == Some(quote)).then(|| next + quote.len())
    }

    /// `-u user:password` of a command.
    fn user(&mut self, end: usize) {
        let text = self.bytes;
        let from = end + value::blanks(text, end);
        let from = from + Quote::at(text, from).map_or(0, Quote::len);
        let to = value::run(text, from, Manner::Assigned);
        let colon = text[from..to].iter().position(|&byte| byte == b':');
        if let Some(colon) = colon.filter(|_| from > end)
            && from + colon + 1 < to
            && !text[from + colon..].starts_with(b"://")
        {
            self.remove(from + colon + 1, to);
        }
    }

    /// What a colon may begin: the authority of an address, or the secret part of a bot's token.
    fn colon(&mut self) {
        let colon = self.at;
        self.at += 1;
        if self.bytes[colon..].starts_with(b"://") {
            self.authority(colon + 3);
        } else if let Some(length) = shapes::telegram(self.bytes, colon) {
            self.remove(colon + 1, colon + 1 + length);
        }
    }

    /// Removes the password of `user:password@host`, or the token of `token@host`.
    fn authority(&mut self, from: usize) {
        (self.at, self.heat) = (from, Heat::None);
        let text = self.bytes;
        let sign = self.at_sign(from);
        if sign > self.blank(from) || sign >= text.len() {
            return;
        }
        let authority =
            |from| from + count(&text[from..], |byte| !is_blank(byte) && !b"/?#\\".contains(&byte));
        let mut end = authority(from);
        if end < sign {
            // A password with a slash, unless it is a port.
            if !is_password(&text[from..end]) {
                return;
            }
            end = authority(sign);
        }
        // The last one: a password may have others.
        let Some(last) = text[from..end].iter().rposition(|&byte| byte == b'@') else { return };
        let sign = from + last;
        let colon = text[from..sign].iter().position(|&byte| byte == b':');
        let user = &text[from..colon.map_or(sign, |colon| from + colon)];
        let is_token =
            is_random(user) || is_hash(user) || self.key(from, from + user.len()).is_some();
        match colon.map(|colon| from + colon + 1) {
            _ if is_token => self.remove(from, sign),
            Some(password) if self.text[password..sign] == *SIGN => self.pass(sign),
            Some(password) if text[password..sign].iter().any(|&byte| byte != b'*') => {
                self.remove(password, sign);
            }
            _ => {}
        }
    }

    /// Removes what looks random after a word such as "API key".
    fn hot(&mut self, start: usize, end: usize) {
        let text = self.bytes;
        let (until, hot) = match self.heat {
            Heat::None => return,
            Heat::Mild { until } => (until, None),
            Heat::Hot { until, name } => (until, Some(name)),
        };
        let word = &text[start..end];
        if start > until || cools(word) {
            self.heat = Heat::None;
            return;
        }
        let before = start.checked_sub(1).map(|before| text[before]);
        if before == Some(b'/') || is_id(word) {
            return;
        }
        let to =
            start + count(&text[start..], |byte| is_of_token(byte) || b"+/=~*".contains(&byte));
        let to = to - shapes::count_back(&text[start..to], |byte| b"./".contains(&byte));
        let value = &text[start..to];
        let is_secret = match hot {
            None => is_random(value) && !is_hash(value),
            // A key in marks may be short; a token in them may be one of a grammar.
            Some(Name::Secret) if before.is_some_and(value::is_mark) && value.len() >= 6 => {
                shapes::is_odd(value)
            }
            Some(_) => is_random(value) || (is_hash(value) && value.len() > 31),
        };
        if is_secret {
            self.remove(start, to);
        }
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.clean.push_str(&self.text[self.copied..from]);
        self.clean.push_str(SIGN);
        self.copied = to;
        self.pass(to);
    }

    /// Removes a value without marks, and gives it some.
    fn remove_in(&mut self, quote: Quote, from: usize, to: usize) {
        self.clean.push_str(&self.text[self.copied..from]);
        quote.write(&mut self.clean);
        self.clean.push_str(SIGN);
        quote.write(&mut self.clean);
        self.copied = to;
        self.pass(to);
    }

    /// Passes over a secret that is removed.
    const fn pass(&mut self, to: usize) {
        (self.at, self.floor, self.heat) = (to, to, Heat::None);
    }

    fn at_sign(&mut self, from: usize) -> usize {
        if self.next_at < from {
            self.next_at = from + count(&self.bytes[from..], |byte| byte != b'@');
        }
        self.next_at
    }

    fn blank(&mut self, from: usize) -> usize {
        if self.next_blank < from {
            self.next_blank = from + count(&self.bytes[from..], |byte| !is_blank(byte));
        }
        self.next_blank
    }
}

/// Whether a user and a port could not be this: there is a colon, and no number after it.
fn is_password(authority: &[u8]) -> bool {
    let mut parts = authority.splitn(2, |&byte| byte == b':');
    let (user, rest) = (parts.next(), parts.next());
    user.is_some_and(|user| !user.starts_with(b"["))
        && rest.is_some_and(|rest| !rest.iter().all(u8::is_ascii_digit))
}

/// Words after which what looks random is an id.
fn cools(word: &[u8]) -> bool {
    const WORDS: [&str; 26] = [
        "id",
        "ids",
        "request",
        "response",
        "trace",
        "span",
        "session",
        "model",
        "commit",
        "sha",
        "revision",
        "org",
        "organization",
        "project",
        "user",
        "account",
        "run",
        "thread",
        "deployment",
        "file",
        "path",
        "see",
        "version",
        "batch",
        "job",
        "base64",
    ];
    word.len() < 14 && WORDS.contains(&Word::of(word).as_str())
}

/// Ids of requests, answers and runs, by the prefixes that providers give them.
fn is_id(word: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 22] = [
        b"req_",
        b"req-",
        b"resp_",
        b"chatcmpl-",
        b"cmpl-",
        b"msg_",
        b"call_",
        b"toolu_",
        b"run_",
        b"thread_",
        b"asst_",
        b"file-",
        b"file_",
        b"batch_",
        b"gen-",
        b"evt_",
        b"rs_",
        b"fc_",
        b"org-",
        b"proj_",
        b"user-",
        b"step_",
    ];
    PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

const fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// What ends an address.
const fn is_blank(byte: u8) -> bool {
    byte <= b' ' || value::is_mark(byte) || matches!(byte, b'<' | b'>')
}
