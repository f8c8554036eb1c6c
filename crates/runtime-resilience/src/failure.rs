//! A caller's error together with what it was read as, once.

use std::error::Error;
use std::fmt;

use runtime_events::{AgentFailureClass, FailureScenario};

use crate::BoxError;
use crate::classify::Classifier;
use crate::fault::Fault;

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
    meaning: Box<Meaning>,
}

/// What was read from an error, once.
#[derive(Debug)]
struct Meaning {
    scenario: FailureScenario,
    fault: Fault,
    /// By the types of the error and its sources alone.
    facts: Option<Fault>,
}

impl Meaning {
    fn of(error: &(dyn Error + 'static), scenario: FailureScenario) -> Self {
        let mut fault = Fault::from_error(error);
        if fault.scenario() != scenario {
            let asked = fault.asked;
            fault = Fault::of_scenario(scenario);
            fault.asked = asked;
        }
        Self { scenario, fault, facts: Fault::from_type(error) }
    }
}

impl Failure {
    /// An error whose kind the caller knows.
    pub fn new(error: impl Into<BoxError>, scenario: FailureScenario) -> Self {
        let error = error.into();
        let meaning = Box::new(Meaning::of(&*error, scenario));
        Self { error, meaning }
    }

    /// An error whose kind `classifier` finds out.
    pub fn classified(error: impl Into<BoxError>, classifier: &Classifier) -> Self {
        let error = error.into();
        let scenario = classifier.classify(&*error);
        Self::new(error, scenario)
    }

    /// The kind of failure, by which recovery goes.
    pub const fn scenario(&self) -> FailureScenario {
        self.meaning.scenario
    }

    /// The fault it was read as: by the error's type and its sources, where they say the same as the
    /// scenario; else by the scenario. A wait that was asked for counts either way.
    pub const fn fault(&self) -> Fault {
        self.meaning.fault
    }

    /// Whether it counts against the health of what was called, so that its breaker should know. It
    /// does unless facts say that it does not: what a text makes of it is not enough.
    pub fn counts(&self) -> bool {
        self.meaning.facts.is_none_or(|fault| fault.counts)
    }

    /// The class under which events report it.
    ///
    /// Where facts tell more than the scenario, they decide: a rate limit is one.
    pub fn failure_class(&self) -> AgentFailureClass {
        let fault = self.meaning.facts.filter(|fault| fault.scenario() == self.scenario());
        fault.map_or_else(|| self.scenario().failure_class(), |fault| fault.failure_class())
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
            .field("scenario", &self.scenario())
            .field("error", &self.error)
            .finish_non_exhaustive()
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
