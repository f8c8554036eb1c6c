//! What a call of a store works with: a connection in a transaction, and the time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_store::{NotApproved, StoreError, ThreadId};
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row};

use crate::error::said;

/// A transaction at one time.
pub(super) struct Work<'c> {
    pub(super) connection: &'c Connection,
    pub(super) now: Micros,
}

/// A time as the database keeps it: microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Micros(pub(super) i64);

/// Why a call was not made.
pub(super) enum Fail {
    /// The rules of a store refuse it.
    Refused(StoreError),
    /// SQLite failed.
    Sql(Arc<rusqlite::Error>),
    /// The database is not where it was opened: what is written to it nobody finds again.
    Gone,
}

pub(super) type Done<T> = Result<T, Fail>;

impl Work<'_> {
    pub(super) fn prepare(&self, sql: &str) -> Done<CachedStatement<'_>> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// Runs a statement. Returns the number of rows that it changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Done<usize> {
        Ok(self.prepare(sql)?.execute(params)?)
    }

    pub(super) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Done<T>,
    ) -> Done<Option<T>> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(read).transpose()
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Done<T>,
    ) -> Done<Vec<T>> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    /// The number of a thread's row.
    pub(super) fn number(&self, thread: &ThreadId) -> Done<i64> {
        let mut statement = self.prepare("SELECT number FROM thread WHERE id = ?1")?;
        let number = statement.query_row([thread.as_str()], |row| row.get(0)).optional()?;
        number.ok_or_else(|| StoreError::NoThread { thread: thread.clone() }.into())
    }
}

impl Micros {
    pub(super) const fn of(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_micros())
    }

    /// A time later, or the end of time.
    pub(super) fn after(self, wait: Duration) -> Self {
        const END: i64 = DateTime::<Utc>::MAX_UTC.timestamp_micros();
        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(wait).min(END))
    }

    pub(super) fn time(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// The place of an entry: the number of its thread, and behind it its own, which is at most [`u32::MAX`].
pub(super) const fn place(thread: i64, seq: i64) -> i64 {
    thread << 32 | seq
}

/// A number of entries or lives as a column keeps it.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A column that counts entries or lives.
pub(super) fn counted(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// A limit of rows.
pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A value that cannot be what a store has written.
pub(super) fn corrupt(what: impl Into<String>) -> Fail {
    Fail::Refused(StoreError::Corrupt { what: what.into() })
}

pub(super) fn not_approved(id: &Arc<str>, reason: NotApproved) -> Fail {
    Fail::Refused(StoreError::NotApproved { id: Arc::clone(id), reason })
}

/// An error of SQLite, with the database.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {}", .path.display(), said(.error))]
struct InDatabase {
    path: Arc<Path>,
    error: Arc<rusqlite::Error>,
}

impl Fail {
    /// The error of a call that attempted this on a database.
    pub(super) fn of(self, attempted: &'static str, path: &Arc<Path>) -> StoreError {
        match self {
            Self::Refused(refused) => refused,
            Self::Sql(error) => {
                let source = Box::new(InDatabase { path: Arc::clone(path), error });
                StoreError::Unavailable { attempted, source }
            }
            Self::Gone => {
                let path = path.display();
                let source = format!(
                    "`{path}` was deleted, moved or replaced while it was open: put it back, or open it again"
                );
                StoreError::Unavailable { attempted, source: source.into() }
            }
        }
    }
}

impl From<StoreError> for Fail {
    fn from(refused: StoreError) -> Self {
        Self::Refused(refused)
    }
}

impl From<rusqlite::Error> for Fail {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

impl ToSql for Micros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for Micros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}
