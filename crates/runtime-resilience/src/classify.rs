//! What kind of failure an error is.
//!
//! An error is looked at along its chain of sources, types first: from the outermost error to the
//! innermost, the first whose type says something decides. Only if none does, the texts are read,
//! by the rules of [`classify_text`]: the first rule over all texts, then the second, and so on.
//!
//! | type | scenario |
//! |---|---|
//! | [`Failure`] | the one it was given |
//! | [`FaultError`] | that of its fault |
//! | [`CircuitOpenError`] | `provider_failure`: that is why the breaker opened |
//! | [`NoRouteError`] | `provider_failure`, as no provider is left |
//! | `reqwest::Error`, with feature `reqwest` | as the module `fault::reqwest` says |
//! | [`io::Error`]: `TimedOut`; `WouldBlock`, as Unix reports a socket's read timeout | `llm_timeout` |
//! | [`io::Error`]: refused, reset, aborted, not connected, broken pipe, host or network not reachable | `provider_failure` |
//! | [`serde_json::Error`]: a syntax error or an early end | `memory_corruption` |
//! | [`serde_json::Error`]: an I/O error | as that |
//! | [`RecvTimeoutError::Timeout`] | `llm_timeout` |
//!
//! A chain ends where an error hides its source. Errors inside an [`io::Error`] and behind an `Arc`
//! are found all the same.

mod chain;
mod text;

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::mpsc::RecvTimeoutError;

use runtime_events::FailureScenario;
use serde_json::error::Category;

use crate::breaker::CircuitOpenError;
use crate::failure::Failure;
use crate::fault::FaultError;
use crate::route::NoRouteError;

pub use self::chain::errors;
pub use self::text::classify_text;
pub(crate) use self::text::{kind_of_text, kind_of_texts};

/// Says what it knows of an error by its type alone; `None` if that is nothing.
///
/// It is asked about each error of a chain in turn, so it does not look at sources.
pub type TypeRule = fn(&(dyn Error + 'static)) -> Option<FailureScenario>;

/// The rules by which errors are classified.
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
/// assert_eq!(classifier.classify(&fmt::Error), FailureScenario::ToolExecutionError);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Classifier {
    rules: Vec<TypeRule>,
}

impl Classifier {
    /// Adds a rule for types of the caller's. Rules are asked in the order they were added,
    /// before those of this crate.
    #[must_use]
    pub fn rule(mut self, rule: TypeRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// The kind of failure that `error` is; `llm_error` if nothing tells.
    pub fn classify(&self, error: &(dyn Error + 'static)) -> FailureScenario {
        errors(error)
            .find_map(|error| self.by_type(error))
            .unwrap_or_else(|| text::classify_chain(error))
    }

    fn by_type(&self, error: &(dyn Error + 'static)) -> Option<FailureScenario> {
        self.rules.iter().find_map(|rule| rule(error)).or_else(|| by_known_type(error))
    }
}

/// The kind of failure that `error` is, by the rules of this crate alone.
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
    Classifier::default().classify(error)
}

fn by_known_type(error: &(dyn Error + 'static)) -> Option<FailureScenario> {
    #[cfg(feature = "reqwest")]
    if error.is::<reqwest::Error>() {
        return crate::fault::reqwest::rule(error);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return by_kind(error.kind());
    }
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        return match error.classify() {
            Category::Syntax | Category::Eof => Some(FailureScenario::MemoryCorruption),
            Category::Io => error.io_error_kind().and_then(by_kind),
            // Well-formed, but not what was expected: nothing is corrupt.
            Category::Data => None,
        };
    }
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(failure.scenario());
    }
    if let Some(error) = error.downcast_ref::<FaultError>() {
        return Some(error.fault.scenario());
    }
    if error.is::<CircuitOpenError>() || error.is::<NoRouteError>() {
        return Some(FailureScenario::ProviderFailure);
    }
    match error.downcast_ref()? {
        RecvTimeoutError::Timeout => Some(FailureScenario::LlmTimeout),
        RecvTimeoutError::Disconnected => None,
    }
}

const fn by_kind(kind: ErrorKind) -> Option<FailureScenario> {
    match kind {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Some(FailureScenario::LlmTimeout),
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::NotConnected
        | ErrorKind::BrokenPipe
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown => Some(FailureScenario::ProviderFailure),
        _ => None,
    }
}
