//! Why a command failed.

use std::io;
use std::path::{Path, PathBuf};

use runtime_fleet::StateError;
use runtime_sinks::LogReadError;
use runtime_store::StoreError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Read(#[from] LogReadError),
    #[error("cannot read `{}`: {cause}", path.display())]
    Input { path: PathBuf, cause: Box<dyn std::error::Error> },
    #[error("cannot write `{}`: {cause}", path.display())]
    WriteFile { path: PathBuf, cause: io::Error },
    #[cfg(feature = "postgres")]
    #[error("cannot migrate the database: {0}")]
    Migrate(String),
    /// The store cannot be opened, or failed.
    #[error("{0}")]
    Store(String),
    /// The store was asked for what it does not do.
    #[error("{0}")]
    Refused(String),
    #[error("cannot write to standard output: {0}")]
    WriteOutput(io::Error),
}

impl Error {
    pub(crate) fn input(path: &Path, cause: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self::Input { path: path.to_owned(), cause: cause.into() }
    }

    pub(crate) fn store(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Store(with_causes(error))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::WriteOutput(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. }
            | StoreError::Newer { .. }
            | StoreError::Corrupt { .. } => Self::store(&error),
            refused => Self::Refused(refused.to_string()),
        }
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Unavailable { .. } | StateError::Corrupt { .. } => Self::store(&error),
            refused => Self::Refused(refused.to_string()),
        }
    }
}

/// The result of writing to standard output, where a reader that has gone away had enough.
pub(crate) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// An error with its causes.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
