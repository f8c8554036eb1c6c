//! Whole lines into files that may fail half-way, and the books of what became of them.

mod saving;

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use runtime_events::payload::{LogRecord, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock, Data};
use serde::Serialize;

use super::medium::{Medium, Opened, Segment, Tail};
use super::options::Rotation;
use crate::losses::{Losses, record};
use crate::stats::SinkStats;

pub(crate) use self::saving::Saved;

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
    /// While there is no next file, another is asked for only once this one is so long.
    patience: u64,
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
            patience: 0,
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
                let cut = LogRecord {
                    torn_bytes: Some(torn.bytes),
                    torn: Some(Word::Read(&torn.text)),
                    file: Some(Word::Read(&opened.name)),
                    ..LogRecord::default()
                };
                writer.own(AgentEventName::LogRecovered, AgentEventStatus::Completed, cut.data());
            }
            // Whoever goes on with that line goes on with a line of its own.
            Tail::Left => writer.own_line(b"\n"),
        }
        if rules.rotation.is_some() {
            let (file, pid) = (Some(Word::Read(&opened.name)), Some(std::process::id()));
            let begun = LogRecord { file, pid, ..LogRecord::default() };
            writer.own(AgentEventName::LogOpened, AgentEventStatus::Ready, begun.data());
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
        let due = length > self.patience && (long || old);
        if due && self.write_out().is_ok() && self.open_next().is_err() {
            self.books.errors += 1;
            self.patience = length.saturating_add(rotation.bytes / 16);
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
        (self.begun, self.patience) = (self.clock.now(), 0);
        let begun = LogRecord { file: Some(Word::Read(&opened.name)), ..LogRecord::default() };
        self.own(AgentEventName::LogRotated, AgentEventStatus::Running, begun.data());
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
