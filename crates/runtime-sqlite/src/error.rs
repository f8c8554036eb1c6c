//! [`OpenError`]: why a database is not opened.

use std::path::PathBuf;

use thiserror::Error;

/// A database is not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The SQLite that was linked can corrupt a database in WAL mode that two connections write.
    #[error("SQLite {found} can corrupt a log that two connections write; needed is {needed}")]
    Library {
        /// The version that was linked.
        found: String,
        /// The first one that does not.
        needed: &'static str,
    },
    /// A later version of this library has written it.
    #[error("`{}` has schema {found}, and this version knows none above {known}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i32,
        /// The latest schema that is known.
        known: i32,
    },
    /// It is a database, but not one of events.
    #[error(
        "`{}` is no database of events: its application_id is {application_id}", path.display()
    )]
    Foreign {
        /// The database.
        path: PathBuf,
        /// Whose it is, where its owner has said so.
        application_id: i32,
    },
    /// It cannot be written in WAL mode, as one in memory, or on some file systems.
    #[error("`{}` has no write-ahead log: its journal mode stays `{mode}`", path.display())]
    Journal {
        /// The database.
        path: PathBuf,
        /// What SQLite uses instead.
        mode: String,
    },
    /// SQLite refused.
    #[error("{attempted} `{}`: {source}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What was attempted.
        attempted: &'static str,
        /// What SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
