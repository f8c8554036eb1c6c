//! The elements of one JSON list, as they come: Gemini streams so, unless it is asked for events.

use bytes::{Bytes, BytesMut};
use serde_json::Value;

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

/// The elements that have not come whole. Each byte is looked at once for their ends.
#[derive(Debug, Default)]
pub(super) struct List {
    rest: BytesMut,
    /// How many bytes of the rest were looked at.
    seen: usize,
    /// How many brackets are open, that of the list included.
    open: usize,
    string: Inside,
    is_over: bool,
}

/// Whether a byte is of a string, in which brackets are none.
#[derive(Clone, Copy, Debug, Default)]
enum Inside {
    #[default]
    Not,
    String,
    /// Behind a backslash.
    Escape,
}

impl List {
    /// Calls `take` with each element that `bytes` complete.
    pub(super) fn push(&mut self, bytes: &Bytes, mut take: impl FnMut(Listed)) {
        if self.is_over {
            return;
        }
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.next_end() {
            let listed = if self.open == 0 { Listed::End } else { self.element(end) };
            self.is_over = !matches!(listed, Listed::Element(_));
            take(listed);
            if self.is_over {
                return;
            }
        }
        self.is_over = self.rest.len() > LONGEST;
    }

    /// Behind the next bracket that ends an element, or the list.
    fn next_end(&mut self) -> Option<usize> {
        while let Some(&byte) = self.rest.get(self.seen) {
            self.seen += 1;
            self.string = match (self.string, byte) {
                (Inside::Not, b'"') | (Inside::Escape, _) => Inside::String,
                (Inside::String, b'\\') => Inside::Escape,
                (Inside::String, b'"') => Inside::Not,
                (inside, _) => inside,
            };
            match (self.string, byte) {
                (Inside::Not, b'{' | b'[') => self.open += 1,
                (Inside::Not, b'}' | b']') => {
                    self.open = self.open.saturating_sub(1);
                    if self.open < 2 {
                        return Some(self.seen);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Takes the bytes of an element, with what parts it from the one before.
    fn element(&mut self, end: usize) -> Listed {
        let bytes = self.rest.split_to(end);
        self.seen = 0;
        let between = |byte: &&u8| byte.is_ascii_whitespace() || b"[,".contains(byte);
        let begin = bytes.iter().take_while(between).count();
        serde_json::from_slice(&bytes[begin..]).map_or(Listed::Broken, Listed::Element)
    }
}
