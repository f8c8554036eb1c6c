//! How a log is kept: [`JsonlOptions`], [`Durability`] and [`Rotation`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{Clock, Sleeper, SystemClock};

use super::JsonlSink;
use crate::park::Park;
use crate::sink::SinkError;

/// What has become of an event when [`emit`](crate::EventSink::emit) returns `Ok`.
///
/// | | `Ok` means | a process that is killed loses | a machine that loses power loses |
/// |---|---|---|---|
/// | `Memory` | it is in a buffer | what is in the buffer | that, and what the system has not written back |
/// | `Os` | `write` has returned | nothing | what the system has not written back |
/// | `Interval(d)` | `write` has returned | nothing | at most what came since the last sync, begun `d` after the one before |
/// | `Sync` | a sync that covers it has returned | nothing | nothing, if the disk does what it says |
///
/// Killing is tested, for each of them. Loss of power is not: what is said of it is what the
/// operating system promises of `fdatasync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Events are collected and written together.
    Memory,
    /// Each event is written before its emission returns. Used unless set.
    #[default]
    Os,
    /// As `Os`; and a thread syncs what was written as often as this.
    Interval(Duration),
    /// Each event is synced before its emission returns. Those who emit at once share a sync.
    Sync,
}

impl Durability {
    pub(crate) const fn is_synced(self) -> bool {
        matches!(self, Self::Interval(_) | Self::Sync)
    }
}

/// When a log goes on in another file, and how much of it is kept.
///
/// ```
/// use std::time::Duration;
/// use runtime_sinks::Rotation;
///
/// // A new file after 64 MiB or a day; no more than a gibibyte in all.
/// let rotation = Rotation::size(64 << 20).every(Duration::from_hours(24)).keep_total(1 << 30);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a log rotates only if it is told so"]
pub struct Rotation {
    pub(crate) bytes: u64,
    pub(crate) every: Option<Duration>,
    pub(crate) total: Option<u64>,
}

impl Rotation {
    /// No file gets longer than this, unless by its only event.
    pub const fn size(bytes: u64) -> Self {
        Self { bytes, every: None, total: None }
    }

    /// A file that was begun this long ago gets no more events. Unless set, age does not matter.
    pub const fn every(mut self, age: Duration) -> Self {
        self.every = Some(age);
        self
    }

    /// The files together, with the one in use at its full size, are no longer than this: the
    /// oldest go first, when a new one is begun. The one in use never goes. Unless set, all are
    /// kept.
    pub const fn keep_total(mut self, bytes: u64) -> Self {
        self.total = Some(bytes);
        self
    }
}

/// How a [`JsonlSink`] keeps its log.
///
/// ```
/// use runtime_sinks::{Durability, JsonlSink, Rotation};
///
/// # let folder = std::env::temp_dir().join(format!("options-{}", std::process::id()));
/// let log = JsonlSink::options()
///     .durability(Durability::Sync)
///     .rotate(Rotation::size(64 << 20).keep_total(1 << 30))
///     .open(&folder)?;
/// assert!(folder.join("000001.jsonl").exists());
/// # drop(log);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a log is opened with them"]
pub struct JsonlOptions {
    pub(crate) durability: Durability,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) buffer: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) park: Park,
}

/// How much is collected before it is written, unless told otherwise.
const BUFFER: usize = 64 * 1024;

impl JsonlOptions {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(SystemClock);
        let (durability, rotation) = (Durability::Os, None);
        Self { durability, rotation, buffer: BUFFER, clock, park: Park::default() }
    }

    /// What an emission waits for. [`Durability::Os`] unless set.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Makes the log a folder of files, each of which is continued in the next. Unless set, it is
    /// one file.
    pub const fn rotate(mut self, rotation: Rotation) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// How many bytes are collected before they are written, with [`Durability::Memory`]. 64 KiB
    /// unless set.
    pub const fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    /// Where the stamps of the log's own records and the age of its files come from. The system's
    /// clock unless set.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How the thread waits that syncs a log in intervals. On the system's timer unless set.
    pub fn sleeper(mut self, sleeper: impl Sleeper + 'static) -> Self {
        self.park = Park::with(Arc::new(sleeper));
        self
    }

    /// Opens the log, and creates it where it does not exist.
    ///
    /// With a rotation, `path` is a folder, of which one sink at a time is the writer. Without, it
    /// is a file; several sinks may append to it, and each writes whole lines only.
    ///
    /// # Errors
    ///
    /// [`SinkError`], which names the path, if it cannot be opened or repaired, or if another sink
    /// writes to the folder.
    pub fn open(self, path: impl Into<PathBuf>) -> Result<JsonlSink, SinkError> {
        JsonlSink::with(path.into(), &self, false)
    }

    /// Opens the log anew: what is in the file goes.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if another sink writes to the file. A folder is not emptied:
    /// one that holds a log is refused.
    pub fn create(self, path: impl Into<PathBuf>) -> Result<JsonlSink, SinkError> {
        JsonlSink::with(path.into(), &self, true)
    }
}
