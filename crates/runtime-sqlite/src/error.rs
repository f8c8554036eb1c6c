//! [`OpenError`]: the error of opening a database.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
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

/// What SQLite says of an error: once, where its error says it again as its own source, and with what it does not say.
pub(crate) fn said(error: &rusqlite::Error) -> String {
    let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
    match code {
        Some((ErrorCode::ReadOnly, _)) => {
            format!("{error}: even who only reads must be able to write the file and its folder")
        }
        Some((_, SQLITE_IOERR_SHMSIZE)) => format!("{error}: its disk may be full"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn what_sqlite_leaves_out_is_said() {
        let of = |code, text: &str| {
            said(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(text.to_owned())))
        };
        let read_only = of(ffi::SQLITE_READONLY_DIRECTORY, "attempt to write a readonly database");
        assert!(read_only.contains("write the file and its folder"), "{read_only}");
        let full = of(SQLITE_IOERR_SHMSIZE, "disk I/O error");
        assert!(full.contains("full"), "{full}");
        assert_eq!(of(ffi::SQLITE_NOTADB, "file is not a database"), "file is not a database");
    }
}
