//! Opens databases, and migrates them to the schema of this version.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::error::{OpenError, said};
use crate::options::{SqliteConfig, SqliteDurability};

/// A kind of database.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The word for what is in it.
    pub(crate) of: &'static str,
    /// `PRAGMA application_id`.
    pub(crate) application_id: i32,
    /// The migrations from each schema to the next, beginning with an empty database.
    pub(crate) migrations: &'static [&'static str],
    /// The oldest schema whose readers and writers understand a newer one, if the database says so.
    pub(crate) min_reader: Option<&'static str>,
    /// What a commit waits for by default.
    pub(crate) durability: SqliteDurability,
}

/// Databases of events.
pub(crate) const EVENTS: Schema = Schema {
    of: "events",
    // "trev" in ASCII.
    application_id: 0x7472_6576,
    migrations: &[include_str!("schema/v1.sql"), include_str!("schema/v2.sql")],
    min_reader: None,
    durability: SqliteDurability::Os,
};

/// The first SQLite without the bug that loses commits of one connection during a checkpoint of
/// another (<https://sqlite.org/wal.html#walresetbug>).
const NEEDED: (i32, &str) = (3_051_003, "3.51.3");

/// The result of a step of opening. Its error names the step.
type Step<T> = Result<T, (&'static str, rusqlite::Error)>;

/// Opens a database for writing, after creating or migrating it.
pub(crate) fn open(
    path: &Path,
    options: &SqliteConfig,
    schema: &Schema,
) -> Result<Connection, OpenError> {
    check_library(rusqlite::version_number(), rusqlite::version())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(path, flags, options)?;
    // First of all, so that the database of another application stays as it is.
    schema.whose(path, &connection)?;
    let mode = write_ahead(&connection).map_err(|refused| sqlite(path, refused))?;
    if mode != "wal" {
        return Err(OpenError::Journal { path: path.to_owned(), mode });
    }
    let durability = options.durability.unwrap_or(schema.durability);
    configure(&connection, options, durability).map_err(|refused| sqlite(path, refused))?;
    schema.migrate(path, &mut connection)?;
    Ok(connection)
}

/// Opens a database of events for reading.
pub(crate) fn open_to_read(path: &Path, options: &SqliteConfig) -> Result<Connection, OpenError> {
    check_library(rusqlite::version_number(), rusqlite::version())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags, options)?;
    match EVENTS.whose(path, &connection)? {
        0 => Err(EVENTS.foreign(path, 0)),
        _ => Ok(connection),
    }
}

fn check_library(number: i32, version: &str) -> Result<(), OpenError> {
    if number < NEEDED.0 {
        return Err(OpenError::Library { found: version.to_owned(), needed: NEEDED.1 });
    }
    Ok(())
}

fn connect(path: &Path, flags: OpenFlags, options: &SqliteConfig) -> Result<Connection, OpenError> {
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(options.busy_timeout)?;
        Ok(connection)
    };
    open().map_err(|error| sqlite(path, ("open", error)))
}

/// Switches to a write-ahead log. Returns the journal mode that results.
fn write_ahead(connection: &Connection) -> Step<String> {
    let attempted = "switch to a write-ahead log in";
    let switch =
        || connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
    // SQLite does not wait for another connection that switches at the same time. It does wait for a
    // transaction, after which the other connection has switched.
    for _ in 0..100 {
        match switch() {
            Err(error) if is_busy(&error) => {
                connection
                    .execute_batch("BEGIN IMMEDIATE; ROLLBACK")
                    .map_err(|error| (attempted, error))?;
            }
            switched => return switched.map_err(|error| (attempted, error)),
        }
    }
    switch().map_err(|error| (attempted, error))
}

fn configure(
    connection: &Connection,
    options: &SqliteConfig,
    durability: SqliteDurability,
) -> Step<()> {
    let set = || {
        durability.set(connection)?;
        // This pragma and the next return their value.
        let limit = i64::try_from(options.wal_limit).unwrap_or(i64::MAX);
        connection.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()))?;
        if let Some(bytes) = options.max_bytes {
            let page: u64 = connection
                .pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0))?
                .into();
            // SQLite allows at most 2^32 - 2 pages.
            let pages = (bytes / page.max(1)).clamp(1, 0xffff_fffe);
            let pages = i64::try_from(pages).unwrap_or(i64::MAX);
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(())
    };
    set().map_err(|error| ("configure", error))
}

impl Schema {
    /// The schema of this version.
    pub(crate) fn known(&self) -> i32 {
        i32::try_from(self.migrations.len()).unwrap_or(i32::MAX)
    }

    /// The schema of a database, or 0 of an empty one.
    fn whose(&self, path: &Path, connection: &Connection) -> Result<i32, OpenError> {
        let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let facts = || {
            let tables = "SELECT count(*) FROM sqlite_schema";
            let tables: i64 = connection.query_row(tables, [], |row| row.get(0))?;
            Ok((read("application_id")?, read("user_version")?, tables))
        };
        let failed = |error| sqlite(path, ("read", error));
        let (application_id, found, tables) = facts().map_err(failed)?;
        if application_id == self.application_id && found > 0 {
            if self.understands(found, connection).map_err(failed)? {
                return Ok(found);
            }
            let (path, known) = (path.to_owned(), self.known());
            return Err(OpenError::Newer { path, found, known });
        }
        let is_empty = application_id == 0 && tables == 0 && found == 0;
        if is_empty { Ok(0) } else { Err(self.foreign(path, application_id)) }
    }

    /// Whether this version reads and writes that schema, because it knows it, or because a later version
    /// has only added to this one's.
    pub(crate) fn understands(
        &self,
        found: i32,
        connection: &Connection,
    ) -> rusqlite::Result<bool> {
        let known = self.known();
        match self.min_reader {
            _ if found <= known => Ok(true),
            Some(min_reader) => {
                let needed: i32 = connection.query_row(min_reader, [], |row| row.get(0))?;
                Ok(needed <= known)
            }
            None => Ok(false),
        }
    }

    fn foreign(&self, path: &Path, application_id: i32) -> OpenError {
        OpenError::Foreign { path: path.to_owned(), of: self.of, application_id }
    }

    /// Migrates a database in one transaction, and once if several connections try.
    pub(crate) fn migrate(
        &self,
        path: &Path,
        connection: &mut Connection,
    ) -> Result<(), OpenError> {
        let fail = |error| sqlite(path, ("migrate", error));
        if self.whose(path, connection)? >= self.known() {
            return Ok(());
        }
        let migration =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
        // Read again: another connection, perhaps of a later version, may have migrated meanwhile.
        let found = self.whose(path, &migration)?;
        if found >= self.known() {
            return Ok(());
        }
        let migrated = || {
            for step in self.migrations.iter().skip(usize::try_from(found).unwrap_or(0)) {
                migration.execute_batch(step)?;
            }
            migration.pragma_update(None, "application_id", self.application_id)?;
            migration.pragma_update(None, "user_version", self.known())
        };
        migrated().map_err(fail)?;
        migration.commit().map_err(fail)
    }
}

impl SqliteDurability {
    /// Makes the next commits of a connection wait for this, outside of a transaction.
    pub(crate) fn set(self, connection: &Connection) -> rusqlite::Result<()> {
        let synchronous = match self {
            Self::Os => "NORMAL",
            Self::Sync => "FULL",
        };
        connection.pragma_update(None, "synchronous", synchronous)
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn sqlite(path: &Path, (attempted, source): (&'static str, rusqlite::Error)) -> OpenError {
    OpenError::Sqlite { path: path.to_owned(), attempted, source: said(&source).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_with_the_bug_is_refused_by_version() {
        let error = check_library(3_051_002, "3.51.2").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("SQLite 3.51.2") && text.contains("3.51.3"), "{text}");
        assert!(check_library(3_051_003, "3.51.3").is_ok());
    }

    #[test]
    fn the_bundled_sqlite_is_accepted() {
        assert!(check_library(rusqlite::version_number(), rusqlite::version()).is_ok());
    }
}
