//! Source code, and what else stands where a secret could: a variable in its place, or a name without `=`.

use super::bytes::count;
use super::forms;
use super::names;
use super::quote::Quote;
use super::shapes::{FAR, is_odd, is_random};

/// Whether a value is source code that gets a secret from somewhere: `getenv(`, `os.environ[`, `config.password`,
/// `$this->password`.
pub(super) fn is_code(value: &[u8]) -> bool {
    let (is_variable, value) = value.strip_prefix(b"$").map_or((false, value), |rest| (true, rest));
    let end = value.iter().position(|byte| matches!(byte, b'(' | b'[')).unwrap_or(value.len());
    let parts = value[..end].split(|byte| matches!(byte, b'.' | b'?' | b'>'));
    let parts = parts.map(|part| part.strip_suffix(b"-").unwrap_or(part));
    let parts = parts.filter(|part| !part.is_empty());
    let is_word = |part: &[u8]| {
        let letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        part.iter().all(|byte| letter(byte) || byte.is_ascii_digit()) && letter(&part[0])
    };
    let (mut length, mut last) = (0, &b""[..]);
    for part in parts {
        if !is_word(part) {
            return false;
        }
        (length, last) = (length + 1, part);
    }
    let names_secret = || names::may_end(last) && names::of(last, 0, last.len()).is_some();
    // `$this->`
    let is_called = end < value.len() || (is_variable && value.ends_with(b"-"));
    let is_named = length > usize::from(!is_variable) && names_secret();
    length > 0 && !is_random(&value[..end]) && (is_called || is_named)
}

/// Whether a value is the path of a file: `/etc/gcp/key.json`, `~/.aws/credentials`
pub(super) fn is_path(value: &[u8]) -> bool {
    let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || b"._/-~".contains(byte);
    (value.starts_with(b"/") || value.starts_with(b"~/"))
        && value[2.min(value.len())..].contains(&b'/')
        && value.iter().all(belongs)
}

/// Whether source code gives a parameter the variable of its name: `f(password=password)`, `self.key = key`.
pub(super) fn is_itself(
    text: &[u8],
    (start, end): (usize, usize),
    (from, to): (usize, usize),
) -> bool {
    let (name, value) = (&text[start..end], &text[from..to]);
    let is_code = text[end..from].starts_with(b" ") || matches!(text.get(to), Some(b',' | b')'));
    let Some(rest) = name.len().checked_sub(value.len()) else { return false };
    let is_last = rest == 0 || name[rest - 1] == b'.';
    is_code && is_last && name[rest..] == *value && text[end..from].contains(&b'=')
}

/// Whether a function is asked for a secret instead of being given one.
pub(super) fn is_look_up(function: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] = [
        b"env", b"getenv", b"getpass", b"get", b"input", b"prompt", b"ask", b"require", b"config",
        b"param",
    ];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(function))
}

/// Whether the name that begins here is followed by its value after a blank: in `.netrc`, or where a shell, a
/// Dockerfile or a program sets a variable, or where SQL has a password in capitals.
pub(super) fn sets(text: &[u8], start: usize, at: usize) -> bool {
    let is_of_sql = text[start..].starts_with(b"PASSWORD ")
        && matches!(text[at..], [b'\'', ..] | [b'$', b'$', ..]);
    // A line of a file of interfaces.
    if is_of_sql || text[start..].starts_with(b"wpa-psk ") {
        return true;
    }
    let before = &text[start.saturating_sub(FAR)..start];
    let words = before.rsplit(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut last = [&b""[..]; 4];
    last.iter_mut().zip(words).for_each(|(place, word)| *place = word);
    // Of words in prose, no machine has a point.
    let is_host = |host: &[u8]| host == b"localhost" || host.contains(&b'.');
    match last {
        [host, b"machine", ..] | [_, b"login", host, b"machine"] => is_host(host),
        [_, b"login", b"default", _]
        // nmcli dev wifi connect home password hunter2
        | [_, b"connect", b"wifi", _]
        | [b"-x" | b"-gx" | b"-Ux", b"set", ..]
        | [b"setx" | b"ENV", ..]
        | [b"set", b"config" | b"configure", ..]
        | [b"config", b"git", ..]
        | [_, b"config", b"git", _] => true,
        _ => false,
    }
}

/// Whether the quotation behind a blank is the value of the name before it, as in the files of many programs:
/// `user "bob" password "hunter2"`, `secret "…";`.
pub(super) fn is_directive(text: &[u8], (start, end): (usize, usize), at: usize) -> bool {
    const PASSWORDS: [&[u8]; 3] = [b"password", b"passwd", b"passphrase"];
    let name = &text[start..end];
    let from = at + 1;
    let Some(to) = Quote::at(text, at).and_then(|quote| quote.end(text, from)) else {
        return false;
    };
    let value = &text[from..to];
    let is_hash = value.starts_with(b"$9$") || forms::crypt(text, from).is_some();
    let is_key = || is_random(value) || is_hash;
    if value.starts_with(b"$") && !is_hash {
        return false;
    }
    let is_password = PASSWORDS.iter().any(|password| name.ends_with(password));
    (is_password && is_odd(value) && !value.contains(&b' '))
        || (name.ends_with(b"secret") && text.get(to + 1) == Some(&b';') && is_key())
}

/// The length of `for bob:`, which says whose the secret behind it is. No key is as short and has letters alone.
pub(super) fn whose(text: &[u8], at: usize) -> Option<usize> {
    const LONGEST: usize = 15;
    let name = text[at..].strip_prefix(b"for ")?;
    let length = count(name, |byte| byte.is_ascii_alphabetic());
    let is_short = (1..=LONGEST).contains(&length);
    (is_short && name[length..].starts_with(b": ")).then_some(4 + length + 1)
}
