//! [`FanOut`]: one sink for several.

use std::fmt;
use std::sync::Arc;

use runtime_events::AgentEvent;
use thiserror::Error;

use crate::record::UsageRecord;
use crate::sink::{EventSink, SinkError, UsageSink, caught};

/// A [`FanOut`] of events.
pub type EventFanOut = FanOut<dyn EventSink>;

/// A [`FanOut`] of usage records.
pub type UsageFanOut = FanOut<dyn UsageSink>;

/// Passes everything on to several sinks, in the order in which they were added.
///
/// Every sink is called, even if another one fails or panics. The [cause](SinkError::cause) of the error
/// is then a [`FanOutError`], which lists the sinks that failed.
///
/// ```
/// use std::sync::Arc;
/// use runtime_events::AgentEvent;
/// use runtime_sinks::{EventFanOut, EventSink, RingBufferEventSink, SinkError};
///
/// let latest = RingBufferEventSink::new();
/// let broken = |_: &Arc<AgentEvent>| Err(SinkError::new("post", "connection refused"));
/// let all = EventFanOut::new().with(broken).with(latest.clone());
///
/// let error = all.emit(&Arc::new(AgentEvent::started("writer", "draft"))).unwrap_err();
/// assert_eq!(error.to_string(), "cannot emit to all sinks: 1 of 2 failed: sink 0: cannot post: connection refused");
/// assert_eq!(latest.len(), 1);
/// ```
#[must_use = "a sink does nothing until it is used by a session"]
pub struct FanOut<S: ?Sized> {
    sinks: Vec<Arc<S>>,
}

impl<S: ?Sized> FanOut<S> {
    /// Creates a fan-out without sinks.
    pub const fn new() -> Self {
        Self { sinks: Vec::new() }
    }

    /// Calls each sink for `all` events or records, which a sink that panics has lost.
    fn each(
        &self,
        attempted: &'static str,
        all: usize,
        f: impl Fn(&S) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let mut failures = Vec::new();
        for (place, sink) in self.sinks.iter().enumerate() {
            if let Err(error) = caught(|| f(sink)) {
                failures.push((place, error));
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        // The sinks may have lost the same events.
        let lost = |error: &SinkError| if error.is_panic() { all as u64 } else { error.lost() };
        let lost = failures.iter().map(|(_, error)| lost(error)).max().unwrap_or(0);
        let cause = FanOutError { failures, sinks: self.sinks.len() };
        Err(SinkError::new(attempted, cause).losing(lost))
    }
}

impl FanOut<dyn EventSink> {
    /// Adds a sink.
    pub fn with(mut self, sink: impl EventSink + 'static) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }
}

impl FanOut<dyn UsageSink> {
    /// Adds a sink.
    pub fn with(mut self, sink: impl UsageSink + 'static) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }
}

impl EventSink for FanOut<dyn EventSink> {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.each("emit to all sinks", 1, |sink| sink.emit(event))
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        self.each("emit to all sinks", events.len(), |sink| sink.emit_all(events))
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.each("flush all sinks", 0, EventSink::flush)
    }
}

impl UsageSink for FanOut<dyn UsageSink> {
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError> {
        self.each("record to all sinks", 1, |sink| sink.record(record))
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.each("flush all sinks", 0, UsageSink::flush)
    }
}

impl<S: ?Sized> Clone for FanOut<S> {
    fn clone(&self) -> Self {
        Self { sinks: self.sinks.clone() }
    }
}

impl<S: ?Sized> Default for FanOut<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: ?Sized> fmt::Debug for FanOut<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut").field("sinks", &self.sinks.len()).finish()
    }
}

/// The cause of the [`SinkError`] of a [`FanOut`]: some of its sinks failed.
#[derive(Debug, Error)]
#[error("{} of {sinks} failed: {}", failures.len(), list(failures))]
#[non_exhaustive]
pub struct FanOutError {
    /// The sinks that failed, by their index, and their errors.
    pub failures: Vec<(usize, SinkError)>,
    /// The number of all sinks.
    pub sinks: usize,
}

fn list(failures: &[(usize, SinkError)]) -> String {
    let texts: Vec<String> =
        failures.iter().map(|(place, error)| format!("sink {place}: {error}")).collect();
    texts.join("; ")
}
