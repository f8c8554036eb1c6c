//! [`JsonlSink`]: events in a file, one line of JSON each.

mod disk;
mod log;
mod medium;
mod options;
mod repair;
mod syncer;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime_events::AgentEvent;

use self::disk::Disk;
use self::log::Log;
use self::syncer::Syncer;
use self::writer::{Rules, Writer};
use crate::segments::segments;
use crate::sink::{EventSink, SinkError};
use crate::stats::SinkStats;

pub use self::options::{Durability, JsonlOptions, Rotation};

/// Appends events to a file, each as one line of JSON.
///
/// What it means that an emission has returned is the log's [`Durability`]; unless set, that the
/// event is written: a process that is killed loses nothing that was emitted. Lines of several
/// threads never mix.
///
/// When writing fails, the emission does too; but what was taken is kept and written later, from
/// the very byte where it stopped: there are no torn lines. Beyond a mebibyte of backlog, events are
/// dropped, and once there is room again a record in the log says how many and of which sessions:
/// `log.dropped`.
///
/// A file that ends in the middle of a line, because another process was killed, is repaired when it
/// is opened: the torn line is cut off, and a record says so and quotes it: `log.recovered`.
///
/// ```
/// use std::sync::Arc;
/// use runtime_events::AgentEvent;
/// use runtime_sinks::{EventSink, JsonlSink};
///
/// let path = std::env::temp_dir().join(format!("events-{}.jsonl", std::process::id()));
/// let log = JsonlSink::create(&path)?;
/// log.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
///
/// let text = std::fs::read_to_string(&path)?;
/// assert!(text.starts_with(r#"{"event":"agent.started""#) && text.ends_with("}\n"));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonlSink {
    path: PathBuf,
    durability: Durability,
    log: Arc<Log<Disk>>,
    /// Dropped first: it holds on to the log.
    syncer: Option<Syncer>,
}

impl JsonlSink {
    /// Opens a file to append to, and creates it where it does not exist. Each event is written
    /// at once: [`Durability::Os`].
    ///
    /// # Errors
    ///
    /// [`SinkError`], which names the path, if the file cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, SinkError> {
        Self::options().open(path)
    }

    /// Opens a file of a run's own: what is in it goes.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if another sink writes to the file.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, SinkError> {
        Self::options().create(path)
    }

    /// Durability, rotation and more.
    pub fn options() -> JsonlOptions {
        JsonlOptions::new()
    }

    fn with(path: PathBuf, options: &JsonlOptions, anew: bool) -> Result<Self, SinkError> {
        let durability = options.durability;
        let opened = match options.rotation {
            None => Disk::file(&path, anew, durability.is_synced()),
            Some(_) if anew && segments(&path).is_ok_and(|found| !found.is_empty()) => {
                Err(std::io::ErrorKind::AlreadyExists.into())
            }
            Some(rotation) => {
                Disk::folder(&path, rotation, durability.is_synced(), &*options.clock)
            }
        };
        let (disk, opened) =
            opened.map_err(|error| SinkError::new(format!("open `{}`", path.display()), error))?;
        let rules = Rules {
            threshold: if durability == Durability::Memory { options.buffer } else { 0 },
            rotation: options.rotation,
            synced: durability.is_synced(),
            keeps: durability == Durability::Sync && options.rotation.is_some(),
        };
        let writer = Writer::new(disk, opened, rules, Arc::clone(&options.clock));
        let log = Arc::new(Log::new(path.display().to_string(), writer));
        // What the log says of itself is the first thing to be written. If that fails, it is
        // written later, as everything.
        let _ = log.flush(false);
        let syncer = match durability {
            Durability::Interval(every) => {
                Some(Syncer::start(&log, every, options).map_err(|error| {
                    SinkError::new(
                        format!("start the thread that syncs `{}`", path.display()),
                        error,
                    )
                })?)
            }
            _ => None,
        };
        Ok(Self { path, durability, log, syncer })
    }

    /// Sets how many bytes are collected before they are written. With 0, each event is written at
    /// once, as it is unless set. A log that is synced collects nothing.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        if !self.durability.is_synced() {
            self.durability = if bytes == 0 { Durability::Os } else { Durability::Memory };
            self.log.set_threshold(bytes);
        }
        self
    }

    /// The file, or the folder of files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What an emission waits for.
    pub const fn durability(&self) -> Durability {
        self.durability
    }
}

impl EventSink for JsonlSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.log.emit(std::slice::from_ref(event), self.durability == Durability::Sync)
    }

    /// Takes them in, and then writes once, and syncs once if each emission would.
    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        self.log.emit(events, self.durability == Durability::Sync)
    }

    /// Writes what is collected or could not be written before, and syncs a log that is synced.
    fn flush(&self) -> Result<(), SinkError> {
        self.log.flush(self.durability.is_synced())
    }

    fn stats(&self) -> Option<SinkStats> {
        Some(self.log.stats())
    }
}

impl Drop for JsonlSink {
    fn drop(&mut self) {
        drop(self.syncer.take());
        // Nobody is left to tell. Who wants to know flushes before.
        let _ = self.log.flush(self.durability.is_synced());
    }
}
