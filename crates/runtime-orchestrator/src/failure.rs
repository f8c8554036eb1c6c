//! From the caller's errors to what they mean.

#[cfg(feature = "anyhow")]
use std::any::Any;
use std::error::Error;
use std::iter;

use runtime_events::{AgentFailureClass, FailureScenario};
use runtime_policy::{GuardrailViolatedError, PermissionDeniedError};
use runtime_resilience::errors;
use runtime_resilience::{Classifier, Failure};

use crate::error::{
    BoxError, SessionClosedError, SessionError, ShuttingDownError, ToolError, TurnError,
};
#[cfg(feature = "anyhow")]
use crate::wait::ThreadError;

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
    let found = match taken::<E, ThreadError<anyhow::Error>>(&mut slot) {
        Some(ThreadError::Call(error)) => Some(error),
        Some(ThreadError::NoThread(error)) => {
            return Ok(Failure::classified(BoxError::from(error), classifier));
        }
        None => taken::<E, anyhow::Error>(&mut slot),
    };
    if let Some(error) = found {
        let scenario = classifier.classify(anyhow::Error::as_ref(&error));
        let error = error.reallocate_into_boxed_dyn_error_without_backtrace();
        return Ok(Failure::new(error, scenario));
    }
    // Only the branches above empty the slot.
    slot.map_or_else(|| unreachable!("taken only as an anyhow error"), Err)
}

/// What is in the slot, if it is a `T`.
#[cfg(feature = "anyhow")]
fn taken<E: 'static, T: 'static>(slot: &mut Option<E>) -> Option<T> {
    (slot as &mut dyn Any).downcast_mut::<Option<T>>()?.take()
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
            || says(error, SessionError::is_shutdown)
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
