//! The meaning of an error: facts before types, types before text.

mod failure;
mod recorded;
mod types;

use std::error::Error;

use chrono::{DateTime, Utc};
use runtime_events::FailureScenario;

pub use self::failure::Failure;
use self::failure::Read;
pub use self::recorded::RecordedFailure;
use self::types::{Known, known};
use crate::chain::{BoxError, errors, text_of};
use crate::fault::{Fault, FaultDetails, FaultError, of_texts};

/// The scenario of an error by its type alone; `None` if the type does not decide.
///
/// It is asked about each error of a chain, so it need not look at sources.
pub type ScenarioOf = fn(&(dyn Error + 'static)) -> Option<FailureScenario>;

/// The fault of an error by its type alone; `None` if the type does not decide. It is told when the error came.
///
/// It is asked about each error of a chain, so it need not look at sources.
pub type FaultOf = fn(&(dyn Error + 'static), DateTime<Utc>) -> Option<Fault>;

/// The rules by which errors are classified.
///
/// Types come first: of an error and its sources, from the outermost to the innermost, the first with a
/// known type decides. [`Fault::from_error`] lists the known types. If no type decides, the texts are
/// read by the rules of [`classify_text`](crate::classify_text): each rule in turn, over all texts.
///
/// A rule of yours knows the types of your client. If the client keeps the reply's facts, a
/// [fault rule](Self::fault_rule) reads them all; if you know the scenario only, a [rule](Self::rule)
/// does:
///
/// ```
/// use std::error::Error;
/// use std::fmt;
/// use runtime_events::FailureScenario;
/// use runtime_resilience::Classifier;
///
/// let classifier = Classifier::default().rule(|error| {
///     error.is::<fmt::Error>().then_some(FailureScenario::ToolExecutionError)
/// });
/// let now = std::time::SystemTime::now();
/// assert_eq!(classifier.classify(&fmt::Error, now), FailureScenario::ToolExecutionError);
/// ```
///
/// A fault rule is told when the error came, so that a moment in a header or in words is a wait from then on. A session
/// tells the time of its own clock.
///
/// ```
/// use std::time::SystemTime;
/// use runtime_resilience::{Classifier, Failure, Fault, FaultKind, Provider};
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("the model did not answer")]
/// struct ClientError {
///     status: u16,
///     body: String,
/// }
///
/// let classifier = Classifier::default().fault_rule(|error, now| {
///     let error = error.downcast_ref::<ClientError>()?;
///     Some(Fault::from_response(Provider::OpenAi, error.status, &(), error.body.as_bytes(), now))
/// });
/// let error = ClientError { status: 429, body: r#"{"error":{"code":"insufficient_quota"}}"#.to_owned() };
/// let failure = Failure::classified(error, &classifier, SystemTime::now());
/// assert_eq!(failure.fault().kind, FaultKind::Quota);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Classifier {
    rules: Vec<ScenarioOf>,
    faults: Vec<FaultOf>,
}

impl Classifier {
    /// Adds a rule for types of your own. Rules are asked in the order they were added, before
    /// those of this crate.
    #[must_use]
    pub fn rule(mut self, rule: ScenarioOf) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds a rule that knows the whole fault of types of your own. Such rules are asked in the order
    /// they were added, before the types of this crate. A [rule](Self::rule) for the scenario goes
    /// before them.
    #[must_use]
    pub fn fault_rule(mut self, rule: FaultOf) -> Self {
        self.faults.push(rule);
        self
    }

    /// The fault of an error by these rules, as [`FaultError::from_error`] has it by those of this crate.
    ///
    /// It is for an error that stays with somebody else, such as the client that gets it.
    pub fn fault_of(
        &self,
        error: &(dyn Error + 'static),
        now: impl Into<DateTime<Utc>>,
    ) -> FaultError {
        let mut reading = Reading::at(now);
        // To the end, because the words are those of every error.
        reading.walk(error, self, |_, _| false);
        let words = text_of(reading.chain.iter().copied());
        FaultError::new(reading.meaning(None).fault, FaultDetails::saying(&words))
    }

    /// The scenario of an error; `llm_error` if neither type nor text decides.
    pub fn classify(
        &self,
        error: &(dyn Error + 'static),
        now: impl Into<DateTime<Utc>>,
    ) -> FailureScenario {
        let mut reading = Reading::at(now);
        reading.walk(error, self, |reading, _| reading.scenario().is_some());
        reading.scenario().unwrap_or_else(|| of_texts(&reading.chain, reading.now).scenario())
    }
}

/// The scenario of an error, by the rules of this crate alone.
///
/// ```
/// use std::io;
/// use runtime_events::FailureScenario;
/// use runtime_resilience::classify_error;
///
/// let error = io::Error::new(io::ErrorKind::TimedOut, "tool failed");
/// assert_eq!(classify_error(&error), FailureScenario::LlmTimeout);
/// let error = io::Error::other("tool failed");
/// assert_eq!(classify_error(&error), FailureScenario::ToolExecutionError);
/// ```
#[doc(alias = "classify_exception")]
pub fn classify_error(error: &(dyn Error + 'static)) -> FailureScenario {
    // By the rules of this crate, no scenario depends on the time.
    Classifier::default().classify(error, DateTime::UNIX_EPOCH)
}

/// The findings of a walk along a chain of errors.
struct Reading<'e> {
    /// When the error came.
    now: DateTime<Utc>,
    /// The errors so far, for their texts.
    chain: Vec<&'e (dyn Error + 'static)>,
    /// The scenario by a rule of the caller.
    told: Option<FailureScenario>,
    /// The scenario by a type of the table.
    typed: Option<FailureScenario>,
    /// By a type of the table, or as it was read before.
    fault: Option<Fault>,
    /// By a type of the table alone.
    facts: Option<Fault>,
}

/// The meaning of an error.
#[derive(Clone, Copy, Debug)]
struct Meaning {
    fault: Fault,
    facts: Option<Fault>,
}

impl<'e> Reading<'e> {
    fn at(now: impl Into<DateTime<Utc>>) -> Self {
        let (now, chain) = (now.into(), Vec::new());
        Self { now, chain, told: None, typed: None, fault: None, facts: None }
    }

    /// Reads one error after the other, until `enough` is known.
    fn walk(
        &mut self,
        error: &'e (dyn Error + 'static),
        classifier: &Classifier,
        mut enough: impl FnMut(&Self, &'e (dyn Error + 'static)) -> bool,
    ) {
        for error in errors(error) {
            self.see(error, classifier);
            if enough(self, error) {
                return;
            }
            self.chain.push(error);
        }
    }

    /// The outermost error that decides counts.
    fn see(&mut self, error: &'e (dyn Error + 'static), classifier: &Classifier) {
        if self.scenario().is_none() {
            self.told = classifier.rules.iter().find_map(|rule| rule(error));
        }
        let own = classifier.faults.iter().find_map(|rule| rule(error, self.now)).map(Known::Fault);
        let (fault, facts, tells) = match own.or_else(|| known(error)) {
            None => return,
            Some(Known::Part(fault)) => (fault, Some(fault), false),
            Some(Known::Fault(fault)) => (fault, Some(fault), true),
            Some(Known::Read(failure)) => (failure.fault(), failure.facts(), true),
        };
        self.fault.get_or_insert(fault);
        self.facts = self.facts.or(facts);
        if tells {
            self.typed.get_or_insert(fault.scenario);
        }
    }

    /// By rules and types.
    fn scenario(&self) -> Option<FailureScenario> {
        self.told.or(self.typed)
    }

    /// Whether types have decided everything.
    const fn is_typed(&self) -> bool {
        self.typed.is_some() && self.fault.is_some()
    }

    /// The result. `given` is the scenario that the caller knows.
    fn meaning(&self, given: Option<FailureScenario>) -> Meaning {
        let (base, own) = match (self.fault, self.typed) {
            (Some(fault), Some(scenario)) => (fault, scenario),
            (fault, typed) => {
                let text = of_texts(&self.chain, self.now);
                (fault.unwrap_or(text), typed.unwrap_or(text.scenario))
            }
        };
        let mut fault = Fault { scenario: own, ..base };
        let scenario = given.or(self.told).unwrap_or(own);
        if scenario != own {
            // The caller knows better. A requested wait counts either way.
            fault = Fault { asked: fault.asked, ..Fault::of_scenario(scenario) };
        }
        Meaning { fault, facts: self.facts }
    }
}

/// The faults of Rust errors.
impl Fault {
    /// The fault of a Rust error: by its type and its sources' types, else by its text.
    ///
    /// The scenario is always that of [`classify_error`].
    ///
    /// | type | fault |
    /// |---|---|
    /// | [`FaultError`] | its own |
    /// | [`Failure`] | its own |
    /// | [`CircuitOpenError`](crate::CircuitOpenError) | local, not sent, to be tried elsewhere, a `provider_failure`; to be tried here once the breaker lets one through |
    /// | [`NoRouteError`](crate::NoRouteError) | local, not sent, a `provider_failure`; to be tried once the first route returns |
    /// | [`RateLimitedError`](crate::RateLimitedError) | local, not sent, to be tried elsewhere; to be tried here once there is room |
    /// | [`io::Error`](std::io::Error): timed out, would block | timeout |
    /// | `io::Error`: refused, reset, aborted, not connected, broken pipe, not reachable, early end\* | network; if refused, not sent |
    /// | `io::Error`: invalid data\* | malformed |
    /// | `io::Error`: not found, permission denied, storage full and the like\* | local |
    /// | [`serde_json::Error`]: syntax, early end, not as expected\* | malformed |
    /// | `serde_json::Error`: an I/O error | the I/O error's |
    /// | [`RecvTimeoutError`](std::sync::mpsc::RecvTimeoutError) | timeout, or local\* |
    ///
    /// \* The scenario is left to the other errors of the chain, and then to the text.
    ///
    /// With feature `reqwest-0-12` or `reqwest-0-13`, for a `reqwest::Error` of that version:
    ///
    /// | the error | fault |
    /// |---|---|
    /// | no connection in time | timeout (connect), not sent |
    /// | no connection: no such name, refused, no TLS | network, not sent |
    /// | no answer in time, or not all of it | timeout |
    /// | the connection broke, before the answer or in it | network |
    /// | the answer is not JSON, or not as expected | malformed |
    /// | `error_for_status` | by the status |
    /// | the request could not be built | local, not sent |
    /// | too many redirects | request |
    ///
    /// `error_for_status` drops the facts that distinguish one 429 from another. Pass the reply instead:
    /// [`Fault::from_response`] takes its status, its headers (with feature `http`) and its body.
    ///
    /// A fault read from text alone has an unknown [reach](Self::reach). Its other facts are more exact
    /// than its scenario: a text with the words of a quota, or with a status of 4xx, is no outage. `now` is when
    /// the error came: a moment in its text is a [wait](Self::asked) from then on.
    pub fn from_error(error: &(dyn Error + 'static), now: impl Into<DateTime<Utc>>) -> Self {
        let mut reading = Reading::at(now);
        reading.walk(error, &Classifier::default(), |reading, _| reading.is_typed());
        reading.meaning(None).fault
    }

    /// As [`from_error`](Self::from_error), by types alone; `None` if only the text could decide.
    pub fn from_type(error: &(dyn Error + 'static)) -> Option<Self> {
        // No type of this crate's holds a moment.
        let mut reading = Reading::at(DateTime::UNIX_EPOCH);
        reading.walk(error, &Classifier::default(), |reading, _| reading.facts.is_some());
        reading.facts
    }
}

impl FaultError {
    /// The fault of a Rust error, as [`Fault::from_error`] has it, in the words of its whole chain.
    ///
    /// The error itself is not kept. [`around`](Self::around) keeps it.
    pub fn from_error(error: &(dyn Error + 'static), now: impl Into<DateTime<Utc>>) -> Self {
        Classifier::default().fault_of(error, now)
    }

    /// The fault of a Rust error, as [`Fault::from_error`] has it, with the error as its source.
    ///
    /// ```
    /// use std::error::Error;
    /// use std::io::{self, ErrorKind};
    /// use std::time::SystemTime;
    /// use runtime_resilience::{FaultError, FaultKind};
    ///
    /// let error = io::Error::new(ErrorKind::ConnectionReset, "reset by peer");
    /// let error = FaultError::around(error, SystemTime::now());
    /// assert_eq!(error.fault.kind, FaultKind::Network);
    /// assert!(error.source().is_some_and(|source| source.is::<io::Error>()));
    /// ```
    pub fn around(error: impl Into<BoxError>, now: impl Into<DateTime<Utc>>) -> Self {
        let error = error.into();
        Self::new(Fault::from_error(&*error, now), FaultDetails::default()).caused_by(error)
    }
}
