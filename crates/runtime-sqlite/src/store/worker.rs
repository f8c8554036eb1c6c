//! The thread of a store, which alone has the connection.
//!
//! It makes the calls that wait in one transaction: many sessions write few entries each, and share the wait
//! for the disk. Each call is a savepoint in it, so that one that is refused changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::{io, slice};

use futures_channel::oneshot;
use runtime_events::Clock;
use runtime_store::{StoreError, StoreFuture};
use rusqlite::Connection;

use super::work::{Done, Fail, Micros, Work};
use crate::database::Schema;
use crate::options::SqliteDurability;

/// The most calls of one transaction.
const GROUP: usize = 256;

/// What a call needs of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// It only reads.
    Read,
    /// It writes what may be lost with the machine.
    Relaxed,
    /// It writes.
    Write,
}

/// The calling side. Dropping it makes the calls that wait, and closes the database.
#[derive(Debug)]
pub(super) struct Worker {
    path: Arc<Path>,
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread has.
pub(super) struct Own {
    pub(super) connection: Connection,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) schema: &'static Schema,
    pub(super) durability: SqliteDurability,
}

impl Worker {
    pub(super) fn start(path: PathBuf, own: Own) -> io::Result<Self> {
        let path: Arc<Path> = path.into();
        let (sender, jobs) = channel();
        let thread_of = ThreadOf {
            file: File::at(&path),
            path: Arc::clone(&path),
            jobs,
            // The connection was opened so.
            waits_for: own.durability,
            schema: own.schema.known(),
            own,
        };
        let thread = thread::Builder::new()
            .name("runtime-sqlite".to_owned())
            .spawn(move || thread_of.run())?;
        Ok(Self { path, jobs: Some(sender), thread: Some(thread) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Sends a call to the thread at once. The future is its answer.
    pub(super) fn call<T: Send + 'static>(
        &self,
        (name, need): (&'static str, Need),
        call: impl Fn(&Work<'_>) -> Done<T> + Send + 'static,
    ) -> StoreFuture<'static, T> {
        let (reply, answer) = oneshot::channel();
        let call = Call { name, need, make: call, result: None, reply };
        if let Some(jobs) = &self.jobs {
            // If the thread is gone, so is the place for the answer.
            let _ = jobs.send(Box::new(call));
        }
        Box::pin(async move {
            answer.await.unwrap_or_else(|_| {
                let source = "the thread of the store has ended".into();
                Err(StoreError::Unavailable { attempted: name, source })
            })
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // An answer may wake, and end, the last one that has the store: on its thread.
        let elsewhere =
            self.thread.take().filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = elsewhere {
            let _ = thread.join();
        }
    }
}

/// A call, with the place for its result and the one who waits for it.
trait Job: Send {
    fn need(&self) -> Need;

    /// Makes the call, perhaps again. Returns whether it is to stay.
    fn run(&mut self, work: &Work<'_>) -> bool;

    fn fail(&mut self, why: &dyn Fn() -> Fail);

    fn answer(self: Box<Self>, path: &Arc<Path>);
}

struct Call<T, F> {
    name: &'static str,
    need: Need,
    make: F,
    result: Option<Done<T>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: Fn(&Work<'_>) -> Done<T> + Send> Job for Call<T, F> {
    fn need(&self) -> Need {
        self.need
    }

    fn run(&mut self, work: &Work<'_>) -> bool {
        self.result.insert((self.make)(work)).is_ok()
    }

    fn fail(&mut self, why: &dyn Fn() -> Fail) {
        self.result = Some(Err(why()));
    }

    fn answer(self: Box<Self>, path: &Arc<Path>) {
        if let Some(result) = self.result {
            // Nobody may wait for it any more.
            let _ = self.reply.send(result.map_err(|fail| fail.of(self.name, path)));
        }
    }
}

struct ThreadOf {
    path: Arc<Path>,
    file: Option<File>,
    jobs: Receiver<Box<dyn Job>>,
    /// What a commit waits for now.
    waits_for: SqliteDurability,
    /// The schema that this version is known to understand.
    schema: i32,
    own: Own,
}

/// The file of a database, by which no other one is known.
struct File {
    path: PathBuf,
    known_by: (u64, u64),
}

impl File {
    /// `None` where an open file cannot be deleted, or is not known by numbers.
    fn at(path: &Path) -> Option<Self> {
        // The program may go to another directory.
        let path = path.canonicalize().ok()?;
        let known_by = known_by(&path)?;
        Some(Self { path, known_by })
    }

    fn is_gone(&self) -> bool {
        known_by(&self.path) != Some(self.known_by)
    }
}

#[cfg(unix)]
fn known_by(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn known_by(_: &Path) -> Option<(u64, u64)> {
    None
}

/// A transaction that came to nothing.
enum Lost {
    /// Because of one of its calls.
    ByOne,
    /// For all of its calls.
    ForAll(Box<dyn Fn() -> Fail>),
}

impl ThreadOf {
    fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            let mut jobs = vec![first];
            jobs.extend(self.jobs.try_iter().take(GROUP - 1));
            self.make(&mut jobs);
            for job in jobs {
                job.answer(&self.path);
            }
        }
    }

    /// Makes calls, together if possible.
    fn make(&mut self, jobs: &mut [Box<dyn Job>]) {
        match self.transact(jobs) {
            Ok(()) => {}
            Err(Lost::ByOne) => {
                for job in jobs {
                    if let Err(Lost::ForAll(why)) = self.transact(slice::from_mut(job)) {
                        job.fail(&*why);
                    }
                }
            }
            Err(Lost::ForAll(why)) => jobs.iter_mut().for_each(|job| job.fail(&*why)),
        }
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Lost> {
        let need = jobs.iter().map(|job| job.need()).max().unwrap_or(Need::Read);
        self.begin(need)?;
        let connection = &self.own.connection;
        let alone = jobs.len() == 1;
        let mut stays = false;
        for job in jobs {
            let savepoint = !alone && job.need() > Need::Read;
            if savepoint {
                statement(connection, "SAVEPOINT call")?;
            }
            let work = Work { connection, now: Micros::of(self.own.clock.utc_now()) };
            let ok = job.run(&work);
            if !ok && connection.is_autocommit() {
                // SQLite has rolled everything back, as it does when the disk is full.
                return if alone { Ok(()) } else { Err(Lost::ByOne) };
            }
            if savepoint && !ok {
                statement(connection, "ROLLBACK TO call")?;
            }
            if savepoint {
                statement(connection, "RELEASE call")?;
            }
            stays |= ok && job.need() > Need::Read;
        }
        statement(connection, if stays { "COMMIT" } else { "ROLLBACK" })
    }

    fn begin(&mut self, need: Need) -> Result<(), Lost> {
        let connection = &self.own.connection;
        // What an earlier transaction has left, if its end failed.
        if !connection.is_autocommit() {
            statement(connection, "ROLLBACK")?;
        }
        if need == Need::Read {
            statement(connection, "BEGIN")?;
        } else {
            // SQLite goes on with a file that has no name any more.
            if need == Need::Write && self.file.as_ref().is_some_and(File::is_gone) {
                return Err(Lost::ForAll(Box::new(|| Fail::Gone)));
            }
            let waits_for = match need {
                Need::Relaxed => SqliteDurability::Os,
                _ => self.own.durability,
            };
            if self.waits_for != waits_for {
                waits_for.set(connection).map_err(lost)?;
                self.waits_for = waits_for;
            }
            statement(connection, "BEGIN IMMEDIATE")?;
        }
        self.check_schema()
    }

    /// Refuses to go on if another process has migrated the database to what this version does not know.
    fn check_schema(&mut self) -> Result<(), Lost> {
        let connection = &self.own.connection;
        let read = || {
            let mut version = connection.prepare_cached("PRAGMA user_version")?;
            let found: i32 = version.query_row([], |row| row.get(0))?;
            let known = found == self.schema || self.own.schema.understands(found, connection)?;
            Ok((found, known))
        };
        let (found, is_known) = read().map_err(lost)?;
        if is_known {
            self.schema = found;
            return Ok(());
        }
        let (found, known) = (found.into(), self.own.schema.known().into());
        Err(Lost::ForAll(Box::new(move || StoreError::Newer { found, known }.into())))
    }
}

fn statement(connection: &Connection, sql: &str) -> Result<(), Lost> {
    let run = || connection.prepare_cached(sql)?.execute([]);
    run().map(drop).map_err(lost)
}

fn lost(error: rusqlite::Error) -> Lost {
    let error = Arc::new(error);
    Lost::ForAll(Box::new(move || Fail::Sql(Arc::clone(&error))))
}
