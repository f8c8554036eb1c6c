//! The errors of a call through a breaker.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::state::CircuitState;

/// A circuit breaker did not admit a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Circuit breaker '{name}' is OPEN")]
#[non_exhaustive]
pub struct CircuitOpenError {
    /// The name of the breaker.
    pub name: Arc<str>,
    /// The rest of the wait. `None` if it is not known: while the breaker is half-open with all
    /// probes under way, and while it is forced open.
    pub retry_after: Option<Duration>,
    /// The state of the breaker: open, half-open or forced open.
    pub state: CircuitState,
    /// The generation of the breaker, as of the [`Transition`](super::Transition) that began it.
    pub generation: u32,
}

/// The same, without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) state: CircuitState,
    pub(super) generation: u32,
    pub(super) retry_after: Option<Duration>,
}

impl CircuitOpenError {
    pub(super) fn new(name: Arc<str>, refused: Refused) -> Self {
        let Refused { state, generation, retry_after } = refused;
        Self { name, retry_after, state, generation }
    }
}

/// A call through a circuit breaker was refused or failed.
///
/// The error inside is its [`source`](Error::source), so that a walk along the chain finds the caller's
/// error by its type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a call is either refused or it fails")]
pub enum CallError<E> {
    /// The breaker did not admit the call, and it was not made.
    Open(CircuitOpenError),
    /// The call was made and failed.
    Failed(E),
}

impl<E> From<CircuitOpenError> for CallError<E> {
    fn from(refused: CircuitOpenError) -> Self {
        Self::Open(refused)
    }
}

impl<E> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(_) => f.write_str("call was not admitted"),
            Self::Failed(_) => f.write_str("call was admitted and failed"),
        }
    }
}

impl<E: Error + 'static> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open(refused) => Some(refused),
            Self::Failed(error) => Some(error),
        }
    }
}
