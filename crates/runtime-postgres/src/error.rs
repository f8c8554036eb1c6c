//! [`PgError`]: why a database cannot be used.

use std::error::Error;
use std::time::Duration;

use runtime_fleet::link::LinkError;
use thiserror::Error;
use tokio_postgres::error::SqlState;

/// Why a database cannot be used.
///
/// No text of it has a password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PgError {
    /// The URL or a setting is wrong.
    #[error("{what}")]
    Config {
        /// Which, and what is right.
        what: String,
    },
    /// The database has no schema, or an older one.
    #[error(
        "schema `{schema}` {}: run `techrevati migrate URL` with a role that may make tables",
        .found.map_or_else(|| "does not exist".to_owned(), |it| format!("has version {it}, and {needed} is needed"))
    )]
    Unmigrated {
        /// The name of the schema.
        schema: String,
        /// Its version, if it exists.
        found: Option<i32>,
        /// The version that is needed.
        needed: i32,
    },
    /// The role may not migrate: it has not made what it would change.
    #[error(
        "role `{role}` may not migrate schema `{schema}`, and role `{owner}` may: run `techrevati migrate URL` as \
         `{owner}`"
    )]
    NotOwner {
        /// The name of the schema.
        schema: String,
        /// The role that tried.
        role: String,
        /// The owner of the schema, or of the database if that has no such schema.
        owner: String,
        /// What the server says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The schema is of a newer version, which this one cannot use.
    #[error(
        "schema `{schema}` has version {found}, which programs that know version {known} cannot use: update this \
         program"
    )]
    Newer {
        /// The name of the schema.
        schema: String,
        /// Its version.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// The server did not answer in time.
    #[error("cannot {attempted}: no answer within {} s", .after.as_secs_f64())]
    TimedOut {
        /// What was attempted.
        attempted: &'static str,
        /// The time it had.
        after: Duration,
    },
    /// The role has not the rights that its program needs.
    #[error(
        "role `{role}` cannot {attempted}: it lacks rights in schema `{schema}`, which the guide of the store \
         (docs/postgres.md) grants to the role of a program"
    )]
    Forbidden {
        /// The role of the connection.
        role: String,
        /// The name of the schema.
        schema: String,
        /// What was attempted.
        attempted: &'static str,
        /// What the server said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something failed on the way to the server, or there.
    #[error("cannot {attempted}")]
    Failed {
        /// What was attempted.
        attempted: &'static str,
        /// The error.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl From<LinkError> for PgError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::TimedOut { attempted, after } => Self::TimedOut { attempted, after },
            LinkError::Failed { attempted, source } => Self::Failed { attempted, source },
            other => Self::Failed { attempted: "use a connection", source: other.into() },
        }
    }
}

impl PgError {
    pub(crate) fn config(what: impl Into<String>) -> Self {
        Self::Config { what: what.into() }
    }

    pub(crate) fn failed(attempted: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |error| Self::Failed { attempted, source: error.into() }
    }

    /// The same, with the role if it is about its rights.
    pub(crate) fn of_role(self, (role, schema): (&str, &str)) -> Self {
        match self {
            Self::Failed { attempted, source } if is_forbidden(&*source) => {
                let (role, schema) = (role.to_owned(), schema.to_owned());
                Self::Forbidden { role, schema, attempted, source }
            }
            other => other,
        }
    }

    /// Whether the server cannot be reached now, and may be later.
    #[cfg(feature = "fleet")]
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Failed { source, .. } => {
                let error = source.downcast_ref::<tokio_postgres::Error>();
                let code = error.and_then(tokio_postgres::Error::code).map(SqlState::code);
                // Without a code, there is no answer. Otherwise: connections, shutdowns and starts, too many, and a
                // standby that is not the primary yet.
                code.is_none_or(|code| {
                    ["08", "53", "57", "25006"].iter().any(|class| code.starts_with(class))
                })
            }
            _ => false,
        }
    }
}

pub(crate) fn is_forbidden(error: &(dyn Error + 'static)) -> bool {
    let code = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    code == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
}
