//! The events of a log, with their files and lines.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime_events::AgentEvent;
use runtime_sinks::{LogEntry, LogReadError, LogReader, LogReport};
use serde_json::{Value, json};

use crate::{Error, input};

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    file: Arc<Path>,
    line: u64,
}

impl Place {
    pub(crate) fn new(file: &Path, line: u64) -> Self {
        Self { file: Arc::from(file), line }
    }

    /// As JSON.
    pub(crate) fn to_json(&self, problem: &str) -> Value {
        json!({"file": self.file.to_string_lossy(), "line": self.line, "problem": problem})
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A log that was read to its end.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) events: Vec<AgentEvent>,
    /// The place of each event.
    pub(crate) places: Vec<Place>,
    /// The lines that are not events, and why. Torn lines are in the report.
    pub(crate) unread: Vec<(Place, String)>,
    pub(crate) report: LogReport,
}

impl Whole {
    /// The number of lines that are not events.
    pub(crate) const fn unread(&self) -> u64 {
        (self.unread.len() + self.report.torn.len()) as u64
    }
}

/// Reads a whole log.
///
/// A file without an event that is not empty is an error, as is a folder without log files: it is another
/// file than was meant.
pub(crate) fn read(path: &Path) -> Result<Whole, Error> {
    let mut reader = input::open(path)?;
    let (mut events, mut places, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    // All lines of a file share its name.
    let mut files: HashSet<Arc<Path>> = HashSet::new();
    while let Some(entry) = reader.next() {
        let (file, line) = reader.place();
        if !files.contains(file) {
            files.insert(Arc::from(file));
        }
        let file = files.get(file).map_or_else(|| Arc::from(file), Arc::clone);
        let place = Place { file, line };
        match entry {
            Ok(LogEntry::Event(event)) => {
                events.push(*event);
                places.push(place);
            }
            Ok(LogEntry::Unknown(value)) => unread.push((place, why(value))),
            Err(error) => unread.push((Place::new(&error.file, error.line), reason(error)?)),
        }
    }
    if events.is_empty() {
        check_kind(path, unread.first().map(|(place, why)| (place.line, &**why)))?;
    }
    Ok(Whole { events, places, unread, report: reader.report() })
}

/// Of a log without an event: whether it may be one that is empty. `line` is its first line, and why it is
/// no event.
fn check_kind(path: &Path, line: Option<(u64, &str)>) -> Result<(), Error> {
    const NO_FILES: &str = "the folder has no log files, which are named `000001.jsonl` and so on";
    match line {
        Some((number, why)) => {
            let none = format!("it is not an event log: no line is an event; line {number}: {why}");
            Err(Error::input(path, none))
        }
        None if path.is_dir() => Err(Error::input(path, NO_FILES)),
        None => Ok(()),
    }
}

/// The events of a log, one after the other. What is no event is passed over.
pub(crate) struct Events {
    path: PathBuf,
    reader: LogReader,
    any: bool,
    /// The first line that is no event, and why.
    unread: Option<(u64, String)>,
    failed: Option<LogReadError>,
}

impl Events {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let reader = input::open(path)?;
        Ok(Self { path: path.to_owned(), reader, any: false, unread: None, failed: None })
    }

    /// Whether the log could be read to its end, and is one.
    pub(crate) fn ended(self) -> Result<(), Error> {
        if let Some(failed) = self.failed {
            return Err(failed.into());
        }
        let line = self.unread.as_ref().map(|(line, why)| (*line, &**why));
        if self.any { Ok(()) } else { check_kind(&self.path, line) }
    }
}

impl Iterator for Events {
    type Item = AgentEvent;

    fn next(&mut self) -> Option<AgentEvent> {
        loop {
            let why = match self.reader.next()? {
                Ok(LogEntry::Event(event)) => {
                    self.any = true;
                    return Some(*event);
                }
                Ok(LogEntry::Unknown(value)) if self.unread.is_none() => why(value),
                Ok(LogEntry::Unknown(_)) => continue,
                Err(error) => match reason(error) {
                    Ok(why) => why,
                    Err(error) => {
                        self.failed = Some(error);
                        return None;
                    }
                },
            };
            let line = self.reader.place().1;
            self.unread.get_or_insert((line, why));
        }
    }
}

/// Why a line of JSON is not an event.
pub(crate) fn why(value: Value) -> String {
    match serde_json::from_value::<AgentEvent>(value) {
        Err(error) => format!("not an event of this version: {error}"),
        // The reader tried the same.
        Ok(_) => "not an event of this version".to_owned(),
    }
}

/// Why a line cannot be read. The error of a whole log is returned as it is.
pub(crate) fn reason(error: LogReadError) -> Result<String, LogReadError> {
    if error.line == 0 {
        return Err(error);
    }
    let cause = error.cause();
    let what = if cause.is::<serde_json::Error>() { "not an event" } else { "cannot be read" };
    Ok(format!("{what}: {cause}"))
}
