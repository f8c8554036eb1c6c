//! Where events come from: a log, line by line.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use runtime_events::AgentEvent;

/// What a line of a log is.
#[derive(Debug)]
pub(crate) enum Entry {
    Event(Box<AgentEvent>),
    /// Not an event, and why.
    Unknown(String),
}

/// A log that is open for reading.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    lines: BufReader<File>,
    line: u64,
    /// How much of the file was read.
    read: u64,
    /// The beginning of a line whose end is not written yet.
    begun: Vec<u8>,
}

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub(crate) struct LogError {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl Log {
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        let file = File::open(path);
        let file = file.map_err(|source| LogError { path: path.to_owned(), source })?;
        Ok(Self {
            path: path.to_owned(),
            lines: BufReader::new(file),
            line: 0,
            read: 0,
            begun: Vec::new(),
        })
    }

    /// The next line that is complete, and its number; nothing if there is none yet.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Entry)>, LogError> {
        loop {
            let read = self.lines.read_until(b'\n', &mut self.begun);
            let read = read.map_err(|source| LogError { path: self.path.clone(), source })?;
            self.read = self.read.saturating_add(read as u64);
            if self.begun.pop_if(|byte| *byte == b'\n').is_none() {
                return Ok(None);
            }
            self.line += 1;
            let line = std::mem::take(&mut self.begun);
            if !line.trim_ascii().is_empty() {
                return Ok(Some((self.line, entry(&line))));
            }
        }
    }

    /// Begins again with a file that is shorter than what was read of it: it is another one.
    pub(crate) fn follow(&mut self) -> Result<(), LogError> {
        // Between two files of a rotation there may be none.
        let Ok(now) = fs::metadata(&self.path) else { return Ok(()) };
        if now.len() < self.read {
            *self = Self::open(&self.path)?;
        }
        Ok(())
    }

    /// What stands after the last end of a line, if anything does: a line that was cut off, or
    /// whose end was not written.
    pub(crate) fn rest(&mut self) -> Option<(u64, Entry)> {
        let line = std::mem::take(&mut self.begun);
        (!line.trim_ascii().is_empty()).then(|| (self.line + 1, entry(&line)))
    }
}

/// Bytes that are no text do not hide the rest of a line.
fn entry(line: &[u8]) -> Entry {
    match AgentEvent::from_json(&String::from_utf8_lossy(line)) {
        Ok(event) => Entry::Event(Box::new(event)),
        Err(error) => Entry::Unknown(error.to_string()),
    }
}

/// All of a log.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) events: Vec<AgentEvent>,
    /// The line of each event.
    pub(crate) lines: Vec<u64>,
    /// The lines that are no events, and why.
    pub(crate) unknown: Vec<(u64, String)>,
}

pub(crate) fn read(path: &Path) -> Result<Whole, LogError> {
    let mut log = Log::open(path)?;
    let mut whole = Whole::default();
    loop {
        let next = log.next()?;
        let last = next.is_none();
        match next.or_else(|| log.rest()) {
            Some((line, Entry::Event(event))) => {
                whole.events.push(*event);
                whole.lines.push(line);
            }
            Some((line, Entry::Unknown(why))) => whole.unknown.push((line, why)),
            None => {}
        }
        if last {
            return Ok(whole);
        }
    }
}
