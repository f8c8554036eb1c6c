//! Why a backend has no answer.

use std::sync::Arc;

use crate::money::AccountPath;

/// Why a call of a backend failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The backend cannot be reached, or did not answer in time. The call may have been made.
    #[error("cannot {attempted}: the backend is away")]
    Unavailable { attempted: &'static str, source: Arc<dyn std::error::Error + Send + Sync> },
    /// There is no such account.
    #[error("there is no account `{account}`")]
    NoAccount { account: AccountPath },
    /// The account above is not there.
    #[error("the account `{account}` has no account above it: `{above}` is missing")]
    NoAccountAbove { account: AccountPath, above: AccountPath },
    /// What the backend keeps cannot be read.
    #[error("what the backend keeps is damaged: {what}")]
    Corrupt { what: String },
}
