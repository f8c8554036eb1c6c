//! What the error of an attempt means for its turn.

use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_resilience::errors;
use runtime_resilience::fault::{FaultKind, Phase};
use runtime_resilience::{Failure, Fault};

use crate::error::{TurnError, UnrecoveredError};

/// What a failure means; `None` for one that recovery is not for.
pub(super) fn fault_of(error: &TurnError) -> Option<Fault> {
    let fault = match error {
        TurnError::CircuitOpen(open) => shut(open.retry_after),
        TurnError::NoRoute(none) => shut(none.soonest.as_ref().map(|(_, wait)| *wait)),
        TurnError::RateLimited(limited) => {
            let mut fault = Fault::of(FaultKind::RateLimit);
            fault.asked = limited.retry_after;
            // What will never have room is not worth a wait.
            fault.retry = limited.retry_after.is_some();
            fault
        }
        TurnError::Failed(failure) => match turn_inside(failure).map(|it| (fault_of(it), it)) {
            // Refused for good, or out of time: another call here would be so again.
            Some((None, _)) => Fault::of(FaultKind::Local),
            // A refusal says when; its text does not.
            Some((Some(fault), refused)) if refused.is_refusal() => fault,
            _ => failure.fault(),
        },
        _ => error.fault()?,
    };
    let nobodys = matches!(fault.kind, FaultKind::Cancelled | FaultKind::Timeout(Phase::Total));
    (!nobodys).then_some(fault)
}

/// The error of a turn inside the call.
fn turn_inside(failure: &Failure) -> Option<&TurnError> {
    errors(failure.error()).find_map(|error| error.downcast_ref())
}

/// A provider that is left alone for so long.
fn shut(wait: Option<Duration>) -> Fault {
    let mut fault = Fault::of_scenario(FailureScenario::ProviderFailure);
    fault.asked = wait;
    fault.counts = false;
    fault
}

/// Whether a turn inside the call has tried already what there is to try.
pub(super) fn retried_below(error: &TurnError) -> bool {
    let Some(failure) = error.failure() else { return false };
    errors(failure.error()).any(|error| {
        error.downcast_ref::<TurnError>().is_some_and(TurnError::is_final)
            || error.is::<UnrecoveredError>()
    })
}

/// Whether it is the session that is over, or its time.
pub(super) const fn ends_the_session(error: &TurnError) -> bool {
    matches!(error, TurnError::Closed(_) | TurnError::Deadline(_))
}

/// The same error, where a call was made before it: an end between two attempts does not mean that
/// nothing was called.
pub(super) const fn after_a_call(mut error: TurnError) -> TurnError {
    match &mut error {
        TurnError::Closed(closed) => closed.call_began = true,
        TurnError::Deadline(deadline) => deadline.call_began = true,
        _ => {}
    }
    error
}
