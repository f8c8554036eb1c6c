//! JSON values on lines.

use bytes::Bytes;
use memchr::memchr;

/// A longer line is not read.
const LONGEST: usize = 8 * 1024 * 1024;

/// The line that has not ended yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// Calls `take` with each line that `bytes` complete.
    pub(super) fn push(&mut self, bytes: &Bytes, mut take: impl FnMut(&[u8])) {
        let mut bytes = &**bytes;
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            if self.rest.is_empty() && !self.too_long {
                take(line);
            } else {
                self.keep(line);
                self.finish(&mut take);
            }
        }
        self.keep(bytes);
    }

    /// Calls `take` with the last line, which may lack its end.
    pub(super) fn finish(&mut self, mut take: impl FnMut(&[u8])) {
        if !self.too_long {
            take(&self.rest);
        }
        self.rest.clear();
        self.too_long = false;
    }

    fn keep(&mut self, part: &[u8]) {
        self.too_long |= self.rest.len() + part.len() > LONGEST;
        if !self.too_long {
            self.rest.extend_from_slice(part);
        }
    }
}
