//! [`Writer`]: writes whole lines to files that may fail half-way, and counts them.

mod saving;

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use runtime_events::payload::{LogRecord, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock, Data};

use super::config::{Durability, JsonlConfig, Rotation};
use super::medium::{Medium, Opened, Segment, Tail};
use crate::losses::{Losses, record};
use crate::sink::SinkStats;

pub(crate) use self::saving::Saved;

/// Buffers lines of JSON and writes each byte exactly once and in order.
///
/// A failed write may have written any part. The rest is kept, and the next write continues at that byte,
/// so that no line is torn or joined with another. While the disk keeps failing, lines are kept up to a
/// limit. Beyond it they are dropped whole, and an event about them precedes the next line that fits.
///
/// Positions count the bytes of the log from the start of this writer. Invariants: `pending` starts at
/// position `taken`, and `whole <= taken` is the end of the last whole line that was written.
#[derive(Debug)]
pub(crate) struct Writer<M: Medium> {
    medium: M,
    segment: Arc<M::Segment>,
    number: u64,
    /// The length of the file, and when it was started.
    length: u64,
    begun: Instant,
    /// If the next file cannot be opened, it is tried again at this length.
    patience: u64,
    rules: Rules,
    clock: Arc<dyn Clock>,
    /// Earlier files that are not fully synced.
    left: Vec<Arc<M::Segment>>,
    /// The bytes that are not written yet. They end with a line break unless empty.
    pending: Vec<u8>,
    /// The number of line ends in `pending`.
    lines: u64,
    taken: u64,
    whole: u64,
    /// The ends of the log's own lines in `pending` and `unsynced`.
    own: Vec<u64>,
    /// The written and unsynced bytes, if they are kept: whole lines except for the last.
    unsynced: Vec<u8>,
    scratch: Vec<u8>,
    losses: Losses,
    /// The number of written events that a failed sync left in doubt.
    doubted: u64,
    /// `pending` is computed when it is read.
    books: SinkStats,
}

/// The rules of a writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Pending bytes are written above this number.
    pub(crate) threshold: usize,
    pub(crate) rotation: Option<Rotation>,
    /// Whether the files are synced.
    pub(crate) synced: bool,
    /// Whether unsynced bytes are kept, in case a sync fails.
    pub(crate) keeps: bool,
}

impl Rules {
    pub(crate) fn of(options: &JsonlConfig) -> Self {
        let JsonlConfig { durability, rotation, buffer, .. } = *options;
        Self {
            threshold: if durability == Durability::Memory { buffer } else { 0 },
            rotation,
            synced: durability.is_synced(),
            // Lines that were acknowledged as synced go to the next file if the sync fails.
            keeps: durability == Durability::Sync && rotation.is_some(),
        }
    }
}

/// How many bytes may be pending above the threshold while the disk fails.
pub(crate) const BACKLOG: usize = 1 << 20;

impl<M: Medium> Writer<M> {
    /// Continues a file. The first line may report how the file ended.
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
            // The next line must not join the one that another sink is writing.
            Tail::Left => writer.own_line(b"\n"),
        }
        if rules.rotation.is_some() {
            let (file, pid) = (Some(Word::Read(&opened.name)), Some(std::process::id()));
            let begun = LogRecord { file, pid, ..LogRecord::default() };
            writer.own(AgentEventName::LogOpened, AgentEventStatus::Ready, begun.data());
        }
        writer
    }

    pub(crate) fn stats(&self) -> SinkStats {
        let SinkStats { accepted, written, dropped, .. } = self.books;
        SinkStats { pending: accepted - written - dropped, ..self.books }
    }

    /// The end of the last line that was taken.
    pub(crate) fn end(&self) -> u64 {
        self.taken + self.pending.len() as u64
    }

    /// Takes an event.
    ///
    /// # Errors
    ///
    /// An error means that the event was dropped.
    pub(crate) fn take(&mut self, event: &AgentEvent) -> io::Result<()> {
        self.books.accepted += 1;
        if let Err(error) = self.make_room() {
            self.books.dropped += 1;
            self.losses.add(event);
            return Err(error);
        }
        self.scratch.clear();
        event.write_json(&mut self.scratch);
        self.scratch.push(b'\n');
        self.report_losses();
        self.rotate_if_due();
        let line = mem::take(&mut self.scratch);
        self.line(&line);
        self.scratch = line;
        Ok(())
    }

    /// Writes if enough is pending.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        if self.pending.len() > self.rules.threshold { self.write_out() } else { Ok(()) }
    }

    /// Writes everything that is pending, including the event about dropped lines.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.report_losses();
        self.write_out()
    }

    fn make_room(&mut self) -> io::Result<()> {
        let limit = self.rules.threshold.saturating_add(BACKLOG);
        if self.pending.len() > limit { self.write_out() } else { Ok(()) }
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

    /// Continues in the next file if this one is too old, or too long with the line in `scratch`.
    ///
    /// It stays with this file if pending bytes cannot be written or the next file cannot be opened.
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

    /// Starts the next file with an event about it. Returns whether there is one.
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

    /// Records that the first `done` pending bytes are written.
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

/// Writes as much as possible and returns how much it was.
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

/// The number of line ends in `bytes`, and of bytes after the last one.
fn whole_lines(bytes: &[u8]) -> (u64, usize) {
    let mut parts = bytes.split(|byte| *byte == b'\n');
    let rest = parts.next_back().map_or(0, <[u8]>::len);
    (parts.count() as u64, rest)
}
