//! Whole lines into files that may fail half-way, and the books of what became of them.

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock, Data};
use serde::Serialize;

use super::medium::{Medium, Opened, Segment, Tail};
use super::options::Rotation;
use crate::losses::{Losses, record};
use crate::stats::SinkStats;

/// Collects lines of JSON and writes them out, each byte exactly once and in order.
///
/// A write that fails may have taken any part of what it was given. The rest is kept, and the next
/// write goes on at that very byte, so that no line is torn and none is glued to another. While
/// the disk goes on failing, lines are kept up to a limit; beyond it they are dropped whole, and
/// the first line that finds room again comes after a record of those that did not.
///
/// Invariants, where positions count the bytes of the log from the beginning of this writer:
/// `pending` begins at position `taken`; `whole <= taken` is where the last whole line ends that
/// was written.
#[derive(Debug)]
pub(crate) struct Writer<M: Medium> {
    medium: M,
    segment: Arc<M::Segment>,
    number: u64,
    /// How long the file is, and when it was begun.
    length: u64,
    begun: Instant,
    rules: Rules,
    clock: Arc<dyn Clock>,
    /// Files that were left before all of them was synced.
    left: Vec<Arc<M::Segment>>,
    /// What the file has not taken yet. Ends with a line break, unless it is empty.
    pending: Vec<u8>,
    /// How many lines, or ends of lines, `pending` holds.
    lines: u64,
    taken: u64,
    whole: u64,
    /// Where the lines in `pending`, and in `unsynced`, end that are no events but ours.
    own: Vec<u64>,
    /// What was written and not synced, if it is kept: whole lines, but for the last.
    unsynced: Vec<u8>,
    scratch: Vec<u8>,
    losses: Losses,
    /// How many of those written a failed sync left in doubt.
    doubted: u64,
    /// `pending` is filled in when it is read.
    books: SinkStats,
}

/// What a writer goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Written out once more than this is pending.
    pub(crate) threshold: usize,
    pub(crate) rotation: Option<Rotation>,
    /// Whether somebody syncs the files.
    pub(crate) synced: bool,
    /// Whether what is not synced is kept, for the case that the sync fails.
    pub(crate) keeps: bool,
}

/// How much may be pending while the disk fails, beyond the threshold.
pub(crate) const BACKLOG: usize = 1 << 20;

/// What a sync has to cover, and covers if it succeeds.
#[derive(Debug)]
pub(crate) struct Due<S> {
    pub(crate) segments: Vec<Arc<S>>,
    pub(crate) whole: u64,
    written: u64,
}

impl<M: Medium> Writer<M> {
    /// Goes on with a file. Its first line may be about how that was found.
    pub(crate) fn new(
        medium: M,
        opened: Opened<M::Segment>,
        rules: Rules,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let now = clock.now();
        let mut writer = Self {
            medium,
            segment: opened.segment,
            number: opened.number,
            length: opened.bytes,
            begun: now.checked_sub(opened.age).unwrap_or(now),
            rules,
            clock,
            left: Vec::new(),
            pending: Vec::new(),
            lines: 0,
            taken: 0,
            whole: 0,
            own: Vec::new(),
            unsynced: Vec::new(),
            scratch: Vec::new(),
            losses: Losses::default(),
            doubted: 0,
            books: SinkStats::default(),
        };
        match opened.tail {
            Tail::Whole => {}
            Tail::Cut(torn) => {
                let data = Data::new().with("torn_bytes", torn.bytes).with("torn", torn.text);
                let data = data.with("file", opened.name.clone());
                writer.own(AgentEventName::LogRecovered, AgentEventStatus::Completed, data);
            }
            // Whoever goes on with that line goes on with a line of its own.
            Tail::Left => writer.own_line(b"\n"),
        }
        if rules.rotation.is_some() {
            let data = Data::new().with("file", opened.name).with("pid", std::process::id());
            writer.own(AgentEventName::LogOpened, AgentEventStatus::Ready, data);
        }
        writer
    }

    pub(crate) const fn set_threshold(&mut self, threshold: usize) {
        self.rules.threshold = threshold;
    }

    pub(crate) fn stats(&self) -> SinkStats {
        let SinkStats { accepted, written, dropped, .. } = self.books;
        SinkStats { pending: accepted - written - dropped, ..self.books }
    }

    /// Where the last line ends that was taken in.
    pub(crate) fn end(&self) -> u64 {
        self.taken + self.pending.len() as u64
    }

    /// Takes one event in.
    ///
    /// # Errors
    ///
    /// It was dropped.
    pub(crate) fn take(&mut self, event: &AgentEvent) -> io::Result<()> {
        self.books.accepted += 1;
        if let Err(error) = self.make_room().and_then(|()| self.serialise(event)) {
            self.books.dropped += 1;
            self.losses.add(event);
            return Err(error);
        }
        self.report_losses();
        self.rotate_if_due();
        let line = mem::take(&mut self.scratch);
        self.line(&line);
        self.scratch = line;
        Ok(())
    }

    /// Writes out if enough is pending.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        if self.pending.len() > self.rules.threshold { self.write_out() } else { Ok(()) }
    }

    /// Writes out all that is pending, the record of what was dropped included.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.report_losses();
        self.write_out()
    }

    fn make_room(&mut self) -> io::Result<()> {
        let limit = self.rules.threshold.saturating_add(BACKLOG);
        if self.pending.len() > limit { self.write_out() } else { Ok(()) }
    }

    fn serialise(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.scratch.clear();
        serde_json::to_writer(&mut self.scratch, value)?;
        self.scratch.push(b'\n');
        Ok(())
    }

    fn line(&mut self, line: &[u8]) {
        self.pending.extend_from_slice(line);
        self.lines += 1;
    }

    fn own_line(&mut self, line: &[u8]) {
        self.line(line);
        self.own.push(self.end());
    }

    fn own(&mut self, name: AgentEventName, status: AgentEventStatus, data: Data) {
        let mut line = record(name, status, data, &*self.clock).to_json();
        line.push('\n');
        self.own_line(line.as_bytes());
    }

    fn report_losses(&mut self) {
        if let Some(record) = mem::take(&mut self.losses).to_record(&*self.clock) {
            let line = record.to_json() + "\n";
            self.own_line(line.as_bytes());
        }
    }

    /// Goes on in the next file if this one is too long, with the line in `scratch`, or too old.
    ///
    /// While the disk does not take what belongs in this file, or gives no other, it goes on here.
    fn rotate_if_due(&mut self) {
        let Some(rotation) = self.rules.rotation else { return };
        let length = self.length + self.pending.len() as u64;
        let long = length + self.scratch.len() as u64 > rotation.bytes;
        let old = rotation
            .every
            .is_some_and(|every| self.clock.now().saturating_duration_since(self.begun) >= every);
        if length > 0 && (long || old) && self.write_out().is_ok() && self.open_next().is_err() {
            self.books.errors += 1;
        }
    }

    /// Begins the next file, where a record of that is pending; says whether there is one.
    fn open_next(&mut self) -> io::Result<bool> {
        let Some(opened) = self.medium.next(self.number)? else { return Ok(false) };
        let left = mem::replace(&mut self.segment, opened.segment);
        if self.rules.synced {
            self.left.push(left);
        }
        (self.number, self.length) = (opened.number, opened.bytes);
        self.begun = self.clock.now();
        let data = Data::new().with("file", opened.name);
        self.own(AgentEventName::LogRotated, AgentEventStatus::Running, data);
        Ok(true)
    }

    fn write_out(&mut self) -> io::Result<()> {
        let (done, result) = write_all(&*self.segment, &self.pending);
        self.account(done);
        if result.is_err() {
            self.books.errors += 1;
        }
        result
    }

    /// Enters that the file took the first `done` bytes of what was pending.
    fn account(&mut self, done: usize) {
        let (all, end) = (done == self.pending.len(), self.taken + done as u64);
        let written = &self.pending[..done];
        let (lines, rest) = if all { (self.lines, 0) } else { whole_lines(written) };
        if lines > 0 {
            self.whole = end - rest as u64;
        }
        let own = self.own.iter().filter(|at| (self.taken + 1..=end).contains(at)).count() as u64;
        if self.rules.keeps {
            self.unsynced.extend_from_slice(written);
        } else {
            self.own.retain(|at| *at > end);
        }
        self.books.written += lines - own;
        self.lines -= lines;
        self.taken = end;
        self.length += done as u64;
        self.pending.drain(..done);
    }
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

/// Writes what can be written, and says how much that was.
fn write_all(segment: &impl Segment, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut done = 0;
    while done < bytes.len() {
        match segment.write(&bytes[done..]) {
            Ok(0) => return (done, Err(ErrorKind::WriteZero.into())),
            Ok(more) => done += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (done, Err(error)),
        }
    }
    (done, Ok(()))
}

/// How many lines end in `bytes`, and how much comes after the last.
fn whole_lines(bytes: &[u8]) -> (u64, usize) {
    let mut parts = bytes.split(|byte| *byte == b'\n');
    let rest = parts.next_back().map_or(0, <[u8]>::len);
    (parts.count() as u64, rest)
}
