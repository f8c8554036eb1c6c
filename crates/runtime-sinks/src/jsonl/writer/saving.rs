//! Syncs, as far as the books go, and what is done when one fails.

use std::io;
use std::mem;
use std::sync::Arc;

use super::{Writer, whole_lines};
use crate::jsonl::medium::{Medium, Segment};

/// What a sync has to cover, and covers if it succeeds.
#[derive(Debug)]
pub(crate) struct Due<S> {
    pub(crate) segments: Vec<Arc<S>>,
    pub(crate) whole: u64,
    written: u64,
}

/// Syncs, as far as the books go. One at a time: who asks for what is due settles it first.
impl<M: Medium> Writer<M> {
    /// What has to be synced, for all that was written to be on the disk.
    pub(crate) fn due(&self) -> Due<M::Segment> {
        let mut segments = self.left.clone();
        segments.push(Arc::clone(&self.segment));
        Due { segments, whole: self.whole, written: self.books.written }
    }

    /// Enters that what was due is on the disk.
    pub(crate) fn synced(&mut self, due: &Due<M::Segment>) {
        // What was left since comes after what was due, and the last of these may be in use.
        self.left.drain(..due.segments.len() - 1);
        self.books.synced = due.written.saturating_sub(self.doubted).max(self.books.synced);
        let kept = usize::try_from(self.taken - due.whole).unwrap_or(usize::MAX);
        self.unsynced.drain(..self.unsynced.len().saturating_sub(kept));
        if self.rules.keeps {
            self.own.retain(|end| *end > due.whole);
        }
    }

    /// Enters that a sync failed, and does what can be done about it.
    ///
    /// The system reports such a failure once, and may call the pages clean that it could not
    /// write: another sync of the same file proves nothing about what was in it. So whatever is not
    /// synced is written again, to the next file, and that one is synced. Some lines may then be
    /// there twice.
    pub(crate) fn save(&mut self) -> Saved {
        self.books.errors += 1;
        self.left.clear();
        if !self.rules.keeps {
            return self.doubt();
        }
        self.take_back();
        match self.open_next() {
            // Not the file that failed.
            Ok(true) => self.left.clear(),
            Ok(false) => return self.doubt(),
            Err(error) => {
                self.break_line();
                return Saved::Pending(error);
            }
        }
        if let Err(error) = self.write_out() {
            return Saved::Pending(error);
        }
        let due = self.due();
        if self.segment.sync().is_err() {
            self.books.errors += 1;
            return self.doubt();
        }
        self.synced(&due);
        Saved::Synced(due.whole)
    }

    /// What is not synced counts as not written.
    fn take_back(&mut self) {
        let mut again = mem::take(&mut self.unsynced);
        self.taken -= again.len() as u64;
        // A sync covers whole lines: what comes after it begins with one.
        self.whole = self.taken;
        self.lines += whole_lines(&again).0;
        self.books.written = (self.books.synced + self.doubted).min(self.books.written);
        again.append(&mut self.pending);
        self.pending = again;
    }

    /// Whatever was written and is not synced may be lost.
    fn doubt(&mut self) -> Saved {
        self.unsynced.clear();
        if self.rules.keeps {
            self.own.retain(|end| *end > self.taken);
        }
        self.doubted = self.books.written - self.books.synced;
        if self.taken == self.whole {
            self.break_line();
            return Saved::Doubted(self.taken);
        }
        // Of the line that is half-written, the first half is in doubt, and so all of it.
        self.doubted += 1;
        let rest = self.pending.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Saved::Doubted(self.taken + rest as u64)
    }

    /// Has what is pending begin with a line break: what is before it may be gone, with its own.
    ///
    /// Whoever waits for one of these lines waits for a position that is now one short of its end;
    /// that is still behind the end of the line before.
    fn break_line(&mut self) {
        if self.pending.first() == Some(&b'\n') {
            return;
        }
        for end in self.own.iter_mut().filter(|end| **end > self.taken) {
            *end += 1;
        }
        self.pending.insert(0, b'\n');
        self.own.push(self.taken + 1);
        self.lines += 1;
    }
}

/// What came of it when a sync failed.
#[derive(Debug)]
pub(crate) enum Saved {
    /// All lines up to here are on the disk, in another file.
    Synced(u64),
    /// All lines that were not synced up to here may be lost.
    Doubted(u64),
    /// They are pending again.
    Pending(io::Error),
}
