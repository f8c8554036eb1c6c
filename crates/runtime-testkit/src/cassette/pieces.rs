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
        let text = std::str::from_utf8(&whole).unwrap_or_default();
        let clean = without_secrets(text);
        if clean != text {
            let at_us = self.0.first().map_or(0, |(at_us, _)| *at_us);
            return clean.split_inclusive('\n').map(|line| (at_us, line.into())).collect();
        }
        self.0.into_iter().map(|(at_us, piece)| (at_us, value(piece))).collect()
    }
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
