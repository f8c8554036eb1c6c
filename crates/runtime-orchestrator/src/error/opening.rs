//! The ways a session is not opened.

use std::sync::Arc;

use runtime_lifecycle::{ClaimError, CreateWorkerError};
use thiserror::Error;

use super::{DeadlineExceededError, SessionClosedError, ShuttingDownError};

/// A session could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenSessionError {
    /// The registry refuses the worker.
    #[error("no session for role `{role}`")]
    Worker {
        /// The role it was asked for.
        role: String,
        /// What the registry objected to.
        #[source]
        reason: CreateWorkerError,
    },
    /// The orchestrator drains.
    #[error(transparent)]
    ShuttingDown(#[from] ShuttingDownError),
}

/// A child session that was not opened.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum ChildSessionError {
    /// The parent is over.
    Closed(#[from] SessionClosedError),
    /// The parent's orchestrator drains, or the child's.
    ShuttingDown(#[from] ShuttingDownError),
    /// The parent's time is over.
    Deadline(#[from] DeadlineExceededError),
    /// The session has an account that is not its parent's, and both cannot pay.
    Account(#[from] ForeignAccountError),
    /// The session could not be opened.
    Open(#[from] OpenSessionError),
}

/// An orchestrator's shared account is not on the path of the parent's: a child's turns are paid
/// from its parent's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the shared account {} is not above the parent's, which pays for its children", name(account.as_deref()))]
#[non_exhaustive]
pub struct ForeignAccountError {
    /// The account, where it has a name.
    pub account: Option<Arc<str>>,
}

fn name(account: Option<&str>) -> String {
    account.map_or_else(|| "(without a name)".to_owned(), |name| format!("`{name}`"))
}

/// A handoff that was not accepted. Nothing has changed, unless draining began just then: a worker
/// that was claimed already is cancelled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The handoff is for another role than the orchestrator's.
    #[error("handoff is for role `{expected}`, this orchestrator's role is `{found}`")]
    Role {
        /// The handoff's target role.
        expected: String,
        /// The orchestrator's role.
        found: String,
    },
    /// The orchestrator drains.
    #[error(transparent)]
    ShuttingDown(#[from] ShuttingDownError),
    /// The registry does not hold the worker as unclaimed.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}
