//! [`SqliteConfig`] and [`SqliteDurability`]: the settings of a sink and of a store.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{Clock, IdSource, RandomIds, SystemClock};

/// The storage that a commit waits for.
///
/// | | a process that is killed loses | a machine that loses power loses |
/// |---|---|---|
/// | `Os` | nothing that was committed | the last commits, back to the last checkpoint at worst |
/// | `Sync` | nothing that was committed | nothing that was committed, if the disk does what it says |
///
/// The database stays whole either way. Tests kill the process; the column about power is the promise
/// of SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqliteDurability {
    /// The memory of the operating system (`synchronous = NORMAL`). The default of a sink.
    Os,
    /// The disk (`synchronous = FULL`). The default of a store.
    Sync,
}

/// The settings of a [`SqliteSink`](crate::SqliteSink), and of a `SqliteStore` as far as they concern it.
///
/// ```
/// use std::time::Duration;
/// use runtime_sqlite::{SqliteDurability, SqliteSink};
///
/// # let path = std::env::temp_dir().join(format!("runtime-sqlite-opt-{}.db", std::process::id()));
/// let log = SqliteSink::options()
///     .durability(SqliteDurability::Sync)
///     .linger(Duration::from_millis(200))
///     .open(&path)?;
/// # drop(log);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), runtime_sqlite::OpenError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `open`"]
pub struct SqliteConfig {
    pub(crate) durability: Option<SqliteDurability>,
    pub(crate) batch: NonZeroUsize,
    pub(crate) linger: Duration,
    pub(crate) backlog: NonZeroUsize,
    pub(crate) retry: Duration,
    pub(crate) busy_timeout: Duration,
    pub(crate) wal_limit: u64,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            durability: None,
            batch: NonZeroUsize::MIN.saturating_add(63),
            linger: Duration::from_secs(1),
            backlog: NonZeroUsize::MIN.saturating_add(16_383),
            retry: Duration::from_secs(1),
            busy_timeout: Duration::from_secs(5),
            wal_limit: 64 << 20,
            max_bytes: None,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }
}

impl SqliteConfig {
    /// Sets the storage that a commit waits for. Default: [`SqliteDurability::Os`] for a sink,
    /// [`SqliteDurability::Sync`] for a store.
    pub const fn durability(mut self, durability: SqliteDurability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Sets the number of events that are committed together. Default: 64.
    ///
    /// With 1, an event is committed when its emission returns `Ok`.
    pub const fn batch(mut self, events: NonZeroUsize) -> Self {
        self.batch = events;
        self
    }

    /// Sets the longest time that an event waits for a full batch. Default: one second.
    ///
    /// No thread watches the time: the next emission or flush after it commits the event.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Sets the most events that are kept while commits fail. Default: 16,384; at least a batch.
    ///
    /// Further events are refused and counted.
    pub const fn backlog(mut self, events: NonZeroUsize) -> Self {
        self.backlog = events;
        self
    }

    /// Sets the time from a failed commit to the next attempt by an emission. Default: one second.
    ///
    /// A flush tries at once.
    pub const fn retry(mut self, after: Duration) -> Self {
        self.retry = after;
        self
    }

    /// Sets the longest time that a commit waits for another writer. Default: 5 seconds.
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets the size to which a checkpoint cuts the write-ahead log. Default: 64 MiB.
    pub const fn wal_limit(mut self, bytes: u64) -> Self {
        self.wal_limit = bytes;
        self
    }

    /// Sets the largest size of the database, without its write-ahead log. Default: no limit.
    ///
    /// Beyond it, commits fail as on a full disk, until there is room again, for example because rows
    /// of old sessions were deleted.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets the clock of lingering and retries, and of a store's times. Default: the clock of the system.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of the id under which usage records are stored. Default: random ids.
    pub fn ids(mut self, ids: impl IdSource + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }
}
