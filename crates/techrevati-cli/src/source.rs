//! The events of a log, with their files and lines.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use runtime_events::AgentEvent;
use runtime_sinks::{LogEntry, LogReadError, LogReport};
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
    if path.is_dir() && files.is_empty() {
        return Err(Error::input(
            path,
            "the folder has no log files, which are named `000001.jsonl` and so on",
        ));
    }
    if let Some((place, why)) = unread.first().filter(|_| events.is_empty()) {
        let none =
            format!("it is not an event log: no line is an event; line {}: {why}", place.line);
        return Err(Error::input(path, none));
    }
    Ok(Whole { events, places, unread, report: reader.report() })
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
    let source = std::error::Error::source(&error).map(ToString::to_string);
    Ok(format!("not an event: {}", source.unwrap_or_default()))
}
