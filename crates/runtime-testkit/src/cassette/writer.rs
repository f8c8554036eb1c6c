//! The side that writes: one line per call, when it has ended.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::error::CassetteError;
use super::format::{Head, Recording};

/// The file of a recording.
#[derive(Debug)]
pub(crate) struct Writer(Mutex<Open>);

#[derive(Debug)]
struct Open {
    file: File,
    calls: u64,
    /// The first error; calls of the program do not fail for it.
    failed: Option<io::Error>,
}

impl Writer {
    /// Makes the file, in place of an old one, and writes its head.
    pub(crate) fn create(path: &Path, head: &Head) -> Result<Self, CassetteError> {
        let failed = |error| CassetteError::file(path, error);
        let mut file = File::create(path).map_err(failed)?;
        file.write_all(line(head).as_bytes()).map_err(failed)?;
        Ok(Self(Mutex::new(Open { file, calls: 0, failed: None })))
    }

    /// The number of a call that begins.
    pub(crate) fn begin(&self) -> u64 {
        let mut open = self.open();
        open.calls += 1;
        open.calls
    }

    pub(crate) fn write(&self, recording: &Recording) {
        let line = line(recording);
        let mut open = self.open();
        if open.failed.is_none() {
            open.failed = open.file.write_all(line.as_bytes()).err();
        }
    }

    /// The error that ended the recording, if one did.
    pub(crate) fn finish(&self, path: &Path) -> Result<(), CassetteError> {
        let failed = self.open().failed.take();
        failed.map_or(Ok(()), |error| Err(CassetteError::file(path, error)))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // A panic leaves no change half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line of a cassette. Only maps with other keys than texts have no JSON, and here are none.
pub(crate) fn line(record: &impl Serialize) -> String {
    let mut line = serde_json::to_string(record).unwrap_or_default();
    line.push('\n');
    line
}
