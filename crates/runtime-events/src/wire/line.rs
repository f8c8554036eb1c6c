//! [`Line`]: the JSON of an event as bytes, as `serde_json` writes it and at a part of its cost. That one looks at each
//! letter by itself, while most of what an event says has nothing to escape, and its keys never have.

use std::convert::Infallible;

use serde::Serialize;

use crate::data::Data;
use crate::fact::Fact;

/// What the fields of an event are written to, each if it is set.
pub(super) trait Write {
    type Error;

    fn any<T: Serialize>(&mut self, key: Key, value: Option<T>) -> Result<(), Self::Error>;

    fn text(&mut self, key: Key, text: Option<&str>) -> Result<(), Self::Error> {
        self.any(key, text)
    }

    /// A text of letters, digits and signs that are never escaped.
    fn word(&mut self, key: Key, word: Option<&[u8]>) -> Result<(), Self::Error> {
        self.any(key, word.map(|word| str::from_utf8(word).unwrap_or_default()))
    }

    fn data(&mut self, key: Key, data: Option<&Data>) -> Result<(), Self::Error> {
        self.any(key, data)
    }
}

/// A key of an event.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// Behind other fields, with what is around it.
    pub(super) written: &'static str,
}

macro_rules! key {
    ($name:literal) => {
        Key { name: $name, written: concat!(",\"", $name, "\":") }
    };
}

/// A line that fields are appended to, each behind a comma.
pub(super) struct Line<'l>(pub(super) &'l mut Vec<u8>);

impl Write for Line<'_> {
    type Error = Infallible;

    #[inline]
    fn any<T: Serialize>(&mut self, key: Key, value: Option<T>) -> Result<(), Infallible> {
        if let Some(value) = value {
            self.0.extend_from_slice(key.written.as_bytes());
            put_any(self.0, &value);
        }
        Ok(())
    }

    #[inline]
    fn text(&mut self, key: Key, text: Option<&str>) -> Result<(), Infallible> {
        if let Some(text) = text {
            self.0.extend_from_slice(key.written.as_bytes());
            put_text(self.0, text);
        }
        Ok(())
    }

    #[inline]
    fn word(&mut self, key: Key, word: Option<&[u8]>) -> Result<(), Infallible> {
        if let Some(word) = word {
            self.0.extend_from_slice(key.written.as_bytes());
            put_plain(self.0, word);
        }
        Ok(())
    }

    fn data(&mut self, key: Key, data: Option<&Data>) -> Result<(), Infallible> {
        let Some(data) = data else { return Ok(()) };
        self.0.extend_from_slice(key.written.as_bytes());
        self.0.push(b'{');
        for (place, (key, fact)) in data.iter().enumerate() {
            if place > 0 {
                self.0.push(b',');
            }
            put_text(self.0, key);
            self.0.push(b':');
            match fact {
                Fact::Text(text) => put_text(self.0, text),
                fact => put_any(self.0, fact),
            }
        }
        self.0.push(b'}');
        Ok(())
    }
}

fn put_text(line: &mut Vec<u8>, text: &str) {
    if has_escapes(text.as_bytes()) {
        return put_any(line, text);
    }
    put_plain(line, text.as_bytes());
}

fn put_plain(line: &mut Vec<u8>, text: &[u8]) {
    line.push(b'"');
    line.extend_from_slice(text);
    line.push(b'"');
}

/// Whether JSON writes any of these bytes otherwise: those below a space, a quote, a backslash.
fn has_escapes(text: &[u8]) -> bool {
    // The last bytes may be looked at twice.
    if let Some(last) = text.last_chunk() {
        let (eights, _) = text.as_chunks();
        return eights.iter().any(|eight| eight_has_escapes(*eight)) || eight_has_escapes(*last);
    }
    if let (Some([a, b, c, d]), Some([e, f, g, h])) = (text.first_chunk(), text.last_chunk()) {
        return eight_has_escapes([*a, *b, *c, *d, *e, *f, *g, *h]);
    }
    text.iter().any(|byte| matches!(byte, 0..b' ' | b'"' | b'\\'))
}

/// All bytes of a word at once: one that is less than another, of at most 128, borrows the bit above it.
const fn eight_has_escapes(eight: [u8; 8]) -> bool {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const fn less(eight: u64, than: u8) -> u64 {
        eight.wrapping_sub(EACH * than as u64) & !eight & (EACH << 7)
    }
    let eight = u64::from_le_bytes(eight);
    let quote = eight ^ (EACH * b'"' as u64);
    let backslash = eight ^ (EACH * b'\\' as u64);
    less(eight, b' ') | less(quote, 1) | less(backslash, 1) != 0
}

#[inline(never)]
fn put_any<T: Serialize + ?Sized>(line: &mut Vec<u8>, value: &T) {
    // Texts, numbers and JSON values cannot fail to serialise, and a `Vec` takes all bytes.
    let _ = serde_json::to_writer(line, value);
}
