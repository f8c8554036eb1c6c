//! Literals of languages that write texts without quotation marks: `q(…)` of Perl, `%q[…]` of Ruby, `$$…$$` of
//! Postgres; and what languages write before a mark: `r#"…"#`, `@"…"`.

use super::bytes::count;
use super::quote::Quote;
use super::shapes::{FAR, is_odd};

/// The text inside a literal that begins here.
pub(super) fn inside(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..text.len().min(at + FAR)];
    let rest = &rest[..count(rest, |byte| byte != b'\n')];
    let (from, end): (usize, &[u8]) = if rest.starts_with(b"$") {
        let tag = count(&rest[1..], |byte| byte.is_ascii_alphabetic() || byte == b'_') + 2;
        (tag, rest.get(..tag).filter(|tag| tag.ends_with(b"$"))?)
    } else {
        let sign = usize::from(rest.starts_with(b"%"));
        let letters = count(&rest[sign..], |byte| byte == b'q' || byte == b'Q');
        let from = sign + letters;
        let end: &[u8] = match rest.get(from)? {
            b'(' => b")",
            b'[' => b"]",
            b'{' => b"}",
            b'<' => b">",
            b'|' => b"|",
            b'/' => b"/",
            b'!' => b"!",
            _ => return None,
        };
        (from + 1, Some(end).filter(|_| (1..=2).contains(&letters))?)
    };
    let length = rest[from..].windows(end.len()).position(|part| part == end)?;
    // The call of a function has names.
    let is_one = !rest.starts_with(b"q(") || is_odd(&rest[from..from + length]);
    (length > 0 && is_one).then_some((at + from, at + from + length))
}

/// How long the signs are that stand before a quotation mark: `r#`, `@`, `$@`.
pub(super) fn signs(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    let letters = match rest {
        [b'r' | b'R', b'#', ..] => 1,
        [b'b' | b'c', b'r', b'#', ..] => 2,
        _ => 0,
    };
    let sign = |byte: u8| byte == b'#' || (letters == 0 && matches!(byte, b'@' | b'$'));
    let signs = count(&rest[letters..rest.len().min(letters + 4)], sign);
    let is_mark = signs > 0 && Quote::at(text, at + letters + signs).is_some();
    if is_mark { letters + signs } else { 0 }
}
