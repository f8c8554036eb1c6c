//! The errors of the registry.

use std::sync::Arc;

use thiserror::Error;

use crate::status::{AgentStatus, InvalidTransitionError};

/// The error for an id that no worker has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Worker not found: {worker_id}")]
#[non_exhaustive]
pub struct WorkerNotFoundError {
    /// The id.
    pub worker_id: String,
}

impl WorkerNotFoundError {
    pub(super) fn new(worker_id: &str) -> Self {
        Self { worker_id: worker_id.to_owned() }
    }
}

/// The error for a worker that was not created. The registry is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreateWorkerError {
    /// A name is empty or blank.
    #[error("{field} must not be blank, found `{value}`")]
    #[non_exhaustive]
    Blank {
        /// The name of the argument.
        field: &'static str,
        /// The value of the argument.
        value: String,
    },
    /// Every drawn id was taken.
    #[error("no free worker id `{prefix}…` after {draws} draws")]
    #[non_exhaustive]
    IdsExhausted {
        /// The part of the id before the drawn digits.
        prefix: String,
        /// The number of drawn ids.
        draws: u32,
    },
}

/// The error for a transition of a registered worker. The worker is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// There is no such worker.
    #[error(transparent)]
    NotFound(#[from] WorkerNotFoundError),
    /// The state of the worker does not allow it.
    #[error(transparent)]
    Invalid(#[from] InvalidTransitionError),
}

/// The error for a worker that cannot be claimed. The worker is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// There is no such worker.
    #[error(transparent)]
    NotFound(#[from] WorkerNotFoundError),
    /// The worker was created by a session and never offered.
    #[error("worker `{worker_id}` was never offered and is `{status}`")]
    #[non_exhaustive]
    NeverOffered {
        /// The id of the worker.
        worker_id: Arc<str>,
        /// The state of the worker.
        status: AgentStatus,
    },
    /// Another caller claimed the worker first.
    #[error("worker `{worker_id}` was claimed before and is `{status}`")]
    #[non_exhaustive]
    AlreadyClaimed {
        /// The id of the worker.
        worker_id: Arc<str>,
        /// The state of the worker.
        status: AgentStatus,
    },
    /// The worker has ended.
    #[error("worker `{worker_id}` has ended and is `{status}`")]
    #[non_exhaustive]
    Ended {
        /// The id of the worker.
        worker_id: Arc<str>,
        /// The state of the worker.
        status: AgentStatus,
    },
}
