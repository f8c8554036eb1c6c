//! Classification of the caller's errors.

#[cfg(feature = "anyhow")]
use std::any::Any;
use std::error::Error;
use std::mem;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_events::{AgentFailureClass, FailureScenario};
use runtime_policy::{GuardrailViolatedError, PermissionDeniedError};
use runtime_resilience::{Classifier, Failure, Fault, FaultKind, TimeoutPhase};

use crate::error::{
    BoxError, SessionClosedError, SessionError, ShuttingDownError, ToolError, TurnError,
    UnrecoveredError,
};
#[cfg(feature = "anyhow")]
use crate::wait::ThreadError;

/// Appends the rules for this crate's own errors, and for tokio's, to the caller's rules.
pub(crate) fn with_own_rules(classifier: Classifier) -> Classifier {
    let classifier = classifier.rule(own_types);
    #[cfg(feature = "tokio")]
    let classifier = classifier.rule(|error| {
        let elapsed = error.is::<tokio::time::error::Elapsed>();
        elapsed.then_some(FailureScenario::LlmTimeout)
    });
    classifier
}

/// Keeps the first classification of a failure, however deeply it is wrapped.
fn own_types(error: &(dyn Error + 'static)) -> Option<FailureScenario> {
    if let Some(error) = error.downcast_ref::<TurnError>() {
        return error.scenario();
    }
    match error.downcast_ref::<ToolError>()? {
        ToolError::Failed(failure) => Some(failure.scenario()),
        ToolError::TimedOut(_) => Some(FailureScenario::ToolExecutionError),
        _ => None,
    }
}

/// Boxes an error of the caller, which came now, and classifies it, in one walk along its sources.
pub(crate) fn failure<E: Into<BoxError> + 'static>(
    error: E,
    classifier: &Classifier,
    now: DateTime<Utc>,
) -> Failure {
    #[cfg(feature = "anyhow")]
    let error = match from_anyhow(error) {
        Ok(error) => return read(error, classifier, now),
        Err(error) => error,
    };
    read(error.into(), classifier, now)
}

fn read(error: BoxError, classifier: &Classifier, now: DateTime<Utc>) -> Failure {
    // Below a turn that gave up is its last failure, of which it has told.
    let mut told = false;
    Failure::classified_with(error, classifier, now, |error, inside: &mut Option<Inside>| {
        if mem::take(&mut told) {
            return;
        }
        if let Some(seen) = Inside::of_error(error) {
            told = seen.retried;
            inside.get_or_insert_default().add(seen);
        }
    })
}

/// Extracts an `anyhow::Error`, which hides its cause if it is boxed like other errors.
#[cfg(feature = "anyhow")]
fn from_anyhow<E: 'static>(error: E) -> Result<BoxError, E> {
    let mut slot = Some(error);
    let found = match taken::<E, ThreadError<anyhow::Error>>(&mut slot) {
        Some(ThreadError::Call(error)) => Some(error),
        Some(ThreadError::NoThread(error)) => return Ok(error.into()),
        None => taken::<E, anyhow::Error>(&mut slot),
    };
    if let Some(error) = found {
        return Ok(error.reallocate_into_boxed_dyn_error_without_backtrace());
    }
    // Only the branches above empty the slot.
    slot.map_or_else(|| unreachable!("only an anyhow error is taken"), Err)
}

/// Takes a `T` out of the slot, if the slot has one.
#[cfg(feature = "anyhow")]
fn taken<E: 'static, T: 'static>(slot: &mut Option<E>) -> Option<T> {
    (slot as &mut dyn Any).downcast_mut::<Option<T>>()?.take()
}

/// The findings about turns, tools and sessions inside an error.
#[derive(Clone, Copy, Debug, Default)]
struct Inside {
    /// The outermost turn.
    turn: Option<Turn>,
    /// Whether any turn was refused.
    refused: bool,
    /// Whether any turn was final: recovery has already done what it could.
    retried: bool,
    /// The class under which the outermost refusal or failure was reported.
    class: Option<AgentFailureClass>,
    /// Whether a shutdown is the cause.
    shutdown: bool,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    fault: Option<Fault>,
    refused: bool,
}

impl Inside {
    fn of(failure: &Failure) -> Self {
        failure.note().copied().unwrap_or_default()
    }

    fn of_error(error: &(dyn Error + 'static)) -> Option<Self> {
        Some(if let Some(turn) = error.downcast_ref::<TurnError>() {
            let refused = turn.is_refusal();
            Self {
                turn: Some(Turn { fault: fault_of(turn), refused }),
                refused,
                retried: turn.is_final(),
                class: Some(turn.failure_class()),
                shutdown: turn.is_shutdown(),
            }
        } else if let Some(tool) = error.downcast_ref::<ToolError>() {
            let (class, shutdown) = (Some(tool.failure_class()), tool.is_shutdown());
            Self { class, shutdown, ..Self::default() }
        } else if error.is::<PermissionDeniedError>() {
            Self { class: Some(AgentFailureClass::PermissionDenied), ..Self::default() }
        } else if error.is::<GuardrailViolatedError>() {
            Self { class: Some(AgentFailureClass::GuardrailViolation), ..Self::default() }
        } else if error.is::<UnrecoveredError>() {
            Self { retried: true, ..Self::default() }
        } else if is_shutdown(error) {
            Self { shutdown: true, ..Self::default() }
        } else {
            return None;
        })
    }

    /// Adds what an error further down the chain says.
    fn add(&mut self, seen: Self) {
        self.turn = self.turn.or(seen.turn);
        self.refused |= seen.refused;
        self.retried |= seen.retried;
        self.class = self.class.or(seen.class);
        self.shutdown |= seen.shutdown;
    }
}

fn is_shutdown(error: &(dyn Error + 'static)) -> bool {
    error.is::<ShuttingDownError>()
        || error.downcast_ref().is_some_and(|closed: &SessionClosedError| closed.shutdown)
        || error.downcast_ref().is_some_and(SessionError::is_shutdown)
}

/// Whether a turn inside the call was refused, so that its provider was not called.
pub(crate) fn refused_inside(failure: &Failure) -> bool {
    Inside::of(failure).refused
}

/// Whether recovery inside the call has already done what it could.
pub(crate) fn retried_inside(error: &TurnError) -> bool {
    error.failure().is_some_and(|failure| Inside::of(failure).retried)
}

/// The failure class in events of an error that ends a session.
pub(crate) fn class_of(failure: &Failure) -> AgentFailureClass {
    Inside::of(failure).class.unwrap_or_else(|| failure.failure_class())
}

/// Whether a shutdown is the cause, at any depth: a refusal, or a session that it cancelled.
pub(crate) fn is_of_shutdown(failure: &Failure) -> bool {
    Inside::of(failure).shutdown
}

/// The fault of a turn's error. `None` if recovery does not apply.
pub(crate) fn fault_of(error: &TurnError) -> Option<Fault> {
    let fault = match error {
        TurnError::CircuitOpen(open) => shut(open.retry_after),
        TurnError::NoRoute(none) => shut(none.soonest.as_ref().map(|(_, wait)| *wait)),
        TurnError::RateLimited(limited) => {
            let mut fault = Fault::of(FaultKind::RateLimit);
            fault.asked = limited.retry_after;
            // A demand that never fits is not worth a wait.
            fault.retry = limited.retry_after.is_some();
            fault
        }
        TurnError::Failed(failure) => match Inside::of(failure).turn {
            // Refused for good, or out of time: another call would have the same result.
            Some(Turn { fault: None, .. }) => Fault::of(FaultKind::Local),
            // A refusal has the wait; its text does not.
            Some(Turn { fault: Some(fault), refused: true }) => fault,
            _ => failure.fault(),
        },
        _ => error.fault()?,
    };
    let nobodys =
        matches!(fault.kind, FaultKind::Cancelled | FaultKind::Timeout(TimeoutPhase::Total));
    (!nobodys).then_some(fault)
}

/// The fault of a provider that must not be called for this long.
fn shut(wait: Option<Duration>) -> Fault {
    let mut fault = Fault::of_scenario(FailureScenario::ProviderFailure);
    fault.asked = wait;
    fault.counts = false;
    fault
}
