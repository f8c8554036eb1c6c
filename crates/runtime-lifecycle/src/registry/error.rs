//! How the registry refuses.

use std::sync::Arc;

use thiserror::Error;

use crate::status::{AgentStatus, InvalidTransitionError};

/// No worker has this id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Worker not found: {worker_id}")]
#[non_exhaustive]
pub struct WorkerNotFoundError {
    /// The id that was looked for.
    pub worker_id: String,
}

impl WorkerNotFoundError {
    pub(super) fn new(worker_id: &str) -> Self {
        Self { worker_id: worker_id.to_owned() }
    }
}

/// Why a worker was not created. The registry is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreateWorkerError {
    /// A name that must say something is empty or blank.
    #[error("{field} must not be blank, but is {value:?}")]
    #[non_exhaustive]
    Blank {
        /// The argument.
        field: &'static str,
        /// What it held.
        value: String,
    },
    /// Every id that was drawn is taken.
    #[error("no free worker id `{prefix}…` after {draws} draws")]
    #[non_exhaustive]
    IdsExhausted {
        /// The part of the id that was not drawn.
        prefix: String,
        /// How many ids were drawn.
        draws: u32,
    },
}

impl CreateWorkerError {
    pub(super) fn blank(field: &'static str, value: &str) -> Self {
        Self::Blank { field, value: value.to_owned() }
    }

    pub(super) fn ids_exhausted(role: &str, phase: &str, draws: u32) -> Self {
        Self::IdsExhausted { prefix: format!("{role}-{phase}-"), draws }
    }
}

/// Why a worker did not move. It is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// There is no such worker.
    #[error(transparent)]
    NotFound(#[from] WorkerNotFoundError),
    /// Its state does not allow it.
    #[error(transparent)]
    Invalid(#[from] InvalidTransitionError),
}

/// Why a worker could not be claimed. It is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// There is no such worker.
    #[error(transparent)]
    NotFound(#[from] WorkerNotFoundError),
    /// It was created for a session of its own and never offered.
    #[error("worker `{worker_id}` was never offered: it is {status}")]
    #[non_exhaustive]
    NeverOffered {
        /// The worker.
        worker_id: Arc<str>,
        /// Its state.
        status: AgentStatus,
    },
    /// Somebody else was first.
    #[error("worker `{worker_id}` is already claimed: it is {status}")]
    #[non_exhaustive]
    AlreadyClaimed {
        /// The worker.
        worker_id: Arc<str>,
        /// Its state.
        status: AgentStatus,
    },
    /// It has ended, claimed or not.
    #[error("worker `{worker_id}` has ended: it is {status}")]
    #[non_exhaustive]
    Ended {
        /// The worker.
        worker_id: Arc<str>,
        /// Its state.
        status: AgentStatus,
    },
}
