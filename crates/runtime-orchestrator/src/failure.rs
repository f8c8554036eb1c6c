//! From the caller's errors to what they mean.

#[cfg(feature = "anyhow")]
use std::any::Any;
use std::error::Error;
use std::iter;

use runtime_events::{AgentFailureClass, FailureScenario};
use runtime_policy::{GuardrailViolatedError, PermissionDeniedError};
use runtime_resilience::classify::errors;
use runtime_resilience::{Classifier, Failure};

use crate::error::{
    AcceptError, BoxError, ChildSessionError, HandoffError, OpenSessionError, PauseError,
    SessionClosedError, SettleError, ShuttingDownError, ToolError, TurnError,
};

/// The caller's rules, and then what this crate alone can know.
pub(crate) fn with_own_rules(classifier: Classifier) -> Classifier {
    let classifier = classifier.rule(own_types);
    #[cfg(feature = "tokio")]
    let classifier = classifier.rule(|error| {
        let elapsed = error.is::<tokio::time::error::Elapsed>();
        elapsed.then_some(FailureScenario::LlmTimeout)
    });
    classifier
}

/// A failure that was classified once stays what it was, however deep it is wrapped.
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

/// Boxes and classifies an error of the caller's.
pub(crate) fn failure<E: Into<BoxError> + 'static>(error: E, classifier: &Classifier) -> Failure {
    #[cfg(feature = "anyhow")]
    let error = match from_anyhow(error, classifier) {
        Ok(failure) => return failure,
        Err(error) => error,
    };
    Failure::classified(error.into(), classifier)
}

/// An `anyhow::Error` hides its cause once boxed, so its chain is looked at before.
#[cfg(feature = "anyhow")]
fn from_anyhow<E: 'static>(error: E, classifier: &Classifier) -> Result<Failure, E> {
    let mut slot = Some(error);
    let taken = (&mut slot as &mut dyn Any).downcast_mut::<Option<anyhow::Error>>();
    if let Some(error) = taken.and_then(Option::take) {
        let scenario = classifier.classify(error.as_ref());
        return Ok(Failure::new(
            error.reallocate_into_boxed_dyn_error_without_backtrace(),
            scenario,
        ));
    }
    // Only the branch above empties the slot.
    slot.map_or_else(|| unreachable!("taken only as an anyhow error"), Err)
}

/// Whether a turn inside the call was refused: what was called, was not.
pub(crate) fn refused_inside(failure: &Failure) -> bool {
    errors(failure.error()).filter_map(|error| error.downcast_ref()).any(TurnError::is_refusal)
}

/// The class under which events report an error that ends a session.
pub(crate) fn class_of(failure: &Failure) -> AgentFailureClass {
    iter::successors(Some(failure.error() as &(dyn Error + 'static)), |&error| error.source())
        .find_map(own_class)
        .unwrap_or_else(|| failure.failure_class())
}

/// Whether a shutdown is what the error tells of, however deep: a refusal, or a session that it
/// cancelled.
pub(crate) fn is_of_shutdown(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source()).any(|error| {
        error.is::<ShuttingDownError>()
            || says(error, |closed: &SessionClosedError| closed.shutdown)
            || says(error, TurnError::is_shutdown)
            || says(error, ToolError::is_shutdown)
            || says(error, PauseError::is_shutdown)
            || says(error, OpenSessionError::is_shutdown)
            || says(error, ChildSessionError::is_shutdown)
            || says(error, AcceptError::is_shutdown)
            || says(error, SettleError::is_shutdown)
            || says(error, HandoffError::is_shutdown)
    })
}

fn says<E: Error + 'static>(error: &(dyn Error + 'static), ask: impl FnOnce(&E) -> bool) -> bool {
    error.downcast_ref().is_some_and(ask)
}

fn own_class(error: &(dyn Error + 'static)) -> Option<AgentFailureClass> {
    if let Some(error) = error.downcast_ref::<TurnError>() {
        return Some(error.failure_class());
    }
    if let Some(error) = error.downcast_ref::<ToolError>() {
        return Some(error.failure_class());
    }
    if error.is::<PermissionDeniedError>() {
        return Some(AgentFailureClass::PermissionDenied);
    }
    error.is::<GuardrailViolatedError>().then_some(AgentFailureClass::GuardrailViolation)
}
