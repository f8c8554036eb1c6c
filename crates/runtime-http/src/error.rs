//! Why a call was not made, or its answer was cut, as a client sees it.

use std::error::Error;
use std::fmt;

use runtime_orchestrator::TurnError;
use thiserror::Error;

/// The error that a client gets where the turn has one and the provider gave no reply.
///
/// It stands around the [`TurnError`], which is its source: clients show the sources of what they
/// hold, and not always what they hold. [`turn_error`] finds it.
#[derive(Debug)]
pub struct Refused(Box<TurnError>);

impl Refused {
    pub(crate) fn new(error: TurnError) -> Self {
        Self(Box::new(error))
    }

    /// The reason.
    pub const fn reason(&self) -> &TurnError {
        &self.0
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = if self.0.is_refusal() { "the call was not made" } else { "the call was ended" };
        f.write_str(made)
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
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
///
/// let other = std::io::Error::other("a failure of the client itself");
/// assert!(turn_error(&other).is_none());
/// ```
pub fn turn_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e TurnError> {
    runtime_resilience::errors(error).find_map(|error| {
        error.downcast_ref().or_else(|| Some(error.downcast_ref::<Refused>()?.reason()))
    })
}
