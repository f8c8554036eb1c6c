//! The bookkeeping of syncs, and what happens if one fails.

use std::io;
use std::mem;
use std::sync::Arc;

use super::{Writer, whole_lines};
use crate::jsonl::medium::{Medium, Segment};

/// The files and lines that a sync has to cover.
#[derive(Debug)]
pub(crate) struct Due<S> {
    pub(crate) segments: Vec<Arc<S>>,
    pub(crate) whole: u64,
    written: u64,
}

/// The bookkeeping of syncs. A caller of `due` finishes that sync before the next one.
impl<M: Medium> Writer<M> {
    /// What has to be synced for everything that is written.
    pub(crate) fn due(&self) -> Due<M::Segment> {
        let mut segments = self.left.clone();
        segments.push(Arc::clone(&self.segment));
        Due { segments, whole: self.whole, written: self.books.written }
    }

    /// Records that everything due is on the disk.
    pub(crate) fn synced(&mut self, due: &Due<M::Segment>) {
        // Files left since then come after those that were due, and the last of these may be in use.
        self.left.drain(..due.segments.len() - 1);
        self.books.synced = due.written.saturating_sub(self.doubted).max(self.books.synced);
        let kept = usize::try_from(self.taken - due.whole).unwrap_or(usize::MAX);
        self.unsynced.drain(..self.unsynced.len().saturating_sub(kept));
        if self.rules.keeps {
            self.own.retain(|end| *end > due.whole);
        }
    }

    /// Records that a sync failed and tries to save the lines.
    ///
    /// The system reports such a failure once, and may then treat the unwritten pages as clean. So another
    /// sync of the same file proves nothing about its contents. Everything unsynced is written again, to
    /// the next file, and that file is synced. Some lines may then exist twice.
    pub(crate) fn save(&mut self) -> Saved {
        self.books.errors += 1;
        self.left.clear();
        if !self.rules.keeps {
            return self.doubt();
        }
        self.take_back();
        match self.open_next() {
            // The file that failed is not synced again.
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

    /// Makes unsynced lines pending again.
    fn take_back(&mut self) {
        let mut again = mem::take(&mut self.unsynced);
        self.taken -= again.len() as u64;
        // A sync covers whole lines, so the rest starts with one.
        self.whole = self.taken;
        self.lines += whole_lines(&again).0;
        self.books.written = (self.books.synced + self.doubted).min(self.books.written);
        again.append(&mut self.pending);
        self.pending = again;
    }

    /// Records that unsynced lines may be lost.
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
        // The first half of the last line is in doubt, and so the whole line.
        self.doubted += 1;
        let rest = self.pending.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Saved::Doubted(self.taken + rest as u64)
    }

    /// Starts the pending bytes with a line break, because the one before may be lost.
    ///
    /// A caller that waits for one of these lines waits for a position that is now one short of its end.
    /// That is still after the end of the line before.
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

/// The result of saving lines after a failed sync.
#[derive(Debug)]
pub(crate) enum Saved {
    /// All lines up to here are on the disk, in another file.
    Synced(u64),
    /// All unsynced lines up to here may be lost.
    Doubted(u64),
    /// The lines are pending again.
    Pending(io::Error),
}
