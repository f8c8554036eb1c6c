//! JSON that can be read again: as deep as may be, and without floats that it has not.

use serde::Serialize;
use serde::ser::Error as _;
use serde_json::value::{RawValue, to_raw_value};

use crate::finite;

/// The most levels of arrays and objects that `serde_json` reads.
pub(crate) const DEEPEST: usize = 127;

/// Writes a value, unless it could not be read again: with floats that JSON has not, or more levels than `most`.
pub(crate) fn written(value: &impl Serialize, most: usize) -> Result<Vec<u8>, serde_json::Error> {
    finite::check(value)?;
    let json = serde_json::to_vec(value)?;
    check_depth(&json, most)?;
    Ok(json)
}

/// The same of a value that is to be a part of another one.
pub(crate) fn raw(value: &impl Serialize) -> Result<Box<RawValue>, serde_json::Error> {
    finite::check(value)?;
    let json = to_raw_value(value)?;
    check_depth(json.get().as_bytes(), DEEPEST)?;
    Ok(json)
}

fn check_depth(json: &[u8], most: usize) -> Result<(), serde_json::Error> {
    // Most have few brackets at all.
    if opening(json) <= most || depth(json) <= most {
        return Ok(());
    }
    Err(serde_json::Error::custom(format!("it is nested more than {DEEPEST} levels deep")))
}

/// The number of `[` and `{`, of which one has a bit that the other one has not.
fn opening(json: &[u8]) -> usize {
    // Sums of bytes, which a processor makes of many at once.
    let of = |part: &[u8]| part.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum::<u8>();
    json.chunks(255).map(|part| usize::from(of(part))).sum()
}

fn depth(json: &[u8]) -> usize {
    let (mut deepest, mut depth, mut in_text, mut escaped) = (0, 0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
