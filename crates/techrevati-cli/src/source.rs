//! Where events come from: a log, a file or a folder of files, entry by entry.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime_events::AgentEvent;
use runtime_sinks::{LogEntry, LogReadError, LogReader, LogReport};

/// A file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error(transparent)]
    Read(#[from] LogReadError),
    #[error("{}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Where something stands in a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    file: Arc<Path>,
    line: u64,
}

impl Place {
    pub(crate) fn new(file: &Path, line: u64) -> Self {
        Self { file: Arc::from(file), line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// All of a log.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) events: Vec<AgentEvent>,
    /// The place of each event.
    pub(crate) places: Vec<Place>,
    /// What is no event, and why. Torn lines are in the report.
    pub(crate) unread: Vec<(Place, String)>,
    pub(crate) report: LogReport,
}

impl Whole {
    /// How many lines were no events.
    pub(crate) const fn unread(&self) -> u64 {
        (self.unread.len() + self.report.torn.len()) as u64
    }
}

pub(crate) fn read(path: &Path) -> Result<Whole, LogError> {
    let mut reader = LogReader::open(path)?;
    let (mut events, mut places, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    // One name for all lines of a file.
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
    Ok(Whole { events, places, unread, report: reader.report() })
}

/// Why JSON is no event.
pub(crate) fn why(value: serde_json::Value) -> String {
    match serde_json::from_value::<AgentEvent>(value) {
        Err(error) => format!("not an event of this version: {error}"),
        // The reader has tried.
        Ok(_) => "not an event of this version".to_owned(),
    }
}

/// Why a line cannot be read, after which reading goes on; a log that cannot be read at all is an
/// error of its own.
pub(crate) fn reason(error: LogReadError) -> Result<String, LogError> {
    if error.line == 0 {
        return Err(error.into());
    }
    let source = std::error::Error::source(&error).map(ToString::to_string);
    Ok(format!("not an event: {}", source.unwrap_or_default()))
}
