//! Why a call was not made, or its answer was cut, as a client sees it.

use std::error::Error;
use std::fmt;

#[cfg(feature = "durable")]
use runtime_durable::{StepError, StepFailure};
use runtime_orchestrator::{BoxError, TurnError};
#[cfg(feature = "durable")]
use runtime_store::FailureKind;
use thiserror::Error;

/// The error that a client gets where the turn has one and the provider gave no reply.
///
/// It stands around the reason, which is its source: clients show the sources of what they hold, and
/// not always what they hold. [`turn_error`] finds it. Its text names the reason by one word, such as `budget`, for
/// clients that keep nothing but a text.
#[derive(Debug)]
pub struct NoReplyError {
    was_made: bool,
    /// Empty in a durable session, whose lives all say the same.
    word: &'static str,
    reason: BoxError,
}

impl NoReplyError {
    pub(crate) fn new(error: TurnError) -> Self {
        Self { was_made: !error.is_refusal(), word: word(&error), reason: error.into() }
    }

    /// For a step of a durable session, in this life or an earlier one.
    #[cfg(feature = "durable")]
    pub(crate) fn step(error: StepError) -> Self {
        let was_made = match &error {
            StepError::Failed(failed) => failed.failure.kind != FailureKind::Refused,
            _ => false,
        };
        Self { was_made, word: "", reason: error.into() }
    }

    #[cfg(feature = "durable")]
    pub(crate) fn because(reason: impl Into<BoxError>) -> Self {
        Self { was_made: true, word: "", reason: reason.into() }
    }

    /// The reason: a [`TurnError`], or in a durable session a `StepError`.
    pub fn reason(&self) -> &(dyn Error + 'static) {
        &*self.reason
    }
}

impl fmt::Display for NoReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.was_made {
            "the call ended without an answer"
        } else {
            "the session refused the call"
        })?;
        if self.word.is_empty() { Ok(()) } else { write!(f, " ({})", self.word) }
    }
}

impl Error for NoReplyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.reason())
    }
}

fn word(error: &TurnError) -> &'static str {
    match error {
        TurnError::Unrecovered(unrecovered) => word(&unrecovered.error),
        TurnError::Failed(failure) => failure.fault().kind.as_str(),
        error => error.reason(),
    }
}

/// No session is current where a call of a shared client is made.
///
/// Run the caller in [`SessionHandle::scope`](runtime_orchestrator::SessionHandle::scope). A task that
/// was spawned inside a scope is outside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("no session is current: run the call in `session.scope(…)`, in spawned tasks as well")]
#[non_exhaustive]
pub struct NoSessionError;

/// The error of the turn behind an error of a client, if there is one.
///
/// ```
/// use std::error::Error;
/// use runtime_http::turn_error;
/// use runtime_orchestrator::TurnError;
///
/// /// The status with which a service replies, if a call of its client has failed.
/// fn status(error: &(dyn Error + 'static)) -> u16 {
///     match turn_error(error) {
///         Some(TurnError::Budget(_)) => 402,
///         Some(TurnError::CircuitOpen(_) | TurnError::RateLimited(_)) => 503,
///         Some(error) if error.is_refusal() => 500,
///         // The provider's own error, or the client's.
///         _ => 502,
///     }
/// }
///
/// assert_eq!(status(&std::io::Error::other("a failure of the client itself")), 502);
/// ```
pub fn turn_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e TurnError> {
    runtime_resilience::errors(error).find_map(|error| error.downcast_ref())
}

/// With feature `durable`: the recorded failure behind an error of a client, if there is one.
///
/// Each life of a thread gets the same, so code that decides by it goes the same way again. What [`turn_error`]
/// finds is of the life in which the call failed.
#[cfg(feature = "durable")]
pub fn step_failure<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e StepFailure> {
    runtime_resilience::errors(error).find_map(|error| match error.downcast_ref() {
        Some(StepError::Failed(failure)) => Some(&**failure),
        _ => error.downcast_ref(),
    })
}
