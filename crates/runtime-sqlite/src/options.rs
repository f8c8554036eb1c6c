//! How a database is written: [`SqliteConfig`] and [`SqliteDurability`].

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{Clock, IdSource, RandomIds, SystemClock};

use crate::error::OpenError;
use crate::sink::SqliteSink;

/// What a commit waits for.
///
/// | | a process that is killed loses | a machine that loses power loses |
/// |---|---|---|
/// | `Os` | nothing that was committed | the last commits, back to the last checkpoint at worst |
/// | `Sync` | nothing that was committed | nothing that was committed, if the disk does what it says |
///
/// The database stays whole either way. Killing is tested; of a loss of power this says what
/// SQLite promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqliteDurability {
    /// That the operating system has it (`synchronous = NORMAL`). Used unless set.
    #[default]
    Os,
    /// That it is on the disk (`synchronous = FULL`).
    Sync,
}

/// How a [`SqliteSink`] writes.
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
#[must_use = "options open nothing by themselves"]
pub struct SqliteConfig {
    pub(crate) durability: SqliteDurability,
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
            durability: SqliteDurability::Os,
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
    /// What a commit waits for. [`SqliteDurability::Os`] unless set.
    pub const fn durability(mut self, durability: SqliteDurability) -> Self {
        self.durability = durability;
        self
    }

    /// How many events are committed together. 64 unless set; with 1, an emission that returned
    /// `Ok` is committed.
    pub const fn batch(mut self, events: NonZeroUsize) -> Self {
        self.batch = events;
        self
    }

    /// How long an event may wait for its batch to be full. One second unless set.
    ///
    /// There is no thread behind it: the next emission or flush after that time commits it.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// How many events are kept while they cannot be written; those beyond are refused, and
    /// counted. 16,384 unless set, and never less than a batch.
    pub const fn backlog(mut self, events: NonZeroUsize) -> Self {
        self.backlog = events;
        self
    }

    /// How long after a failed commit emissions try again. One second unless set. A flush tries
    /// at once.
    pub const fn retry(mut self, after: Duration) -> Self {
        self.retry = after;
        self
    }

    /// How long a commit waits for another process or thread that is writing. 5 seconds unless set.
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// To how many bytes the write-ahead log is cut after a checkpoint. 64 MiB unless set.
    pub const fn wal_limit(mut self, bytes: u64) -> Self {
        self.wal_limit = bytes;
        self
    }

    /// How large the database may become, its write-ahead log aside. No limit unless set. Beyond it
    /// writing fails as on a disk that is full, until there is room: rows of old sessions deleted,
    /// for instance.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// The clock of lingering and retries. The system's unless set.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where the name of this writer among the usage records comes from. Random unless set.
    pub fn ids(mut self, ids: impl IdSource + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Opens a database, and creates it where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(self, path: impl Into<PathBuf>) -> Result<SqliteSink, OpenError> {
        SqliteSink::with_options(path.into(), self)
    }
}
