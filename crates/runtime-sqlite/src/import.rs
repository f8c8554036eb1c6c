//! [`Imported`]: what came of reading a JSON-lines log in.

use std::io::{self, BufRead};

use runtime_events::AgentEvent;
use serde_json::Value;
use thiserror::Error;

use crate::write::{Batch, Fate};

/// What came of reading a JSON-lines log in.
///
/// `read == new + duplicates + conflicts + torn`. A line of more than a billion bytes, which is
/// SQLite's limit, counts as torn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The lines, empty ones aside.
    pub read: u64,
    /// Those that were not in the database.
    pub new: u64,
    /// Those that were.
    pub duplicates: u64,
    /// Those in whose place is another event. That one stays.
    pub conflicts: u64,
    /// The first hundred of those.
    pub conflicting: Vec<Conflict>,
    /// Of all lines, those that are no events of this version. They are kept as they are.
    pub unknown: u64,
    /// Those that are no JSON object: a writer was killed within them. Nothing is kept of them.
    pub torn: u64,
}

/// An event that is in the database already, with other contents.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("event {seq} of session `{session_id}` is there already, with other contents")]
#[non_exhaustive]
pub struct Conflict {
    /// The session of both.
    pub session_id: String,
    /// The place of both in it.
    pub seq: u64,
}

/// How many conflicts are listed.
const LISTED: usize = 100;

/// How many lines are committed together.
const CHUNK: usize = 1_000;

#[derive(Debug)]
pub(crate) enum Failure {
    Read(io::Error),
    Write(rusqlite::Error),
}

/// One chunk of lines, to be written as one transaction.
pub(crate) type Work<'w> = &'w mut dyn FnMut(&mut Batch<'_>) -> rusqlite::Result<Imported>;

pub(crate) fn import(
    mut log: impl BufRead,
    mut transact: impl FnMut(Work<'_>) -> rusqlite::Result<Imported>,
) -> Result<Imported, Failure> {
    let mut imported = Imported::default();
    let mut lines: Vec<Vec<u8>> = Vec::with_capacity(CHUNK);
    loop {
        let end = read(&mut log, &mut lines).map_err(Failure::Read)?;
        let chunk = transact(&mut |batch| {
            let mut chunk = Imported::default();
            for line in &lines {
                chunk.line(line, batch)?;
            }
            Ok(chunk)
        });
        imported.add(chunk.map_err(Failure::Write)?);
        if end {
            return Ok(imported);
        }
    }
}

/// Reads the next lines that are not empty; `true` at the end of the log.
fn read(log: &mut impl BufRead, lines: &mut Vec<Vec<u8>>) -> io::Result<bool> {
    lines.clear();
    while lines.len() < CHUNK {
        let mut line = Vec::new();
        if log.read_until(b'\n', &mut line)? == 0 {
            return Ok(true);
        }
        let line = line.trim_ascii();
        if !line.is_empty() {
            lines.push(line.to_vec());
        }
    }
    Ok(false)
}

impl Imported {
    fn line(&mut self, line: &[u8], batch: &mut Batch<'_>) -> rusqlite::Result<()> {
        self.read += 1;
        let Ok(text) = str::from_utf8(line) else {
            self.torn += 1;
            return Ok(());
        };
        let fate = if let Ok(event) = AgentEvent::from_json(text) {
            batch.event_as(&event, text)?
        } else if let Ok(Value::Object(object)) = serde_json::from_str(text) {
            self.unknown += 1;
            batch.unknown(&object, text)?
        } else {
            self.torn += 1;
            return Ok(());
        };
        match fate {
            Fate::New => self.new += 1,
            Fate::Duplicate => self.duplicates += 1,
            Fate::TooLarge => self.torn += 1,
            Fate::Conflict(conflict) => {
                self.conflicts += 1;
                self.list(conflict);
            }
        }
        Ok(())
    }

    fn list(&mut self, conflict: Conflict) {
        if self.conflicting.len() < LISTED {
            self.conflicting.push(conflict);
        }
    }

    fn add(&mut self, chunk: Self) {
        self.read += chunk.read;
        self.new += chunk.new;
        self.duplicates += chunk.duplicates;
        self.conflicts += chunk.conflicts;
        self.unknown += chunk.unknown;
        self.torn += chunk.torn;
        chunk.conflicting.into_iter().for_each(|conflict| self.list(conflict));
    }
}
