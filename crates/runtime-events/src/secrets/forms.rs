//! Keys whose prefix may begin an ordinary name, and that are known by their two parts; and hashes of passwords.

use super::bytes::count;
use super::issuers::Alphabet::{self, Alnum, Digits, Dotted, Hex, Upper, Url, Uuid};
use super::shapes::FAR;

/// One kind of key: its issuer, its prefix, its first part with the least and the greatest length, the sign
/// between the parts, and the second part with its least length.
type Form = (&'static str, &'static [u8], (Alphabet, usize, usize), u8, (Alphabet, usize));

/// From the sources of [`issuers`](super::issuers), and from the pages on keys of Resend and Arize.
const FORMS: [Form; 6] = [
    ("Salesforce", b"00", (Alnum, 13, 13), b'!', (Dotted, 80)),
    ("Braintree", b"access_token$production$", (Alnum, 16, 16), b'$', (Hex, 32)),
    ("Braintree", b"access_token$sandbox$", (Alnum, 16, 16), b'$', (Hex, 32)),
    ("Arize", b"ak-", (Uuid, 36, 36), b'-', (Url, 32)),
    ("ClickUp", b"pk_", (Digits, 7, 9), b'_', (Upper, 32)),
    ("Resend", b"re_", (Alnum, 8, 8), b'_', (Alnum, 20)),
];

/// The end of the key of a known form that begins here.
#[inline]
pub(super) fn key(text: &[u8], at: usize) -> Option<usize> {
    FORMS.iter().find_map(|form| of_form(form, &text[at..])).map(|length| at + length)
}

/// The length of the key at the beginning of a text.
fn of_form(&(_, prefix, first, sign, second): &Form, text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(prefix)?;
    let (letters, shortest, longest) = first;
    // The sign may be a letter of the first part.
    let end = (shortest..=longest).find(|&end| rest.get(end) == Some(&sign))?;
    let is_first = rest[..end].iter().all(|&byte| letters.has(byte));
    let behind = &rest[end + 1..];
    let (letters, shortest) = second;
    let belongs = |byte| letters.has(byte);
    let part = &behind[..count(&behind[..behind.len().min(FAR)], belongs)];
    let is_key = is_first && part.len() >= shortest && is_no_word(part);
    is_key.then(|| prefix.len() + end + 1 + count(behind, belongs))
}

/// The end of a password's hash as crypt(3) writes it, whose first sign stands here: `$6$salt$hash`,
/// `$2b$12$…`, `$argon2id$v=19$m=65536,t=3,p=4$salt$hash`.
pub(super) fn crypt(text: &[u8], at: usize) -> Option<usize> {
    const LEAST: usize = 20;
    let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"./$".contains(byte);
    if text[..at].last().is_some_and(goes_on) {
        return None;
    }
    let rest = text.get(at + 1..text.len().min(at + FAR))?;
    let id = count(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_known = match &rest[..id] {
        [b'1' | b'5' | b'6' | b'7' | b'8' | b'y'] | [b'2', b'a' | b'b' | b'x' | b'y'] => true,
        id => [&b"apr1"[..], b"sha1", b"gy", b"argon2", b"scrypt", b"pbkdf2", b"bcrypt"]
            .iter()
            .any(|known| id.starts_with(known)),
    };
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"./$=,+-".contains(&byte);
    let length = count(rest, belongs);
    let mut parts = rest[..length].rsplit(|&byte| byte == b'$');
    let hash = parts.next()?;
    let is_hash = hash.len() >= LEAST && parts.nth(1).is_some();
    (is_known && is_hash && is_no_word(hash)).then_some(at + 1 + length)
}

/// Whether it has a digit, and capitals or nothing but digits of a hash.
fn is_no_word(part: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| part.iter().any(is);
    let is_hash = || part.iter().all(u8::is_ascii_hexdigit);
    has(|byte| *byte == b'*')
        || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase))
        || (has(u8::is_ascii_digit) && (has(u8::is_ascii_uppercase) || is_hash()))
}
