//! A caller's error together with what it was classified as.

use std::error::Error;
use std::fmt;

use runtime_events::{AgentFailureClass, FailureScenario};

use crate::BoxError;
use crate::classify::Classifier;
use crate::fault::Fault;
use crate::recovery::RecoveryResult;

/// An error of the caller's, classified.
///
/// It reads as the error inside it, which is also its [`source`](Error::source), so that a walk along
/// the chain finds it by its type.
///
/// ```
/// use std::num::ParseIntError;
/// use runtime_events::FailureScenario;
/// use runtime_resilience::{Classifier, Failure};
///
/// let failure = Failure::classified("429 Too Many Requests", &Classifier::default());
/// assert_eq!(failure.scenario(), FailureScenario::LlmError);
/// assert_eq!(failure.to_string(), "429 Too Many Requests");
///
/// let error = "one".parse::<u8>().unwrap_err();
/// let failure = Failure::new(error, FailureScenario::ToolExecutionError);
/// assert!(failure.downcast_ref::<ParseIntError>().is_some());
/// ```
pub struct Failure {
    error: BoxError,
    scenario: FailureScenario,
    recovery: Option<Box<RecoveryResult>>,
}

impl Failure {
    /// An error whose kind the caller knows.
    pub fn new(error: impl Into<BoxError>, scenario: FailureScenario) -> Self {
        Self { error: error.into(), scenario, recovery: None }
    }

    /// An error whose kind `classifier` finds out.
    pub fn classified(error: impl Into<BoxError>, classifier: &Classifier) -> Self {
        let error = error.into();
        let scenario = classifier.classify(&*error);
        Self { error, scenario, recovery: None }
    }

    /// The kind of failure, by which recovery goes.
    pub const fn scenario(&self) -> FailureScenario {
        self.scenario
    }

    /// What it means: by the error's type and its sources, where they say the same as the scenario;
    /// else by the scenario, and what was asked for is waited all the same.
    pub fn fault(&self) -> Fault {
        let fault = Fault::from_error(&*self.error);
        if fault.scenario() == self.scenario {
            return fault;
        }
        let mut usual = Fault::of_scenario(self.scenario);
        usual.asked = fault.asked;
        usual
    }

    /// Whether it counts against the health of what was called, so that its breaker should know. It
    /// does unless facts say that it does not: what a text makes of it is not enough.
    pub fn counts(&self) -> bool {
        Fault::from_type(&*self.error).is_none_or(|fault| fault.counts)
    }

    /// The class under which events report it.
    ///
    /// Where facts tell more than the scenario, that is it: a rate limit is one.
    pub fn failure_class(&self) -> AgentFailureClass {
        let by_type = Fault::from_type(&*self.error);
        let fault = by_type.filter(|fault| fault.scenario() == self.scenario);
        fault.map_or_else(|| self.scenario.failure_class(), |fault| fault.failure_class())
    }

    /// Notes what recovery came to.
    #[must_use]
    pub fn with_recovery(mut self, result: RecoveryResult) -> Self {
        self.recovery = Some(Box::new(result));
        self
    }

    /// What recovery came to, if it was asked.
    pub fn recovery(&self) -> Option<&RecoveryResult> {
        self.recovery.as_deref()
    }

    /// The caller's error.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    /// Hands the caller's error back.
    pub fn into_error(self) -> BoxError {
        self.error
    }

    /// The caller's error, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("scenario", &self.scenario)
            .field("error", &self.error)
            .field("recovery", &self.recovery)
            .finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}
