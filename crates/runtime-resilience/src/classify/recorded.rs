//! A failure as data: what another process needs to fail in the same way.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_events::{AgentFailureClass, FailureScenario, without_secrets};
use serde::{Deserialize, Serialize};

use super::{Classifier, Failure, Meaning, Read, Reading};
use crate::chain::{BoxError, chain_text, words};
use crate::fault::{Fault, FaultBasis, FaultKind, FaultScope, Reach, TimeoutPhase};

/// A [`Failure`] as data: the texts of its error and of the sources, without [secrets](without_secrets), and
/// its fault.
///
/// A failure that is made from it has the same texts, fault, class and weight in a breaker. The types of its
/// errors are gone: each is a text.
///
/// ```
/// use std::io;
/// use std::time::SystemTime;
/// use runtime_resilience::{Classifier, Failure, RecordedFailure};
///
/// let error = io::Error::from(io::ErrorKind::TimedOut);
/// let (classifier, now) = (Classifier::default(), SystemTime::now());
/// let json = serde_json::to_string(&RecordedFailure::read(&error, &classifier, now))?;
///
/// let again = Failure::from(serde_json::from_str::<RecordedFailure>(&json)?);
/// assert_eq!(again.to_string(), error.to_string());
/// assert_eq!(again.fault(), Failure::classified(error, &classifier, now).fault());
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFailure {
    /// Of the error and its sources, from the outermost to the innermost.
    texts: Vec<String>,
    fault: Facts,
    /// The fault by types alone, if that is another.
    #[serde(default, skip_serializing_if = "Typed::is_same")]
    typed: Typed,
    /// Whether the words of a reply decided, and not a phrase.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    said: bool,
}

/// What types alone say of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Typed {
    /// Its whole fault.
    #[default]
    Same,
    /// Nothing.
    None,
    /// Another fault: the caller knew better.
    Other(Facts),
}

/// A fault as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phase: Option<TimeoutPhase>,
    scenario: FailureScenario,
    retry: bool,
    elsewhere: bool,
    counts: bool,
    cools: FaultScope,
    reach: Reach,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// In seconds and nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Duration>,
}

/// A kind without the phase of a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
struct Kind(FaultKind);

impl RecordedFailure {
    /// Reads an error, as [`Failure::classified`] does.
    pub fn read(
        error: &(dyn Error + 'static),
        classifier: &Classifier,
        now: impl Into<DateTime<Utc>>,
    ) -> Self {
        let mut reading = Reading::at(now);
        reading.walk(error, classifier, |_, _| false);
        let Meaning { fault, facts } = reading.meaning(None);
        let typed = match facts {
            None => Typed::None,
            Some(facts) if facts == fault => Typed::Same,
            Some(facts) => Typed::Other(facts.into()),
        };
        let clean = |error: &&(dyn Error + 'static)| without_secrets(&words(*error)).into_owned();
        let texts = reading.chain.iter().map(clean).filter(|text| !text.is_empty()).collect();
        Self { texts, said: fault.basis.is_said(), fault: fault.into(), typed }
    }

    /// The failure that an event tells of: its text, its class, and when it came. What the text does not say is
    /// usual for the class.
    pub fn told(text: &str, class: AgentFailureClass, at: impl Into<DateTime<Utc>>) -> Self {
        let error = Texts { text: text.to_owned(), source: None };
        let (classifier, at) = (Classifier::default(), at.into());
        let failure = Failure::classified(error, &classifier, at);
        let read = Self::read(failure.error(), &classifier, at);
        if failure.failure_class() == class {
            return read;
        }
        let kind = match class {
            AgentFailureClass::RateLimit => FaultKind::RateLimit,
            AgentFailureClass::PromptRejection => FaultKind::ContentPolicy,
            AgentFailureClass::Cancelled => FaultKind::Cancelled,
            AgentFailureClass::LlmTimeout => FaultKind::Timeout(TimeoutPhase::Unknown),
            AgentFailureClass::ToolError => FaultKind::Tool,
            AgentFailureClass::ContextOverflow => FaultKind::ContextLength,
            AgentFailureClass::MemoryCorruption => FaultKind::Malformed,
            AgentFailureClass::DependencyFailed => FaultKind::Network,
            _ => FaultKind::Unknown,
        };
        // A wait in the words is one either way.
        let fault = Fault { asked: read.fault.asked, ..Fault::of(kind) };
        Self { fault: fault.into(), typed: Typed::Same, said: false, ..read }
    }

    /// The fault.
    pub fn fault(&self) -> Fault {
        let fault = Fault::from(self.fault.clone());
        fault.read_from(FaultBasis::Recorded { said: self.said })
    }

    /// The texts of the error and its sources, from the outermost to the innermost.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }
}

/// The failure again. It displays the recorded text, since it is all that is left of the error.
impl From<RecordedFailure> for Failure {
    fn from(record: RecordedFailure) -> Self {
        let fault = record.fault();
        let facts = match record.typed {
            Typed::Same => Some(fault),
            Typed::None => None,
            Typed::Other(facts) => Some(facts.into()),
        };
        let error = Texts::chain(record.texts);
        let text = error.source().is_some().then(|| chain_text(&error).into());
        let meaning = Meaning { fault, facts };
        let read = Read { meaning, text, note: None, is_record: true };
        let error: BoxError = error.into();
        Self { error, read: Box::new(read) }
    }
}

/// An error of which only its text is left, and those of its sources.
#[derive(Debug, Default)]
struct Texts {
    text: String,
    source: Option<Box<Self>>,
}

impl Texts {
    fn chain(texts: Vec<String>) -> Self {
        let link = |source: Option<Box<Self>>, text| Some(Box::new(Self { text, source }));
        texts.into_iter().rev().fold(None, link).map(|error| *error).unwrap_or_default()
    }
}

impl fmt::Display for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Texts {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl Typed {
    fn is_same(&self) -> bool {
        *self == Self::Same
    }
}

impl From<Fault> for Facts {
    fn from(fault: Fault) -> Self {
        let Fault {
            kind,
            retry,
            asked,
            elsewhere,
            cools,
            counts,
            reach,
            status,
            basis: _,
            scenario,
        } = fault;
        let phase = match kind {
            FaultKind::Timeout(phase) => Some(phase),
            _ => None,
        };
        let kind = Kind(kind);
        Self { kind, phase, scenario, retry, elsewhere, counts, cools, reach, status, asked }
    }
}

impl From<Facts> for Fault {
    fn from(facts: Facts) -> Self {
        let Facts { kind, phase, scenario, retry, elsewhere, counts, cools, reach, status, asked } =
            facts;
        let kind = match (kind.0, phase) {
            (FaultKind::Timeout(_), Some(phase)) => FaultKind::Timeout(phase),
            (kind, _) => kind,
        };
        let basis = FaultBasis::Recorded { said: false };
        Self { kind, retry, asked, elsewhere, cools, counts, reach, status, basis, scenario }
    }
}

impl From<Kind> for &'static str {
    fn from(kind: Kind) -> Self {
        kind.0.as_str()
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let kind = FaultKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        kind.map(Self).ok_or_else(|| format!("`{word}` is no kind of a fault"))
    }
}
