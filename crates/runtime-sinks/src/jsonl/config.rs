//! [`JsonlConfig`]: the settings of a log, with [`Durability`] and [`Rotation`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{Clock, Sleeper, SystemClock};

use super::JsonlSink;
use crate::park::Park;
use crate::sink::SinkError;

/// What has happened to an event when [`emit`](crate::EventSink::emit) returns `Ok`.
///
/// | | after `Ok` | killing the process loses | a power failure loses |
/// |---|---|---|---|
/// | `Memory` | the event is in a buffer | the buffer | the buffer, and what the system has not written back |
/// | `Os` | `write` has returned | nothing | what the system has not written back |
/// | `Interval(d)` | `write` has returned | nothing | at most the events since the last sync; syncs start every `d` |
/// | `Sync` | a sync has returned | nothing | nothing, if the disk keeps its promises |
///
/// Tests kill processes for each of them. Power failures are not tested: that column is what the operating
/// system promises for `fdatasync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Events are buffered and written together.
    Memory,
    /// Each event is written before `emit` returns. This is the default.
    #[default]
    Os,
    /// Each event is written before `emit` returns, and a thread syncs in this interval.
    Interval(Duration),
    /// Each event is synced before `emit` returns. Concurrent calls share a sync.
    Sync,
}

impl Durability {
    pub(crate) const fn is_synced(self) -> bool {
        matches!(self, Self::Interval(_) | Self::Sync)
    }
}

/// When a log continues in another file, and how much of it is kept.
///
/// ```
/// use std::time::Duration;
/// use runtime_sinks::Rotation;
///
/// // A new file after 64 MiB or a day, and at most a gibibyte in all.
/// let rotation = Rotation::size(64 << 20).every(Duration::from_secs(86_400)).keep_total(1 << 30);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a rotation does nothing until a log is opened with it"]
pub struct Rotation {
    pub(crate) bytes: u64,
    pub(crate) every: Option<Duration>,
    pub(crate) total: Option<u64>,
}

impl Rotation {
    /// Limits the length of each file. Only a single event can exceed it.
    pub const fn size(bytes: u64) -> Self {
        Self { bytes, every: None, total: None }
    }

    /// Limits the age of each file. Default: no limit.
    pub const fn every(mut self, age: Duration) -> Self {
        self.every = Some(age);
        self
    }

    /// Limits the total length of all files, where the current file counts with its full size. The oldest
    /// files are removed when a new one is started. The current file is never removed. Default: no limit.
    pub const fn keep_total(mut self, bytes: u64) -> Self {
        self.total = Some(bytes);
        self
    }
}

/// The settings of a [`JsonlSink`].
///
/// ```
/// use runtime_sinks::{Durability, JsonlConfig, Rotation};
///
/// # let folder = std::env::temp_dir().join(format!("options-{}", std::process::id()));
/// let log = JsonlConfig::default()
///     .durability(Durability::Sync)
///     .rotate(Rotation::size(64 << 20).keep_total(1 << 30))
///     .open(&folder)?;
/// assert!(folder.join("000001.jsonl").exists());
/// # drop(log);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a configuration does nothing until a log is opened with it"]
pub struct JsonlConfig {
    pub(crate) durability: Durability,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) buffer: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) park: Park,
}

/// The default size of the buffer.
const BUFFER: usize = 64 * 1024;

impl Default for JsonlConfig {
    fn default() -> Self {
        let clock = Arc::new(SystemClock);
        let (durability, rotation) = (Durability::Os, None);
        Self { durability, rotation, buffer: BUFFER, clock, park: Park::default() }
    }
}

impl JsonlConfig {
    /// Sets what `emit` waits for. Default: [`Durability::Os`].
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Makes the log a folder of files that continue each other. Default: a single file.
    pub const fn rotate(mut self, rotation: Rotation) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// Sets how many bytes are buffered with [`Durability::Memory`]. Default: 64 KiB.
    pub const fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    /// Sets the clock for the log's own events and the age of files. Default: the system clock.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets how the thread for [`Durability::Interval`] waits. Default: by the timer of the system.
    pub fn sleeper(mut self, sleeper: impl Sleeper + 'static) -> Self {
        self.park = Park::with(Arc::new(sleeper));
        self
    }

    /// Opens the log. It is created if it does not exist.
    ///
    /// With a rotation, `path` is a folder, to which one sink at a time can write. Without one, it is a
    /// file, to which several sinks can append whole lines.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the log cannot be opened or repaired, or another sink writes to the folder.
    pub fn open(self, path: impl Into<PathBuf>) -> Result<JsonlSink, SinkError> {
        JsonlSink::with(path.into(), &self, false)
    }

    /// Opens the log and removes the contents of the file.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and if another sink writes to the file. A folder that contains a log
    /// is refused, and not emptied.
    pub fn create(self, path: impl Into<PathBuf>) -> Result<JsonlSink, SinkError> {
        JsonlSink::with(path.into(), &self, true)
    }
}
