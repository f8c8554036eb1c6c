//! [`JsonlSink`]: events in files, as lines of JSON.

mod config;
mod disk;
mod log;
mod medium;
mod repair;
mod syncer;
mod writer;

#[cfg(all(test, not(runtime_loom)))]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime_events::AgentEvent;

use self::disk::Disk;
use self::log::Log;
use self::syncer::Syncer;
use self::writer::{Rules, Writer};
use crate::segments::segments;
use crate::sink::{EventSink, SinkError, SinkStats};

pub use self::config::{Durability, JsonlConfig, Rotation};

/// Appends events to a file, each as one line of JSON. Clones share one file.
///
/// [`Durability`] defines what has happened to an event when `emit` returns. By default it is written, so
/// a process that is killed loses nothing that was emitted. Lines of several threads never mix.
///
/// If writing fails, `emit` fails, but the event is kept and written later, from the byte where writing
/// stopped. So there are no torn lines. Beyond a backlog of one mebibyte, events are dropped. Once there
/// is room again, a `log.dropped` tells how many events of which sessions were dropped.
///
/// A file that ends in the middle of a line, because a process was killed, is repaired when it is opened:
/// the torn line is cut off, and a `log.recovered` quotes it.
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
#[derive(Clone, Debug)]
pub struct JsonlSink {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    durability: Durability,
    log: Arc<Log<Disk>>,
    /// Dropped first, because it holds the log.
    syncer: Option<Syncer>,
}

impl JsonlSink {
    /// Opens a file with the default [`JsonlConfig`]. It is created if it does not exist.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the file cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, SinkError> {
        JsonlConfig::default().open(path)
    }

    /// Opens a file with the default [`JsonlConfig`] and removes its contents.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the file cannot be opened or another sink writes to it.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, SinkError> {
        JsonlConfig::default().create(path)
    }

    fn with(path: PathBuf, options: &JsonlConfig, anew: bool) -> Result<Self, SinkError> {
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
        let writer = Writer::new(disk, opened, Rules::of(options), Arc::clone(&options.clock));
        let log = Arc::new(Log::new(path.display().to_string(), writer));
        // The log's own events come first. If writing them fails, they are written later.
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
        Ok(Self { shared: Arc::new(Shared { path, durability, log, syncer }) })
    }

    /// The file or folder of the log.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }
}

impl EventSink for JsonlSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        let Shared { log, durability, .. } = &*self.shared;
        log.emit(std::slice::from_ref(event), *durability == Durability::Sync)
    }

    /// Writes all events at once, and syncs once if emitting syncs.
    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        let Shared { log, durability, .. } = &*self.shared;
        log.emit(events, *durability == Durability::Sync)
    }

    /// Writes what is buffered or could not be written before, and syncs if the log is synced.
    fn flush(&self) -> Result<(), SinkError> {
        self.shared.log.flush(self.shared.durability.is_synced())
    }

    fn stats(&self) -> Option<SinkStats> {
        Some(self.shared.log.stats())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.syncer.take());
        // An error cannot be returned here. Callers who need it flush before.
        let _ = self.log.flush(self.durability.is_synced());
    }
}
