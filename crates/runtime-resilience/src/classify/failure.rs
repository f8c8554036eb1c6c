//! A caller's error with its fault, read once.

use std::any::Any;
use std::error::Error;
use std::fmt;

use chrono::{DateTime, Utc};
use runtime_events::{AgentFailureClass, FailureScenario};

use super::{Classifier, Meaning, Reading};
use crate::chain::{BoxError, frame, text_of};
use crate::fault::{Fault, FaultKind};

/// A caller's error with its fault, read once.
///
/// It displays what it was read as, and the caller's error is its [`source`](Error::source), so that a walk
/// along the chain finds that error by its type. [`chain_text`](Self::chain_text) has the caller's words alone.
///
/// ```
/// use std::num::ParseIntError;
/// use std::time::SystemTime;
/// use runtime_events::FailureScenario;
/// use runtime_resilience::{Classifier, Failure};
///
/// let (classifier, now) = (Classifier::default(), SystemTime::now());
/// let failure = Failure::classified("429 Too Many Requests", &classifier, now);
/// assert_eq!(failure.scenario(), FailureScenario::LlmError);
/// assert_eq!(failure.to_string(), "the call failed: rate limited");
/// assert_eq!(failure.chain_text(), "429 Too Many Requests");
///
/// let error = "one".parse::<u8>().unwrap_err();
/// let failure = Failure::new(error, FailureScenario::ToolExecutionError, now);
/// assert!(failure.downcast_ref::<ParseIntError>().is_some());
/// ```
pub struct Failure {
    pub(super) error: BoxError,
    pub(super) read: Box<Read>,
}

pub(super) struct Read {
    pub(super) meaning: Meaning,
    /// The text of the chain, if the error has a source.
    pub(super) text: Option<Box<str>>,
    pub(super) note: Option<Box<dyn Any + Send + Sync>>,
    /// Whether the error is a record's: then nobody else has its text, and the failure displays it.
    pub(super) is_record: bool,
}

impl Failure {
    /// An error whose scenario the caller knows, and when it came.
    pub fn new(
        error: impl Into<BoxError>,
        scenario: FailureScenario,
        now: impl Into<DateTime<Utc>>,
    ) -> Self {
        let (classifier, given) = (Classifier::default(), Some(scenario));
        Self::read(error.into(), &classifier, now.into(), given, |_, _: &mut Option<()>| {})
    }

    /// An error with the scenario that a classifier finds, and the fault. `now` is when it came: a moment in its
    /// headers or words is a wait from then on.
    pub fn classified(
        error: impl Into<BoxError>,
        classifier: &Classifier,
        now: impl Into<DateTime<Utc>>,
    ) -> Self {
        Self::classified_with(error, classifier, now, |_, _: &mut Option<()>| {})
    }

    /// As [`classified`](Self::classified), for a layer that knows more types than this crate.
    ///
    /// `look` is called with each error of the chain, from the outermost to the innermost, and may
    /// write a [note](Self::note). So the chain is walked along once.
    ///
    /// ```
    /// use std::fmt;
    /// use std::time::SystemTime;
    /// use runtime_resilience::{Classifier, Failure};
    ///
    /// let (classifier, now) = (Classifier::default(), SystemTime::now());
    /// let failure = Failure::classified_with(fmt::Error, &classifier, now, |error, note| {
    ///     if error.is::<fmt::Error>() {
    ///         *note = Some("of formatting");
    ///     }
    /// });
    /// assert_eq!(failure.note(), Some(&"of formatting"));
    /// ```
    pub fn classified_with<N: Any + Send + Sync>(
        error: impl Into<BoxError>,
        classifier: &Classifier,
        now: impl Into<DateTime<Utc>>,
        look: impl FnMut(&(dyn Error + 'static), &mut Option<N>),
    ) -> Self {
        Self::read(error.into(), classifier, now.into(), None, look)
    }

    fn read<N: Any + Send + Sync>(
        error: BoxError,
        classifier: &Classifier,
        now: DateTime<Utc>,
        given: Option<FailureScenario>,
        mut look: impl FnMut(&(dyn Error + 'static), &mut Option<N>),
    ) -> Self {
        let mut note = None;
        let mut reading = Reading::at(now);
        reading.walk(&*error, classifier, |_, error| {
            look(error, &mut note);
            false
        });
        let meaning = reading.meaning(given);
        let chain = &reading.chain;
        let text = (chain.len() > 1).then(|| text_of(chain.iter().copied()).into());
        let note = note.map(|note| Box::new(note) as _);
        Self { error, read: Box::new(Read { meaning, text, note, is_record: false }) }
    }

    /// The scenario, which selects the recipe.
    pub const fn scenario(&self) -> FailureScenario {
        self.read.meaning.fault.scenario()
    }

    /// The fault of the error: by the types of the error and its sources, if those agree with the
    /// scenario, else by the scenario. A wait that the provider asked for is kept either
    /// way.
    pub const fn fault(&self) -> Fault {
        self.read.meaning.fault
    }

    /// Whether it counts against the provider's health, so that a circuit breaker should count it.
    ///
    /// A type decides, or the words or the status of a reply in the text. A phrase of
    /// [`classify_text`](crate::classify_text) is not enough: such a failure counts, and so does one of
    /// which nothing is known. A rate limit counts if only a text tells of it, as in the original.
    pub fn counts(&self) -> bool {
        let fault = self.fault();
        let said = fault.basis.is_said() && fault.kind != FaultKind::RateLimit;
        self.facts().or_else(|| said.then_some(fault)).is_none_or(|fault| fault.counts)
    }

    /// The class under which events report it.
    ///
    /// A type that is more exact than the scenario decides: a rate limit is an `llm_error` with a class
    /// of its own.
    pub fn failure_class(&self) -> AgentFailureClass {
        let fault = self.facts().filter(|fault| fault.scenario() == self.scenario());
        fault.map_or_else(|| self.scenario().failure_class(), |fault| fault.failure_class())
    }

    /// The note that `look` wrote when the error was read: see
    /// [`classified_with`](Self::classified_with). `None` if there is none, or it is no `N`.
    pub fn note<N: Any>(&self) -> Option<&N> {
        self.read.note.as_deref()?.downcast_ref()
    }

    pub(super) const fn facts(&self) -> Option<Fault> {
        self.read.meaning.facts
    }

    /// The texts of the error and its sources, as [`chain_text`](crate::chain_text) joins them.
    pub fn chain_text(&self) -> String {
        self.read.text.as_deref().map_or_else(|| self.error.to_string(), str::to_owned)
    }

    /// The caller's error.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    /// Returns the caller's error.
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
        if self.read.is_record {
            return self.error.fmt(f);
        }
        let text = match self.fault().kind {
            FaultKind::RateLimit => "the call failed: rate limited",
            FaultKind::Quota => "the call failed: allowance used up",
            FaultKind::Overload => "the call failed: provider too busy",
            FaultKind::Server => "the call failed: provider error",
            FaultKind::Timeout(_) => "the call failed: timed out",
            FaultKind::Network => "the call failed: connection failed",
            FaultKind::Auth => "the call failed: credentials refused",
            FaultKind::ContextLength => "the call failed: context too long",
            FaultKind::ContentPolicy => "the call failed: content blocked",
            FaultKind::Request => "the call failed: rejected as invalid",
            FaultKind::Malformed => "the call failed: unreadable data",
            FaultKind::Cancelled => "the call failed: stopped by the caller",
            FaultKind::Local => "the call failed: on this side",
            FaultKind::Tool | FaultKind::Unknown => "the call failed",
        };
        frame(f, format_args!("{text}"))
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if self.read.is_record { self.error.source() } else { Some(&*self.error) }
    }
}
