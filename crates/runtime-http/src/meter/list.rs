//! The elements of one JSON list, as they come: Gemini streams so, unless it is asked for events.

use bytes::{Buf, Bytes, BytesMut};
use serde_json::{Deserializer, Value};

/// A longer element is not read, nor is what comes behind it.
const LONGEST: usize = 8 * 1024 * 1024;

/// What stands in a list.
#[derive(Debug)]
pub(super) enum Listed {
    Element(Value),
    /// The list has ended.
    End,
    /// The bytes are no list.
    Broken,
}

/// The elements that have not come yet.
#[derive(Debug, Default)]
pub(super) struct List {
    rest: BytesMut,
    is_over: bool,
}

impl List {
    /// Calls `take` with each element that `bytes` complete.
    pub(super) fn push(&mut self, bytes: &Bytes, mut take: impl FnMut(Listed)) {
        if self.is_over {
            return;
        }
        self.rest.extend_from_slice(bytes);
        // Nothing else ends an element, and what has begun is not read again and again.
        if !bytes.iter().any(|byte| b"}]".contains(byte)) {
            self.is_over = self.rest.len() > LONGEST;
            return;
        }
        loop {
            let between = |byte: &&u8| byte.is_ascii_whitespace() || b"[,".contains(byte);
            self.rest.advance(self.rest.iter().take_while(between).count());
            if self.rest.first() == Some(&b']') {
                self.is_over = true;
                return take(Listed::End);
            }
            let mut values = Deserializer::from_slice(&self.rest).into_iter();
            match values.next() {
                Some(Ok(element)) => {
                    let end = values.byte_offset();
                    self.rest.advance(end);
                    take(Listed::Element(element));
                }
                Some(Err(error)) if !error.is_eof() => {
                    self.is_over = true;
                    return take(Listed::Broken);
                }
                _ => return,
            }
        }
    }
}
