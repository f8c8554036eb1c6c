//! [`Disk`]: a single file, or the files of a folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime_events::{AgentEvent, Clock};

use super::config::Rotation;
use super::medium::{Medium, Opened, Tail};
use super::repair::{last_line, repair};
use crate::segments::{LOCK, segment_name, segments};

/// The files of a log.
#[derive(Debug)]
pub(crate) enum Disk {
    /// A single file.
    File { _lock: Held },
    /// A folder, to which only this log writes while it holds the lock.
    Folder { path: PathBuf, rotation: Rotation, durable: bool, _lock: Held },
}

/// A locked file, which is unlocked on drop and not only when it is closed. A child process that is being
/// started has a copy of the file for a moment, and another sink must not find it locked.
#[derive(Debug)]
pub(crate) struct Held(pub(super) Arc<File>);

impl Drop for Held {
    fn drop(&mut self) {
        // If unlocking fails, closing the last copy unlocks it.
        let _ = self.0.unlock();
    }
}

/// The longest first line from which the age of a file is read.
const FIRST_LINE: u64 = 64 * 1024;

/// How often a lock is tried that another opener holds for a moment.
const PATIENCE: u32 = 1_000;

impl Disk {
    /// Opens a file to append to.
    pub(crate) fn file(
        path: &Path,
        replace: bool,
        durable: bool,
    ) -> io::Result<(Self, Opened<File>)> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        // Pipes and terminals have no length, no contents and no lock.
        let regular = file.metadata().is_ok_and(|facts| facts.is_file());
        let tail = if regular { settle(path, &file, replace)? } else { Tail::Whole };
        let bytes = if regular { file.metadata()?.len() } else { 0 };
        if regular && durable {
            sync_new(path, &file)?;
        }
        let (segment, name) = (Arc::new(file), path.display().to_string());
        let disk = Self::File { _lock: Held(Arc::clone(&segment)) };
        Ok((disk, Opened { segment, number: 0, name, bytes, age: Duration::ZERO, tail }))
    }

    /// Opens the last file of a folder to append to.
    pub(crate) fn folder(
        path: &Path,
        rotation: Rotation,
        durable: bool,
        clock: &dyn Clock,
    ) -> io::Result<(Self, Opened<File>)> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().append(true).create(true).open(path.join(LOCK))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(io::Error::new(ErrorKind::ResourceBusy, "another sink is writing to it"));
        }
        let lock = Held(Arc::new(lock));
        let mut disk = Self::Folder { path: path.to_owned(), rotation, durable, _lock: lock };
        if durable {
            sync_folder_of(path)?;
        }
        let Some((number, last)) = segments(path)?.pop() else {
            let first = disk.next(0)?;
            return first.map(|first| (disk, first)).ok_or_else(|| ErrorKind::NotFound.into());
        };
        let mut file = OpenOptions::new().read(true).append(true).open(&last)?;
        let tail = repair(&mut file)?;
        let bytes = file.metadata()?.len();
        let age = age_of(&last, clock);
        let (segment, name) = (Arc::new(file), segment_name(number));
        Ok((disk, Opened { segment, number, name, bytes, age, tail }))
    }
}

impl Medium for Disk {
    type Segment = File;

    fn next(&mut self, number: u64) -> io::Result<Option<Opened<File>>> {
        let Self::Folder { path, rotation, durable, .. } = self else { return Ok(None) };
        let number = number.saturating_add(1);
        let (name, place) = (segment_name(number), path.join(segment_name(number)));
        // First, because it makes room on a full disk.
        remove_old(path, number, *rotation)?;
        // It may exist and be empty, if something failed after it was created.
        let file = OpenOptions::new().append(true).create(true).open(&place)?;
        if *durable {
            sync_new(&place, &file)?;
        }
        let bytes = file.metadata()?.len();
        let (segment, age) = (Arc::new(file), Duration::ZERO);
        Ok(Some(Opened { segment, number, name, bytes, age, tail: Tail::Whole }))
    }
}

/// A file is on the disk only if its name is as well.
fn sync_new(path: &Path, file: &File) -> io::Result<()> {
    file.sync_all()?;
    sync_folder_of(path)
}

/// Only on Unix can folders be synced, and only there is it necessary.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Removes the oldest files of a folder, until the others and a full file `number` are within the limit.
fn remove_old(path: &Path, number: u64, rotation: Rotation) -> io::Result<()> {
    let Some(limit) = rotation.total else { return Ok(()) };
    let mut closed = Vec::new();
    for (other, path) in segments(path)?.into_iter().filter(|(other, _)| *other < number) {
        closed.push((other, fs::metadata(&path)?.len(), path));
    }
    let mut total =
        closed.iter().fold(rotation.bytes, |sum, (_, bytes, _)| sum.saturating_add(*bytes));
    for (_, bytes, path) in closed {
        if total <= limit {
            break;
        }
        fs::remove_file(path)?;
        total -= bytes;
    }
    Ok(())
}

/// Makes a file that was just opened end with a whole line, unless another sink writes to it.
///
/// Each sink holds a shared lock on its file and repairs it under an exclusive one, so that a line which
/// another sink is writing is not cut off. Without locks, nothing is cut off.
fn settle(path: &Path, file: &File, replace: bool) -> io::Result<Tail> {
    let alone = file.try_lock().is_ok();
    if alone {
        let tail =
            if replace { file.set_len(0).map(|()| Tail::Whole) } else { whole_or_repaired(path) };
        file.unlock()?;
        share(file)?;
        return tail;
    }
    if replace {
        return Err(io::Error::new(ErrorKind::ResourceBusy, "another sink is writing to it"));
    }
    share(file)?;
    // For a file that cannot be read, a line break is written first.
    Ok(if ends_with_a_line(path).unwrap_or(false) { Tail::Whole } else { Tail::Left })
}

fn whole_or_repaired(path: &Path) -> io::Result<Tail> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(mut file) => repair(&mut file),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(Tail::Left),
        Err(error) => Err(error),
    }
}

fn ends_with_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok(last_line(&mut file, length)? == length)
}

fn share(file: &File) -> io::Result<()> {
    for _ in 0..PATIENCE {
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => thread::yield_now(),
            // Not every system supports locks.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
    Err(io::Error::new(ErrorKind::ResourceBusy, "another program has locked it"))
}

/// The age of the first line of a file by the wall clock, or zero if it is unknown or in the future.
fn age_of(path: &Path, clock: &dyn Clock) -> Duration {
    let first = || {
        let mut line = String::new();
        BufReader::new(File::open(path).ok()?.take(FIRST_LINE)).read_line(&mut line).ok()?;
        AgentEvent::from_json(line.trim_end()).ok()
    };
    first().and_then(|event| (clock.utc_now() - event.emitted_at).to_std().ok()).unwrap_or_default()
}
