//! What a backend cannot do.

use std::error::Error;
use std::sync::Arc;

use runtime_usage::Usd;
use thiserror::Error;

use crate::money::{AccountPath, LARGEST_SUM};

/// A call of a backend that failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The backend cannot be reached, or did not answer in time. The call may have been made.
    #[error("cannot {attempted}: the backend of the fleet is away")]
    Unavailable {
        /// What was to be done, such as `open a breaker`.
        attempted: &'static str,
        /// Why it is away, without a password.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// There is no such account.
    #[error("there is no account `{account}`")]
    NoAccount {
        /// The account that was asked for.
        account: AccountPath,
    },
    /// The account above is not there.
    #[error("the account `{account}` cannot be opened: there is no account `{above}` above it")]
    NoAccountAbove {
        /// The account that was to be opened.
        account: AccountPath,
        /// The account that is missing.
        above: AccountPath,
    },
    /// A sum is larger than a fleet counts.
    #[error("`{sum}` of account `{account}` is {found}; a fleet counts up to {LARGEST_SUM}")]
    TooLarge {
        /// The account.
        account: AccountPath,
        /// Which sum: `amount`, or the name of a field of a [`Booking`](crate::Booking).
        sum: &'static str,
        /// What it is.
        found: Usd,
    },
    /// What the backend keeps cannot be read.
    #[error("what the backend keeps of {of} cannot be read: {why}")]
    Corrupt {
        /// What was to be read.
        of: String,
        /// What is wrong with it.
        why: String,
    },
}

impl StateError {
    /// The error for a backend that is away.
    pub fn unavailable(
        attempted: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { attempted, source: Arc::from(source.into()) }
    }

    /// The same error. If something cannot be read, it is of this.
    #[must_use]
    pub fn named(self, kind: &str, name: &str) -> Self {
        match self {
            Self::Corrupt { why, .. } => Self::Corrupt { of: format!("{kind} `{name}`"), why },
            other => other,
        }
    }

    /// Whether the backend is away: the same call may succeed later.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
