//! The connection of a store, and how calls are made over it: several in one transaction, each a savepoint in it, so
//! that one that is refused changes nothing.

use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::Clock;
use runtime_store::StoreError;
use rusqlite::Connection;

use super::work::{Fail, Micros, Work};
use crate::database::Schema;
use crate::options::SqliteDurability;

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

/// A call, with the place for its result and the one who waits for it.
pub(super) trait Job: Send {
    fn need(&self) -> Need;

    /// Makes the call, perhaps again. Returns whether it is to stay.
    fn run(&mut self, work: &Work<'_>) -> bool;

    fn fail(&mut self, why: &dyn Fn() -> Fail);

    fn answer(self: Box<Self>, path: &Arc<Path>);
}

/// How a database was opened.
pub(super) struct Own {
    pub(super) connection: Connection,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) schema: &'static Schema,
    pub(super) durability: SqliteDurability,
    pub(super) busy_timeout: Duration,
}

/// The connection. Who has it makes calls.
pub(super) struct Desk {
    own: Own,
    file: Option<File>,
    /// What a commit waits for now.
    waits_for: SqliteDurability,
    /// The schema that this version is known to understand.
    schema: i32,
    /// Whether a commit moves the log into the database once that is long.
    moves_log: bool,
    /// The number of commits that did not, since one did.
    since: u32,
}

/// The most calls that are made in passing until one may move the log.
const PASSING: u32 = 64;

/// A transaction that came to nothing.
enum Lost {
    /// Because of one of its calls.
    ByOne,
    /// For all of its calls.
    ForAll(Box<dyn Fn() -> Fail>),
}

impl Desk {
    pub(super) fn new(path: &Path, own: Own) -> Self {
        // The connection was opened so.
        let (waits_for, moves_log) = (own.durability, true);
        let (file, schema) = (File::at(path), own.schema.known());
        Self { own, file, waits_for, schema, moves_log, since: 0 }
    }

    /// Makes a call, if it waits for nothing: neither for the disk, nor for another process. Returns whether it did.
    pub(super) fn make_in_passing(&mut self, job: &mut Box<dyn Job>) -> bool {
        let need = job.need();
        let waits = self.commits(need) == SqliteDurability::Sync;
        if waits || self.since == PASSING || self.begin_at_once(need).is_err() {
            return false;
        }
        self.since += 1;
        if let Err(Lost::ForAll(why)) = self.run(slice::from_mut(job)) {
            job.fail(&*why);
        }
        true
    }

    /// Begins a transaction whose end moves no log, unless another process writes now.
    fn begin_at_once(&mut self, need: Need) -> Result<(), Lost> {
        self.move_log(false)?;
        self.own.connection.busy_timeout(Duration::ZERO).map_err(lost)?;
        let begun = self.begin(need);
        self.own.connection.busy_timeout(self.own.busy_timeout).map_err(lost)?;
        begun
    }

    /// Makes calls, together if possible.
    pub(super) fn make(&mut self, jobs: &mut [Box<dyn Job>]) {
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
        if need > Need::Read {
            self.move_log(true)?;
        }
        self.begin(need)?;
        if self.run(jobs)? {
            self.since = 0;
        }
        Ok(())
    }

    /// Runs calls in a transaction that has begun, and ends it. Returns whether it is committed.
    fn run(&self, jobs: &mut [Box<dyn Job>]) -> Result<bool, Lost> {
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
                return if alone { Ok(false) } else { Err(Lost::ByOne) };
            }
            if savepoint && !ok {
                statement(connection, "ROLLBACK TO call")?;
            }
            if savepoint {
                statement(connection, "RELEASE call")?;
            }
            stays |= ok && job.need() > Need::Read;
        }
        statement(connection, if stays { "COMMIT" } else { "ROLLBACK" })?;
        Ok(stays)
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
            let waits_for = self.commits(need);
            if self.waits_for != waits_for {
                waits_for.set(connection).map_err(lost)?;
                self.waits_for = waits_for;
            }
            statement(connection, "BEGIN IMMEDIATE")?;
        }
        self.check_schema()
    }

    /// What the commit of a call that needs this waits for.
    const fn commits(&self, need: Need) -> SqliteDurability {
        match need {
            Need::Relaxed => SqliteDurability::Os,
            Need::Read | Need::Write => self.own.durability,
        }
    }

    /// Whether the commits from now on move the log into the database once that has a thousand pages, as SQLite does by
    /// default. It then waits for the disk.
    fn move_log(&mut self, moves: bool) -> Result<(), Lost> {
        if self.moves_log != moves {
            let pages = if moves { 1_000 } else { 0 };
            let set = self.own.connection.pragma_update_and_check(
                None,
                "wal_autocheckpoint",
                pages,
                |_| Ok(()),
            );
            set.map_err(lost)?;
            self.moves_log = moves;
        }
        Ok(())
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

/// The file of a database, known by numbers that no other file has while this one is open.
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
