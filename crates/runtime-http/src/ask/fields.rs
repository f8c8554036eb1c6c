//! The fields of a JSON object, without reading their values.
//!
//! A prompt is nearly all of a request, and nothing of it matters here. So strings are passed over from
//! quote to quote. What is no JSON is left to the provider to refuse.
//!
//! A parser reads every byte of what it passes over. For a prompt of 100 kB with a line break in every
//! 13 bytes, `serde_json` with `IgnoredAny` takes 53 µs and `jiter` 63 µs on a machine where this takes
//! 1 µs; a whole call may add 30 µs.

use std::ops::Range;

use memchr::memchr;

/// The name of a field, and the place of its value.
pub(super) type Field<'b> = (&'b [u8], Range<usize>);

/// The fields of the object that `body` is; `None` if it is none, or breaks off.
pub(super) fn fields(body: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::with_capacity(8);
    let mut at = expect(body, 0, b'{')?;
    loop {
        at = blanks(body, at);
        match body.get(at)? {
            b'}' => return Some(fields),
            b',' => at += 1,
            b'"' => {
                let end = string(body, at + 1)?;
                let name = &body[at + 1..end - 1];
                let start = blanks(body, expect(body, end, b':')?);
                at = value(body, start)?;
                fields.push((name, start..at));
            }
            _ => return None,
        }
    }
}

fn blanks(body: &[u8], at: usize) -> usize {
    let rest = body.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The place behind this byte, which comes next.
fn expect(body: &[u8], at: usize, byte: u8) -> Option<usize> {
    let at = blanks(body, at);
    (*body.get(at)? == byte).then_some(at + 1)
}

/// The place behind a string that begins at `start`, behind its quote.
fn string(body: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let quote = at + memchr(b'"', body.get(at..)?)?;
        let escapes = body[start..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        at = quote + 1;
        if escapes % 2 == 0 {
            return Some(at);
        }
    }
}

/// The place behind a value.
fn value(body: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match body.get(at)? {
            b'"' => at = string(body, at + 1)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' | b',' if depth == 0 => return Some(at),
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}
