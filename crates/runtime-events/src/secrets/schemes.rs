//! Schemes of `Authorization`, and lists of cookies.

use super::bytes::{blanks, count, count_back, is_sign, is_url};
use super::names::Word;
use super::quote::Quote;
use super::shapes::{is_basic, is_odd};
use super::value::{Manner, is_followed, is_placeholder, is_said, run};

/// Schemes that stay before their credentials, which shows how a request was signed: those of RFC 6750,
/// RFC 7236 and AWS, and the ones that providers document in their place. What follows any other word
/// is removed together with it.
const SCHEMES: [&str; 14] = [
    "bearer",
    "basic",
    "digest",
    "negotiate",
    "oauth",
    "token",
    "apikey",
    "api-key",
    "key",
    "bot",
    "aws4-hmac-sha256",
    "sharedkey",
    "ntlm",
    "dpop",
];

/// The credentials in a quoted value of `Authorization`, without its scheme if that is known.
pub(super) fn quoted_credentials(text: &[u8], from: usize, end: usize) -> usize {
    let scheme = word(text, from);
    let item = scheme + blanks(text, scheme);
    if is_known(&text[from..scheme]) && item > scheme && item < end { item } else { from }
}

/// The credentials in the value of a header `Authorization`, without its scheme if that is known. They are empty if
/// they were removed before.
pub(super) fn credentials(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let scheme = word(text, from);
    let item = scheme + blanks(text, scheme);
    let one = run(text, from, Manner::Said);
    let second = run(text, item, Manner::Said);
    let (scheme_only, has_more) = (one == scheme && one > from, item > scheme && second > item);
    if scheme_only && is_known(&text[from..scheme]) {
        if is_sign(text, item) {
            return Some((item, item));
        }
        let next = &text[item..second];
        let about = is_about(next) && is_followed(text, second) || is_placeholder(next);
        return (has_more && !about).then(|| (item, parameters(text, item)));
    }
    let (value, next) = (&text[from..one], &text[item..second]);
    let is_last = !is_followed(text, second) && !is_said(value) && !is_said(next);
    if scheme_only && has_more && (is_odd(next) || is_last) {
        return Some((from, parameters(text, item)));
    }
    let is_word = is_said(value) || (is_followed(text, one) && !is_odd(value));
    (one > from && !is_word).then(|| (from, parameters(text, from)))
}

fn is_known(scheme: &[u8]) -> bool {
    SCHEMES.contains(&Word::of(scheme).as_str())
}

/// The end of the credentials of a scheme outside of `Authorization`: where they look like some, for
/// in prose `Bearer` and `Basic` are words as others are.
pub(super) fn in_prose(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let scheme = &text[start..end];
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer");
    if !is_bearer && !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let from = end + blanks(text, end);
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/*%".contains(&byte);
    let token = from + count(&text[from..], of_token);
    let value = &text[from..token - count_back(&text[from..token], |byte| byte == b'.')];
    // What stands before a sign was not taken for a secret when the rest was removed.
    if from == end || value.is_empty() || is_placeholder(value) || is_sign(text, token) {
        return None;
    }
    let to = from + value.len();
    let is_secret = if is_bearer {
        is_odd(value) || (scheme[0] == b'B' && !is_about(value) && !is_followed(text, to))
    } else {
        is_basic(value)
    };
    is_secret.then(|| (from, to + count(&text[to..], |byte| byte == b'=')))
}

/// Words that follow `Bearer` where it is only named.
fn is_about(value: &[u8]) -> bool {
    const WORDS: &str = "token tokens auth authentication authorization scheme realm format header \
        credential credentials key keys type prefix is or and missing required expected";
    let letters = count(value, |byte| byte.is_ascii_alphabetic());
    WORDS
        .split_ascii_whitespace()
        .any(|word| value[..letters].eq_ignore_ascii_case(word.as_bytes()))
}

/// The end of `a=b; c=d`, if cookies begin here.
pub(super) fn cookies(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    let mut end = None;
    while let Some(value) = parameter(text, at) {
        at = quoted_or_run(text, value);
        end = Some(at);
        if text.get(at) != Some(&b';') {
            break;
        }
        at += 1;
        at += blanks(text, at);
    }
    end
}

/// The end of one item and of the parameters after it: `a`, `a=b`, `a="b", c="d"`.
fn parameters(text: &[u8], from: usize) -> usize {
    let mut at = quoted_or_run(text, parameter(text, from).unwrap_or(from));
    loop {
        let comma = usize::from(text.get(at) == Some(&b','));
        let next = at + comma + blanks(text, at + comma);
        match parameter(text, next).filter(|_| next > at) {
            Some(value) => at = quoted_or_run(text, value),
            None => return at,
        }
    }
}

/// Where the value of the parameter begins whose name begins here.
fn parameter(text: &[u8], at: usize) -> Option<usize> {
    let name = count(&text[at..], |byte| is_url(byte) || byte == b'.');
    // One or two `=` and no more is the end of a base64 text.
    let value = at + name + 1;
    let is_name = name > 0 && text.get(at + name) == Some(&b'=');
    let goes_on = text.get(value).is_some_and(|&byte| byte > b' ' && !b"=,;".contains(&byte));
    (is_name && goes_on).then_some(value)
}

fn quoted_or_run(text: &[u8], from: usize) -> usize {
    match Quote::opening(text, from) {
        Some(quote) => quote.past(text, from + quote.len()).unwrap_or(from),
        None => run(text, from, Manner::Said),
    }
}

/// The end of the word that begins here.
fn word(text: &[u8], from: usize) -> usize {
    from + count(&text[from..], is_url)
}
