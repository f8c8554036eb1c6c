//! [`RedisFleetError`]: why a server cannot be used.

use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use runtime_fleet::link::LinkError;
use thiserror::Error;

/// Why a server cannot be used.
///
/// No text of it has a password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RedisFleetError {
    /// The URL or a setting is wrong.
    #[error("{what}")]
    Config {
        /// Which, and what is right.
        what: String,
    },
    /// The server did not answer in time.
    #[error("cannot {attempted}: no answer within {} s", .after.as_secs_f64())]
    TimedOut {
        /// What was attempted.
        attempted: &'static str,
        /// The time it had.
        after: Duration,
    },
    /// Something failed on the way to the server, or there.
    #[error("cannot {attempted}")]
    Failed {
        /// What was attempted.
        attempted: &'static str,
        /// The error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<LinkError> for RedisFleetError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::TimedOut { attempted, after } => Self::TimedOut { attempted, after },
            LinkError::Failed { attempted, source } => Self::Failed { attempted, source },
            other => Self::Failed { attempted: "use a connection", source: other.into() },
        }
    }
}

impl RedisFleetError {
    pub(crate) fn config(what: impl Into<String>) -> Self {
        Self::Config { what: what.into() }
    }

    pub(crate) fn failed<E>(attempted: &'static str) -> impl Fn(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |error| Self::Failed { attempted, source: error.into() }
    }

    /// Whether the server cannot be reached now, and may be later.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Failed { source, .. } => source.downcast_ref::<RedisError>().is_none_or(is_away),
            Self::Config { .. } => false,
        }
    }
}

/// Whether an error is of the connection or of the state of the server, and not of the call.
pub(crate) fn is_away(error: &RedisError) -> bool {
    use ServerErrorKind as Server;
    // Out of memory, of replicas or of disk, or busy with a script: of these the client has no kinds.
    const PASSING: [&str; 4] = ["OOM", "NOREPLICAS", "MISCONF", "BUSY"];
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound => true,
        ErrorKind::Server(kind) => matches!(
            kind,
            Server::BusyLoading
                | Server::ClusterDown
                | Server::MasterDown
                | Server::ReadOnly
                | Server::TryAgain
                | Server::Moved
                | Server::Ask
        ),
        _ => error.code().is_some_and(|code| PASSING.contains(&code)),
    }
}
