//! [`SqliteStore`]: threads of durable sessions in a file.

mod approvals;
mod desk;
mod entries;
mod threads;
mod work;
mod worker;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runtime_store::{
    Append, Approval, ApprovalRequest, Approvals, Claim, Inbox, Lease, Leave, StepKey, Store,
    StoreDurability, StoreFuture, Stored, Thread, ThreadId, ThreadState, Verdict,
};
use serde_json::Value;

use self::desk::{Need, Own};
use self::worker::Worker;
use crate::database::{self, Schema};
use crate::error::{OpenError, said};
use crate::options::{SqliteConfig, SqliteDurability};

/// Databases of threads.
const THREADS: Schema = Schema {
    of: "threads",
    // "trej" in ASCII.
    application_id: 0x7472_656a,
    migrations: &[
        include_str!("schema/threads-v1.sql"),
        include_str!("schema/threads-v2.sql"),
        include_str!("schema/threads-v3.sql"),
        include_str!("schema/threads-v4.sql"),
    ],
    min_reader: Some("SELECT min_reader FROM meta"),
    durability: SqliteDurability::Sync,
};

/// The most statements that are kept prepared: more than there are.
const STATEMENTS: usize = 64;

/// The threads of durable sessions in a SQLite database. Clones share one connection.
///
/// It is a file of its own, beside the one of a [`SqliteSink`](crate::SqliteSink): a journal is waited for,
/// and a sink is not. Several processes may use it. It must be on a local disk.
///
/// The connection has a thread of its own. Calls are sent to it at once, and their futures need no runtime.
/// Calls that wait there are made in one transaction, so that many sessions share the wait for the disk. The few that
/// a step makes are made by its own thread instead, if they need not wait: neither for the disk, nor for others.
/// Dropping the last clone makes the calls that still wait, and closes the database.
///
/// ```
/// use std::time::Duration;
/// use runtime_sqlite::SqliteStore;
/// use runtime_store::{Claim, Store, StoreDurability, ThreadId};
///
/// # let path = std::env::temp_dir().join(format!("runtime-sqlite-store-{}.db", std::process::id()));
/// # futures_executor::block_on(async {
/// let store = SqliteStore::open(&path)?;
/// assert_eq!(store.durability(), StoreDurability::Synced);
///
/// let claim = Claim { holder: "host-1".into(), code: "1.0.0".into(), role: None, ttl: Duration::from_secs(30) };
/// let (lease, begun) = store.acquire(&ThreadId::new("order-4711")?, &claim).await?;
/// assert_eq!((lease.fence, begun.head), (1, 0));
/// # drop(store);
/// # std::fs::remove_file(&path)?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    worker: Arc<Worker>,
    durability: SqliteDurability,
}

impl SqliteStore {
    /// Opens a database, and creates it if it does not exist. A commit [waits for the
    /// disk](SqliteDurability::Sync).
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the database cannot be opened, if it belongs to another application, or to a later
    /// version that did more than add to the schema of this one.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Self::open_with(path, SqliteConfig::default())
    }

    /// Opens a database with settings. Those that concern a store are
    /// [`durability`](SqliteConfig::durability), [`busy_timeout`](SqliteConfig::busy_timeout),
    /// [`wal_limit`](SqliteConfig::wal_limit), [`max_bytes`](SqliteConfig::max_bytes) and
    /// [`clock`](SqliteConfig::clock), which all processes that share the database must agree about.
    ///
    /// # Errors
    ///
    /// [`OpenError`] as of [`open`](Self::open).
    pub fn open_with(path: impl Into<PathBuf>, config: SqliteConfig) -> Result<Self, OpenError> {
        let path = path.into();
        let connection = database::open(&path, &config, &THREADS)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let failed = |attempted, source: Box<dyn std::error::Error + Send + Sync>| {
            OpenError::Sqlite { path: path.clone(), attempted, source }
        };
        // What is forgotten is overwritten.
        connection
            .pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))
            .map_err(|error| failed("configure", said(&error).into()))?;
        let durability = config.durability.unwrap_or(THREADS.durability);
        let (clock, busy_timeout) = (config.clock, config.busy_timeout);
        let own = Own { connection, clock, schema: &THREADS, durability, busy_timeout };
        let worker = Worker::start(path.clone(), own);
        let worker = worker.map_err(|error| failed("start the thread of", error.into()))?;
        Ok(Self { worker: Arc::new(worker), durability })
    }

    /// The path of the database.
    pub fn path(&self) -> &Path {
        self.worker.path()
    }
}

impl Store for SqliteStore {
    fn durability(&self) -> StoreDurability {
        match self.durability {
            SqliteDurability::Os => StoreDurability::Os,
            SqliteDurability::Sync => StoreDurability::Synced,
        }
    }

    fn acquire<'a>(
        &'a self,
        thread: &'a ThreadId,
        claim: &'a Claim,
    ) -> StoreFuture<'a, (Lease, Thread)> {
        let (thread, claim) = (thread.clone(), claim.clone());
        self.worker.call_in_passing(("acquire a thread", Need::Write), move |work| {
            threads::acquire(work, &thread, &claim)
        })
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> StoreFuture<'a, ()> {
        let lease = lease.clone();
        // No holder outlives the machine.
        self.worker.call_in_passing(("renew a lease", Need::Relaxed), move |work| {
            threads::renew(work, &lease)
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease, left: Leave) -> StoreFuture<'a, ()> {
        let lease = lease.clone();
        self.worker.call_in_passing(("release a thread", Need::Write), move |work| {
            threads::release(work, &lease, &left)
        })
    }

    fn abandon(&self, lease: &Lease) {
        let lease = lease.clone();
        drop(self.worker.call(("release a thread", Need::Relaxed), move |work| {
            threads::release(work, &lease, &Leave::Runnable)
        }));
    }

    fn append<'a>(&'a self, lease: &'a Lease, append: Append<'a>) -> StoreFuture<'a, ()> {
        let Append { head, entries, approval, relaxed, role } = append;
        let (lease, entries, approval) = (lease.clone(), entries.to_vec(), approval.cloned());
        let role = role.map(ToOwned::to_owned);
        let need = if relaxed { Need::Relaxed } else { Need::Write };
        self.worker.call_in_passing(("append to a thread", need), move |work| {
            let (approval, role) = (approval.as_ref(), role.as_deref());
            let append = Append { head, entries: &entries, approval, relaxed, role };
            entries::append(work, &lease, &append)
        })
    }

    fn read<'a>(
        &'a self,
        thread: &'a ThreadId,
        after: u64,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>> {
        let thread = thread.clone();
        self.worker.call(("read a thread", Need::Read), move |work| {
            entries::read(work, &thread, after, limit)
        })
    }

    fn thread<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, Option<Thread>> {
        let thread = thread.clone();
        self.worker
            .call(("look up a thread", Need::Read), move |work| threads::thread(work, &thread))
    }

    fn threads<'a>(
        &'a self,
        states: &'a [ThreadState],
        after: Option<&'a ThreadId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Thread>> {
        let (states, after) = (states.to_vec(), after.cloned());
        self.worker.call(("list threads", Need::Read), move |work| {
            threads::threads(work, &states, after.as_ref(), limit)
        })
    }

    fn runnable<'a>(
        &'a self,
        role: Option<&'a str>,
        code: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ThreadId>> {
        let (role, code) = (role.map(ToOwned::to_owned), code.map(ToOwned::to_owned));
        self.worker.call(("list runnable threads", Need::Read), move |work| {
            threads::runnable(work, (role.as_deref(), code.as_deref()), limit)
        })
    }

    fn offer<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, Thread> {
        let thread = thread.clone();
        self.worker.call(("offer a thread", Need::Write), move |work| threads::offer(work, &thread))
    }

    fn cancel<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, ()> {
        let thread = thread.clone();
        self.worker
            .call(("cancel a thread", Need::Write), move |work| threads::cancel(work, &thread))
    }

    fn prune<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, u64> {
        let thread = thread.clone();
        self.worker.call(("prune a thread", Need::Write), move |work| threads::prune(work, &thread))
    }

    fn forget<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, ()> {
        let thread = thread.clone();
        self.worker
            .call(("forget a thread", Need::Write), move |work| threads::forget(work, &thread))
    }

    fn forget_untouched<'a>(
        &'a self,
        states: &'a [ThreadState],
        since: Duration,
        limit: usize,
    ) -> StoreFuture<'a, usize> {
        let states = states.to_vec();
        self.worker.call(("forget old threads", Need::Write), move |work| {
            threads::forget_untouched(work, &states, since, limit)
        })
    }
}

impl Approvals for SqliteStore {
    fn ask<'a>(&'a self, request: &'a ApprovalRequest) -> StoreFuture<'a, Approval> {
        let request = request.clone();
        self.worker
            .call(("ask for an approval", Need::Write), move |work| approvals::ask(work, &request))
    }

    fn approval<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<Approval>> {
        let id = id.to_owned();
        self.worker
            .call(("look up an approval", Need::Read), move |work| approvals::approval(work, &id))
    }

    fn approval_of<'a>(
        &'a self,
        thread: &'a ThreadId,
        step: StepKey,
    ) -> StoreFuture<'a, Option<Approval>> {
        let thread = thread.clone();
        self.worker.call(("look up an approval", Need::Read), move |work| {
            approvals::approval_of(work, &thread, step)
        })
    }

    fn pending<'a>(
        &'a self,
        thread: Option<&'a ThreadId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Approval>> {
        let thread = thread.cloned();
        self.worker.call(("list pending approvals", Need::Read), move |work| {
            approvals::pending(work, thread.as_ref(), limit)
        })
    }

    fn approvals_of<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Approval>> {
        let thread = thread.clone();
        self.worker.call(("list the approvals of a thread", Need::Read), move |work| {
            approvals::approvals_of(work, &thread, limit)
        })
    }

    fn decide<'a>(&'a self, verdict: &'a Verdict) -> StoreFuture<'a, Approval> {
        let verdict = verdict.clone();
        self.worker.call(("decide about an approval", Need::Write), move |work| {
            approvals::decide(work, &verdict)
        })
    }
}

impl Inbox for SqliteStore {
    fn deliver<'a>(
        &'a self,
        thread: &'a ThreadId,
        key: &'a str,
        message: &'a Value,
    ) -> StoreFuture<'a, bool> {
        let (thread, key, message) = (thread.clone(), key.to_owned(), message.clone());
        self.worker.call(("deliver a message", Need::Write), move |work| {
            approvals::deliver(work, &thread, &key, &message)
        })
    }

    fn message<'a>(&'a self, thread: &'a ThreadId, key: &'a str) -> StoreFuture<'a, Option<Value>> {
        let (thread, key) = (thread.clone(), key.to_owned());
        self.worker.call(("look up a message", Need::Read), move |work| {
            approvals::message(work, &thread, &key)
        })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path()).finish_non_exhaustive()
    }
}
