//! Kinds of bytes, and what stands in the place of a secret.

/// What stands in the place of a secret.
pub(super) const SIGN: &str = "[redacted]";

/// Whether the sign stands here.
pub(super) fn is_sign(text: &[u8], at: usize) -> bool {
    text[at..].starts_with(SIGN.as_bytes())
}

/// What a byte is in a token. Looked up, since each byte of each text is.
const KINDS: [u8; 256] = {
    let (mut kinds, mut byte) = ([0; 256], 0u8);
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'_' | b'-' | b'.' => JOINT,
            _ if byte.is_ascii_alphanumeric() => LETTER,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// A letter or a digit.
const LETTER: u8 = 1;
/// What joins the parts of a token.
pub(super) const JOINT: u8 = 2;

/// [`JOINT`], another number for another byte of a token, or zero.
#[inline]
pub(super) fn kind(byte: u8) -> u8 {
    KINDS[usize::from(byte)]
}

#[inline]
pub(super) fn is_of_token(byte: u8) -> bool {
    kind(byte) != 0
}

/// Letters of URL-safe base64.
pub(super) const fn is_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Quotation marks.
pub(super) const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// What ends an address.
pub(super) const fn is_blank(byte: u8) -> bool {
    byte <= b' ' || is_mark(byte) || matches!(byte, b'<' | b'>')
}

/// How many bytes at the beginning are of this kind.
#[inline]
pub(super) fn count(text: &[u8], kind: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|&&byte| kind(byte)).count()
}

/// How many bytes at the end are of this kind.
#[inline]
pub(super) fn count_back(text: &[u8], kind: impl Fn(u8) -> bool) -> usize {
    text.iter().rev().take_while(|&&byte| kind(byte)).count()
}

/// How many blanks follow on the same line.
pub(super) fn blanks(text: &[u8], at: usize) -> usize {
    count(text.get(at..).unwrap_or_default(), |byte| byte == b' ' || byte == b'\t')
}

/// How many blanks and line breaks follow.
pub(super) fn any_blanks(text: &[u8], at: usize) -> usize {
    count(text.get(at..).unwrap_or_default(), |byte| byte.is_ascii_whitespace())
}
