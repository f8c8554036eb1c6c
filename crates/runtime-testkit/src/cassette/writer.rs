//! The side that writes: one line per call, when it has ended.

#[cfg(not(windows))]
use std::fs::TryLockError;
use std::fs::{File, OpenOptions};
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
    /// Makes the file, in place of an old one that nobody else is writing, and writes its head.
    pub(crate) fn create(path: &Path, head: &Head) -> Result<Self, CassetteError> {
        let failed = |error| CassetteError::file(path, error);
        let mut file = alone(path).map_err(failed)?;
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

    /// The error that ended the recording, if one did. It stays: a line may be there in part.
    pub(crate) fn finish(&self, path: &Path) -> Result<(), CassetteError> {
        let open = self.open();
        let again = |error: &io::Error| io::Error::new(error.kind(), error.to_string());
        let failed = open.failed.as_ref().map(again);
        drop(open);
        failed.map_or(Ok(()), |error| Err(CassetteError::file(path, error)))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // A panic leaves no change half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(not(windows))]
impl Drop for Open {
    fn drop(&mut self) {
        // A child process that is just being started has the file as well, and would keep the lock for a moment.
        let _ = self.file.unlock();
    }
}

/// The file, emptied. Two that write it at once would write over each other's lines.
fn alone(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    // There, a lock would keep out readers as well.
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 1);
    let file = options.open(path)?;
    #[cfg(not(windows))]
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "another recording writes it"));
        }
        // Some file systems have no locks.
        Err(TryLockError::Error(_)) | Ok(()) => {}
    }
    if file.metadata()?.len() > 0 {
        file.set_len(0)?;
    }
    Ok(file)
}

/// A line of a cassette. Only maps with other keys than texts have no JSON, and here are none.
pub(crate) fn line(record: &impl Serialize) -> String {
    let mut line = serde_json::to_string(record).unwrap_or_default();
    line.push('\n');
    line
}
