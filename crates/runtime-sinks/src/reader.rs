//! [`LogReader`]: reads the logs that [`JsonlSink`](crate::JsonlSink) writes.

mod files;
mod follow;
mod lines;
mod report;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use runtime_events::AgentEvent;
use serde_json::Value;
use thiserror::Error;

use self::files::Files;
use self::lines::{Line, Lines};
use self::report::Check;

pub use self::follow::{Follow, FollowStop};
pub use self::report::{Gap, GapCause, LogReport, TornLine};

/// Reads the entries of a log: of a file, or of a folder of files that continue each other. A byte order
/// mark at the beginning is skipped.
///
/// A line that is JSON but not a known event is returned as raw JSON and counted. A torn last line, whose
/// writer was killed, is skipped and reported. Any other line that is not JSON is an error, after which
/// reading can continue. The [report](Self::report) tells what was read and what is missing.
///
/// ```
/// use std::sync::Arc;
/// use runtime_events::AgentEvent;
/// use runtime_sinks::{EventSink, JsonlSink, LogReader};
///
/// # let path = std::env::temp_dir().join(format!("reader-{}.jsonl", std::process::id()));
/// let log = JsonlSink::create(&path)?;
/// log.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
///
/// let mut reader = LogReader::open(&path)?;
/// for entry in &mut reader {
///     let entry = entry?;
///     println!("{:?}", entry.event().map(|event| event.event));
/// }
/// let report = reader.report();
/// assert_eq!((report.events, report.unknown), (1, 0));
/// assert!(report.is_whole());
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogReader {
    files: Files,
    /// The current file.
    lines: Option<Lines>,
    check: Check,
}

/// An entry of a log.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a line is a known event or it is not")]
pub enum LogEntry {
    /// An event of a session or of a sink.
    Event(Box<AgentEvent>),
    /// JSON that is not a known event: of a later version, or of another program.
    Unknown(Value),
}

impl LogEntry {
    /// The event, if it is one.
    pub fn event(&self) -> Option<&AgentEvent> {
        match self {
            Self::Event(event) => Some(event),
            Self::Unknown(_) => None,
        }
    }
}

/// The error for a log, or a line of it, that cannot be read.
#[derive(Debug, Error)]
#[error("cannot read `{}`{}: {cause}", file.display(), at(*line))]
#[non_exhaustive]
pub struct LogReadError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, or 0 if the file cannot be opened.
    pub line: u64,
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl LogReadError {
    /// What went wrong: a `serde_json::Error` for a line that is not JSON, an [`io::Error`] for what cannot be read.
    pub fn cause(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.cause
    }
}

impl LogReader {
    /// Opens a file, or a folder of a log with rotation.
    ///
    /// # Errors
    ///
    /// [`LogReadError`] if the file does not exist or cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogReadError> {
        let path = path.as_ref();
        let error = |source| error(path, 0, source);
        let mut files = Files::open(path).map_err(error)?;
        let first = files.next().map_err(error)?;
        let mut check = Check::default();
        check.begins_with(files.first_number());
        Ok(Self { files, lines: first, check })
    }

    /// Reads a log from any reader. Errors call it `name`.
    pub fn read(name: impl Into<PathBuf>, from: impl Read + Send + 'static) -> Self {
        let lines = Lines::new(name.into(), Box::new(from));
        Self { files: Files::none(), lines: Some(lines), check: Check::default() }
    }

    /// Waits for more entries at the end of the log, until it is [stopped](Follow::stopper).
    #[must_use = "iterators are lazy and do nothing unless consumed"]
    pub fn follow(self) -> Follow {
        Follow::new(self)
    }

    /// What was read so far, and what is missing.
    pub fn report(&self) -> LogReport {
        self.check.report()
    }

    /// The file and the line of the latest entry, counted from 1. The line is 0 before the first entry.
    pub fn place(&self) -> (&Path, u64) {
        self.lines.as_ref().map_or_else(|| (self.files.path(), 0), Lines::place)
    }

    /// The next entry, or `None` at the end. A last line without a line break is read only if the log
    /// `is_over`. Otherwise the rest of it may still come.
    fn advance(&mut self, is_over: bool) -> Option<Result<LogEntry, LogReadError>> {
        let entry = self.find(is_over);
        if let Some(Err(_)) = entry {
            self.check.unreadable();
        }
        entry
    }

    fn find(&mut self, is_over: bool) -> Option<Result<LogEntry, LogReadError>> {
        loop {
            let found = match self.line(is_over) {
                Ok(None) => match self.files.peek() {
                    Ok(false) if !is_over && self.is_replaced() => self.line(true),
                    Ok(false) => return None,
                    // Another file follows, so this one has ended and its last line counts.
                    Ok(true) => self.line(true),
                    Err(source) => return Some(Err(error(self.files.path(), 0, source))),
                },
                found => found,
            };
            match found {
                Ok(Some(line)) => {
                    if let Some(entry) = self.entry_of(line) {
                        return Some(entry);
                    }
                }
                Ok(None) => match self.files.next() {
                    Ok(lines) => self.lines = lines,
                    Err(source) => return Some(Err(error(self.files.path(), 0, source))),
                },
                Err(source) => {
                    let lines = self.lines.as_ref()?;
                    return Some(Err(error(lines.name(), lines.number(), source)));
                }
            }
        }
    }

    /// Whether the file was moved away and another one has its name. That one is next.
    fn is_replaced(&mut self) -> bool {
        let replaced = self.lines.as_ref().is_some_and(Lines::is_replaced);
        if replaced {
            self.files.again();
        }
        replaced
    }

    fn line(&mut self, is_over: bool) -> io::Result<Option<Line>> {
        self.lines.as_mut().map_or(Ok(None), |lines| lines.next(is_over))
    }

    /// The entry of a line, or `None` if there is nothing to return.
    fn entry_of(&mut self, line: Line) -> Option<Result<LogEntry, LogReadError>> {
        let Line { text, whole, number } = line;
        let place = self.lines.as_ref().map_or_else(|| (Path::new(""), number), Lines::place);
        let text = text.strip_suffix(b"\r").unwrap_or(&text);
        let mark = if number == 1 { &b"\xef\xbb\xbf"[..] } else { b"" };
        let text = text.strip_prefix(mark).unwrap_or(text);
        if text.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        if let Ok(event) = serde_json::from_slice::<AgentEvent>(text) {
            self.check.event(&event, place);
            return Some(Ok(LogEntry::Event(Box::new(event))));
        }
        match serde_json::from_slice::<Value>(text) {
            // An object is complete if it has its last brace.
            Ok(value) if whole || value.is_object() => {
                self.check.unknown(&value, place);
                Some(Ok(LogEntry::Unknown(value)))
            }
            Err(source) if whole => Some(Err(error(place.0, number, source))),
            _ => {
                let (file, bytes) = (place.0.to_owned(), text.len() as u64);
                self.check.torn(TornLine { file, line: number, bytes });
                None
            }
        }
    }
}

impl Iterator for LogReader {
    type Item = Result<LogEntry, LogReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance(true)
    }
}

fn error(
    file: &Path,
    line: u64,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> LogReadError {
    LogReadError { file: file.to_owned(), line, cause: cause.into() }
}

fn at(line: u64) -> String {
    if line > 0 { format!(", line {line}") } else { String::new() }
}

/// A longer line is not an event.
const LONGEST_LINE: u64 = 64 << 20;

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the line is too long")
}
