//! A body that is one JSON value.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use serde_json::Value;

/// A longer body is not read: its call is billed by its reservation.
const LONGEST: usize = 16 * 1024 * 1024;

/// The pieces of a body, which share their memory with the body that is handed on.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

impl Whole {
    pub(super) fn push(&mut self, piece: &Bytes) {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > LONGEST {
            self.pieces.clear();
        } else if !piece.is_empty() {
            self.pieces.push_back(piece.clone());
        }
    }

    /// The bytes so far, in one piece.
    pub(super) fn joined(&mut self) -> &[u8] {
        if self.pieces.len() > 1 {
            let one = self.pieces.make_contiguous().concat();
            self.pieces = VecDeque::from([one.into()]);
        }
        self.pieces.front().map_or(&[], |one| &**one)
    }

    /// Drops a mark before the rest, which is in the first piece.
    pub(super) fn skip(&mut self, mark: &[u8]) {
        if let Some(first) = self.pieces.front_mut().filter(|first| first.starts_with(mark)) {
            first.advance(mark.len());
        }
    }

    /// Whether it begins as a list.
    pub(super) fn is_list(&self) -> bool {
        let first = self.pieces.iter().find_map(|piece| piece.trim_ascii_start().first());
        first == Some(&b'[')
    }

    /// The pieces so far.
    pub(super) fn into_pieces(self) -> impl Iterator<Item = Bytes> {
        self.pieces.into_iter()
    }

    /// The length of the body.
    pub(super) const fn len(&self) -> usize {
        self.bytes
    }

    /// The value of a complete body, once. `None` if it was too long to keep.
    pub(super) fn parse(&mut self) -> Option<serde_json::Result<Value>> {
        if self.bytes > LONGEST {
            return None;
        }
        let mut pieces = Pieces(std::mem::take(&mut self.pieces));
        Some(match pieces.0.make_contiguous() {
            [one] => serde_json::from_slice(one),
            _ => serde_json::from_reader(&mut pieces),
        })
    }
}

/// Reads one piece after the other.
struct Pieces(VecDeque<Bytes>);

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.0.front_mut() {
            let taken = piece.len().min(out.len());
            piece.copy_to_slice(&mut out[..taken]);
            if piece.is_empty() {
                self.0.pop_front();
            }
            if taken > 0 || out.is_empty() {
                return Ok(taken);
            }
        }
        Ok(0)
    }
}
