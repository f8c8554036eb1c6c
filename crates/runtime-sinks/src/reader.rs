//! [`LogReader`]: what [`JsonlSink`](crate::JsonlSink) wrote, event by event.

mod files;
mod follow;
mod lines;
mod report;

use std::fmt;
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

/// Reads a log: a file, or a folder of files that continue each other, in order.
///
/// What is in a log but no event that this version knows is handed out as raw JSON, and counted. A
/// last line that was torn, because its writer was killed, is left out and reported; a line in the
/// middle that is no JSON is an error, after which reading goes on. In the end, the
/// [report](Self::report) says what was read, and what is missing.
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
    /// The file that is being read.
    lines: Option<Lines>,
    check: Check,
}

/// What one line of a log says.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a line is one of ours, or it is not")]
pub enum LogEntry {
    /// An event, or what a sink says of itself.
    Event(Box<AgentEvent>),
    /// JSON that is no event of this version: of a later one, or of another program.
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

    /// The event itself, if it is one.
    pub fn into_event(self) -> Option<AgentEvent> {
        match self {
            Self::Event(event) => Some(*event),
            Self::Unknown(_) => None,
        }
    }
}

/// A log, or a line of it, that could not be read.
#[derive(Debug, Error)]
#[error("read `{}`{}: {source}", file.display(), at(*line))]
#[non_exhaustive]
pub struct LogReadError {
    /// The file.
    pub file: PathBuf,
    /// Its line, counted from 1; 0 if it could not be opened.
    pub line: u64,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl LogReader {
    /// Opens a file, or a folder that a sink with a rotation wrote to.
    ///
    /// # Errors
    ///
    /// [`LogReadError`] if there is no such file, or it may not be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogReadError> {
        let path = path.as_ref();
        let error = |source| error(path, 0, source);
        let mut files = Files::open(path).map_err(error)?;
        let first = files.next().map_err(error)?;
        let mut check = Check::default();
        check.begins_with(files.first_number());
        Ok(Self { files, lines: first, check })
    }

    /// Reads a log from anywhere; errors call it by `name`.
    pub fn read(name: impl Into<PathBuf>, from: impl Read + Send + 'static) -> Self {
        let lines = Lines::new(name.into(), Box::new(from));
        Self { files: Files::none(), lines: Some(lines), check: Check::default() }
    }

    /// Goes on when the end is reached: waits for more, until it is [stopped](Follow::stopper).
    #[must_use = "an iterator does nothing until it is asked"]
    pub fn follow(self) -> Follow {
        Follow::new(self)
    }

    /// What was read so far, and what is missing in it.
    pub fn report(&self) -> LogReport {
        self.check.report()
    }

    /// Where the latest entry stands: its file, and its line, counted from 1. Before the first, the
    /// line is 0.
    pub fn place(&self) -> (&Path, u64) {
        self.lines.as_ref().map_or_else(|| (self.files.path(), 0), Lines::place)
    }

    /// The next entry, or `None` at the end. A last line without its line break is looked at only
    /// if the log `is_over`, for otherwise the rest of it may come.
    fn advance(&mut self, is_over: bool) -> Option<Result<LogEntry, LogReadError>> {
        loop {
            let found = match self.line(is_over) {
                Ok(None) => match self.files.peek() {
                    Ok(false) => return None,
                    // Another file follows, so this one is over: that is looked at once more.
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

    fn line(&mut self, is_over: bool) -> io::Result<Option<Line>> {
        self.lines.as_mut().map_or(Ok(None), |lines| lines.next(is_over))
    }

    /// What a line is; `None` if there is nothing to hand out.
    fn entry_of(&mut self, line: Line) -> Option<Result<LogEntry, LogReadError>> {
        let Line { text, whole, number } = line;
        let place = self.lines.as_ref().map_or_else(|| (Path::new(""), number), Lines::place);
        let text = text.strip_suffix(b"\r").unwrap_or(&text);
        if text.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        if let Ok(event) = serde_json::from_slice::<AgentEvent>(text) {
            self.check.event(&event, place);
            return Some(Ok(LogEntry::Event(Box::new(event))));
        }
        match serde_json::from_slice::<Value>(text) {
            // Of an object, the last brace says that it is all of it.
            Ok(value) if whole || value.is_object() => {
                self.check.unknown(&value, place);
                Some(Ok(LogEntry::Unknown(value)))
            }
            Err(source) if whole => {
                self.check.unreadable();
                Some(Err(error(place.0, number, source)))
            }
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
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> LogReadError {
    LogReadError { file: file.to_owned(), line, source: source.into() }
}

fn at(line: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| if line > 0 { write!(f, ", line {line}") } else { Ok(()) })
}

/// A line that is longer than this is no event.
const LONGEST_LINE: u64 = 64 << 20;

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the line is too long")
}
