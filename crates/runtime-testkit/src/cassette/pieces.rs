//! The pieces of a body, as a cassette keeps them: as text, where they are text.

use std::fmt::Write as _;

use runtime_events::without_secrets;
use serde_json::{Value, json};

/// The pieces of a body that passes, each with its time.
#[derive(Debug, Default)]
pub(crate) struct Pieces(Vec<(u64, Vec<u8>)>);

impl Pieces {
    pub(crate) fn push(&mut self, at_us: u64, piece: &[u8]) {
        self.0.push((at_us, piece.to_owned()));
    }

    /// The pieces without secrets.
    ///
    /// A secret may be cut by the end of a piece. So the body is read as a whole; where there is one, the body
    /// is kept line by line, since the pieces it came in are no more.
    pub(crate) fn into_chunks(self) -> Vec<(u64, Value)> {
        let whole: Vec<u8> = self.0.iter().flat_map(|(_, piece)| piece).copied().collect();
        if let Some(clean) = bytes_without_secrets(&whole) {
            let at_us = self.0.first().map_or(0, |(at_us, _)| *at_us);
            let lines = clean.split_inclusive(|byte| *byte == b'\n');
            return lines.map(|line| (at_us, value(line.to_owned()))).collect();
        }
        self.0.into_iter().map(|(at_us, piece)| (at_us, value(piece))).collect()
    }
}

/// Bytes without the secrets of all that is text in them; `None` if there are none.
fn bytes_without_secrets(whole: &[u8]) -> Option<Vec<u8>> {
    let mut clean = Vec::with_capacity(whole.len());
    for part in whole.utf8_chunks() {
        clean.extend_from_slice(without_secrets(part.valid()).as_bytes());
        clean.extend_from_slice(part.invalid());
    }
    (clean != whole).then_some(clean)
}

/// A piece as JSON: a text, or an object with the digits of bytes that are none.
fn value(piece: Vec<u8>) -> Value {
    String::from_utf8(piece).map_or_else(
        |error| {
            let hex = error.as_bytes().iter().fold(String::new(), |mut digits, byte| {
                // A string takes everything.
                let _ = write!(digits, "{byte:02x}");
                digits
            });
            json!({ "hex": hex })
        },
        Value::String,
    )
}

/// The bytes of a piece.
pub(crate) fn bytes(piece: &Value) -> Vec<u8> {
    match piece {
        Value::String(text) => text.as_bytes().to_owned(),
        other => {
            let digits = other["hex"].as_str().unwrap_or_default();
            let pairs =
                digits.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
            pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
        }
    }
}
