//! [`PgStore`]: threads in a database.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_store::{
    Append, Claim, Fingerprint, Lease, Leave, PAGE_BYTES, StepKey, Store, StoreDurability,
    StoreError, StoreFuture, Stored, Thread, ThreadId, ThreadState, fit,
};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};

use crate::call::{About, Call};
use crate::config::PgConfig;
use crate::error::PgError;
use crate::link::{self, Function, Link, Param, Purpose};
use crate::{row, schema};

/// The time that a call may take, unless it is set.
const USUAL: Duration = Duration::from_secs(10);

/// Threads in a Postgres database. Clones share a connection.
///
/// It needs no runtime: a thread of its own drives the connection.
///
/// ```no_run
/// use std::time::Duration;
/// use runtime_postgres::{PgConfig, PgStore};
///
/// # async fn run() -> Result<(), runtime_postgres::PgError> {
/// let store = PgStore::connect("postgres://agents@localhost/agents").await?;
/// let other = PgConfig::new("postgres://agents@localhost/agents").schema("tests");
/// let other = PgStore::connect(other.timeout(Duration::from_secs(2))).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PgStore {
    pub(crate) link: Arc<Link>,
}

impl PgStore {
    /// Connects to a database whose schema is [there](Self::migrate).
    ///
    /// A connection that is lost later is made again by the next call, for as long as that call may take; calls
    /// that were under way fail with [`StoreError::Unavailable`], and may have been made.
    ///
    /// # Errors
    ///
    /// [`PgError`], also if the server is not there now: connect again later.
    pub async fn connect(config: impl Into<PgConfig>) -> Result<Self, PgError> {
        let purpose = Purpose { version: schema::THREADS, listener: None };
        let link = Link::start(config.into().check(USUAL)?, purpose)?;
        link.connect().await?;
        Ok(Self { link: Arc::new(link) })
    }

    /// Makes the schema, or brings it to the version that this one knows, in one transaction.
    ///
    /// A newer one is left as it is, if this version can use it. The role needs the right to make a schema, or to
    /// make tables in the one that is there; the roles that [connect](Self::connect) do not.
    ///
    /// # Errors
    ///
    /// [`PgError`]; then nothing was changed.
    pub async fn migrate(config: impl Into<PgConfig>) -> Result<(), PgError> {
        link::migrate(config.into().check(USUAL)?).await
    }
}

/// A time as the functions take it, in microseconds; at most a thousand years, which the database can add.
pub(crate) fn micros(time: Duration) -> i64 {
    const LONGEST: i64 = 1_000 * 365 * 24 * 3_600 * 1_000_000;
    i64::try_from(time.as_micros()).map_or(LONGEST, |time| time.min(LONGEST))
}

/// A number as the database has it. A larger one is nowhere, so its largest stands for it.
pub(crate) fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

fn codes(states: &[ThreadState]) -> Vec<i16> {
    states.iter().map(|state| state.code()).collect()
}

fn of_lease(lease: &Lease) -> About<'_> {
    About { fence: lease.fence, ..About::from(&lease.thread) }
}

async fn release(link: &Link, lease: &Lease, left: &Leave) -> Result<(), StoreError> {
    left.check()?;
    let call = Call {
        function: Function::Value("release"),
        attempts: "give a thread back",
        about: of_lease(lease),
    };
    // Any time that is over is as good as another, and the first ones are not times of the database.
    let wake_at = match left {
        Leave::Parked(at) => at.map(|at| at.max(DateTime::<Utc>::UNIX_EPOCH)),
        _ => None,
    };
    let stuck = match left {
        Leave::Stuck(stuck) => Some(stuck),
        _ => None,
    };
    let params: [Param<'_>; 6] = [
        (&lease.thread.as_str(), Type::TEXT),
        (&number(lease.fence), Type::INT8),
        (&left.state().code(), Type::INT2),
        (&wake_at, Type::TIMESTAMPTZ),
        (&stuck.map(|stuck| micros(stuck.wait())), Type::INT8),
        (&stuck.map(Json), Type::JSON),
    ];
    call.make(link, &params).await.map(drop)
}

impl Store for PgStore {
    fn durability(&self) -> StoreDurability {
        self.link.durability()
    }

    fn acquire<'a>(
        &'a self,
        thread: &'a ThreadId,
        claim: &'a Claim,
    ) -> StoreFuture<'a, (Lease, Thread)> {
        let call = Call {
            function: Function::Rows("take"),
            attempts: "take a thread",
            about: thread.into(),
        };
        Box::pin(async move {
            claim.check()?;
            let params: [Param<'_>; 5] = [
                (&thread.as_str(), Type::TEXT),
                (&&*claim.holder, Type::TEXT),
                (&&*claim.code, Type::TEXT),
                (&micros(claim.ttl), Type::INT8),
                (&claim.role.as_deref(), Type::TEXT),
            ];
            let rows = call.make(&self.link, &params).await?;
            let empty = || StoreError::Corrupt { what: "`take` gives no thread".to_owned() };
            let row = rows.first().ok_or_else(empty)?;
            let found = row::thread(row)?;
            if row::get(row, "taken")? {
                let (thread, fence, claim) = (thread.clone(), found.fence, claim.clone());
                return Ok((Lease { thread, fence, claim }, found));
            }
            let thread = thread.clone();
            Err(match (found.holder, found.held_until, row::other_role(row)?) {
                _ if found.state.is_final() => StoreError::Ended { thread, state: found.state },
                (_, _, Some(role)) => StoreError::OtherRole { thread, role },
                (Some(holder), Some(until), None) => StoreError::Held { thread, holder, until },
                _ => {
                    return Err(StoreError::Corrupt {
                        what: "`take` refuses a free thread".to_owned(),
                    });
                }
            })
        })
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> StoreFuture<'a, ()> {
        let call = Call {
            function: Function::Value("renew"),
            attempts: "renew a lease",
            about: of_lease(lease),
        };
        Box::pin(async move {
            let params: [Param<'_>; 3] = [
                (&lease.thread.as_str(), Type::TEXT),
                (&number(lease.fence), Type::INT8),
                (&micros(lease.claim.ttl), Type::INT8),
            ];
            call.make(&self.link, &params).await.map(drop)
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease, left: Leave) -> StoreFuture<'a, ()> {
        Box::pin(async move { release(&self.link, lease, &left).await })
    }

    fn abandon(&self, lease: &Lease) {
        let (link, lease) = (Arc::clone(&self.link), lease.clone());
        // If it fails, the lease runs out.
        self.link.handle().spawn(async move {
            let _ = release(&link, &lease, &Leave::Runnable).await;
        });
    }

    fn append<'a>(&'a self, lease: &'a Lease, append: Append<'a>) -> StoreFuture<'a, ()> {
        let Append { head, entries, approval, relaxed, role } = append;
        let approval_id = approval.map(|used| &used.id);
        let about = About { head, approval: approval_id, ..of_lease(lease) };
        let call =
            Call { function: Function::Often("append"), attempts: "append to a thread", about };
        Box::pin(async move {
            append.check()?;
            let kinds: Vec<_> = entries.iter().map(|entry| entry.kind.code()).collect();
            let versions: Vec<_> = entries.iter().map(|entry| entry.version).collect();
            let of = |bytes: Option<&'a [u8; 16]>| bytes.map(<[u8; 16]>::as_slice);
            let steps: Vec<_> = entries
                .iter()
                .map(|entry| of(entry.step.as_ref().map(StepKey::as_bytes)))
                .collect();
            let prints: Vec<_> = entries
                .iter()
                .map(|entry| of(entry.print.as_ref().map(Fingerprint::as_bytes)))
                .collect();
            let bodies: Vec<_> = entries.iter().map(|entry| entry.body.as_slice()).collect();
            let digest = approval.map(|used| used.digest.as_bytes().as_slice());
            let params: [Param<'_>; 13] = [
                (&lease.thread.as_str(), Type::TEXT),
                (&number(lease.fence), Type::INT8),
                (&micros(lease.claim.ttl), Type::INT8),
                (&number(head), Type::INT8),
                (&kinds, Type::INT2_ARRAY),
                (&versions, Type::INT2_ARRAY),
                (&steps, Type::BYTEA_ARRAY),
                (&prints, Type::BYTEA_ARRAY),
                (&bodies, Type::BYTEA_ARRAY),
                (&approval_id.map(|id| &**id), Type::TEXT),
                (&digest, Type::BYTEA),
                (&relaxed, Type::BOOL),
                (&role, Type::TEXT),
            ];
            call.make(&self.link, &params).await.map(drop)
        })
    }

    fn read<'a>(
        &'a self,
        thread: &'a ThreadId,
        after: u64,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>> {
        let call = Call {
            function: Function::Rows("read"),
            attempts: "read a thread",
            about: thread.into(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 4] = [
                (&thread.as_str(), Type::TEXT),
                (&number(after), Type::INT8),
                (&number(limit), Type::INT8),
                (&number(PAGE_BYTES), Type::INT8),
            ];
            call.make(&self.link, &params).await?.iter().map(row::stored).collect()
        })
    }

    fn thread<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, Option<Thread>> {
        let call = Call {
            function: Function::Rows("look_up"),
            attempts: "look at a thread",
            about: thread.into(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 1] = [(&thread.as_str(), Type::TEXT)];
            call.make(&self.link, &params).await?.first().map(row::thread).transpose()
        })
    }

    fn threads<'a>(
        &'a self,
        states: &'a [ThreadState],
        after: Option<&'a ThreadId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Thread>> {
        let call = Call {
            function: Function::Rows("list"),
            attempts: "list threads",
            about: About::default(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 3] = [
                (&codes(states), Type::INT2_ARRAY),
                (&after.map(ThreadId::as_str), Type::TEXT),
                (&number(limit), Type::INT8),
            ];
            call.make(&self.link, &params).await?.iter().map(row::thread).collect()
        })
    }

    fn runnable<'a>(
        &'a self,
        role: Option<&'a str>,
        code: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ThreadId>> {
        let call = Call {
            function: Function::Rows("runnable"),
            attempts: "list threads that can run",
            about: About::default(),
        };
        Box::pin(async move {
            fit::asker(role, code)?;
            let params: [Param<'_>; 3] =
                [(&role, Type::TEXT), (&code, Type::TEXT), (&number(limit), Type::INT8)];
            call.make(&self.link, &params).await?.iter().map(ids).collect()
        })
    }

    fn offer<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, Thread> {
        let call = Call {
            function: Function::Rows("offer"),
            attempts: "offer a thread",
            about: thread.into(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 1] = [(&thread.as_str(), Type::TEXT)];
            let rows = call.make(&self.link, &params).await?;
            let empty = || StoreError::Corrupt { what: "`offer` gives no thread".to_owned() };
            rows.first().ok_or_else(empty).and_then(row::thread)
        })
    }

    fn cancel<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, ()> {
        let call = Call {
            function: Function::Value("cancel"),
            attempts: "cancel a thread",
            about: thread.into(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 1] = [(&thread.as_str(), Type::TEXT)];
            call.make(&self.link, &params).await.map(drop)
        })
    }

    fn prune<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, u64> {
        let call = Call {
            function: Function::Value("prune"),
            attempts: "prune a thread",
            about: thread.into(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 1] = [(&thread.as_str(), Type::TEXT)];
            counted(&call.make(&self.link, &params).await?, "prune")
        })
    }

    fn forget<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, ()> {
        let call = Call {
            function: Function::Value("forget"),
            attempts: "forget a thread",
            about: thread.into(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 1] = [(&thread.as_str(), Type::TEXT)];
            call.make(&self.link, &params).await.map(drop)
        })
    }

    fn forget_untouched<'a>(
        &'a self,
        states: &'a [ThreadState],
        since: Duration,
        limit: usize,
    ) -> StoreFuture<'a, usize> {
        let call = Call {
            function: Function::Value("forget_untouched"),
            attempts: "forget old threads",
            about: About::default(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 3] = [
                (&codes(states), Type::INT2_ARRAY),
                (&micros(since), Type::INT8),
                (&number(limit), Type::INT8),
            ];
            let rows = call.make(&self.link, &params).await?;
            counted(&rows, "forget_untouched")
        })
    }
}

/// The number that a function returns.
fn counted<T: TryFrom<i64> + Default>(rows: &[Row], function: &str) -> Result<T, StoreError> {
    let count: Option<i64> = rows.first().map(|row| row::get(row, function)).transpose()?;
    Ok(count.and_then(|count| T::try_from(count).ok()).unwrap_or_default())
}

fn ids(row: &Row) -> Result<ThreadId, StoreError> {
    row::thread_id(row, "id")
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore").field("link", &self.link).finish()
    }
}
