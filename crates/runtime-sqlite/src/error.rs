//! [`OpenError`]: the error of opening a database.

use std::path::PathBuf;

use thiserror::Error;

/// The error of opening a database.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The linked SQLite can corrupt a database that two connections write.
    #[error(
        "SQLite {found} can corrupt a database that two connections write; link {needed} or later"
    )]
    Library {
        /// The version of the linked SQLite.
        found: String,
        /// The first version without the bug.
        needed: &'static str,
    },
    /// A later version of this crate wrote the database.
    #[error("`{}` has schema {found}, and this version of `runtime-sqlite` knows no schema above {known}", path.display())]
    Newer {
        /// The path of the database.
        path: PathBuf,
        /// The schema of the database.
        found: i32,
        /// The latest schema that this version knows.
        known: i32,
    },
    /// The database belongs to another application.
    #[error(
        "`{}` is not a database of {of}: its application_id is {application_id}", path.display()
    )]
    Foreign {
        /// The path of the database.
        path: PathBuf,
        /// What was to be in it: `events` or `threads`.
        of: &'static str,
        /// The id of the application, or 0 if it set none.
        application_id: i32,
    },
    /// The database cannot have a write-ahead log, as in memory or on some file systems.
    #[error("`{}` cannot have a write-ahead log: its journal mode stays `{mode}`", path.display())]
    Journal {
        /// The path of the database.
        path: PathBuf,
        /// The journal mode of the database.
        mode: String,
    },
    /// SQLite returned an error.
    #[error("cannot {attempted} `{}`", path.display())]
    Sqlite {
        /// The path of the database.
        path: PathBuf,
        /// The operation that failed.
        attempted: &'static str,
        /// The error of SQLite.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
