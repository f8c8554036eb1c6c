//! [`Imported`]: the result of importing a JSON-lines log.

use std::io::{self, BufRead};

use runtime_events::AgentEvent;
use serde_json::Value;

use crate::write::{Batch, Conflict, Fate};

/// The result of importing a JSON-lines log.
///
/// `read == new + duplicates + conflicts + torn`. A line of more than a billion bytes, the limit of
/// SQLite, counts as torn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The number of lines, without empty ones.
    pub read: u64,
    /// The number of lines that were not in the database.
    pub new: u64,
    /// The number of lines that were in the database.
    pub duplicates: u64,
    /// The number of lines whose place another event has. That event stays.
    pub conflicts: u64,
    /// The first hundred conflicts.
    pub conflicting: Vec<Conflict>,
    /// The number of lines that are not events of this version. They are stored as they are.
    pub unknown: u64,
    /// The number of lines that are not JSON objects, because a writer was killed within them. They
    /// are not stored.
    pub torn: u64,
}

/// The most conflicts that are listed.
const LISTED: usize = 100;

/// The number of lines in a transaction.
const CHUNK: usize = 1_000;

#[derive(Debug)]
pub(crate) enum Failure {
    Read(io::Error),
    Write(rusqlite::Error),
}

/// The work of one transaction: a chunk of lines.
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

/// Reads the next chunk of lines. Returns whether the log is at its end.
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
