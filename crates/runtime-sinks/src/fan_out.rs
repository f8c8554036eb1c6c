//! [`FanOut`]: one sink in front of many.

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

/// Hands everything to each of its sinks, in the order they were added.
///
/// All of them get it, even when one fails or panics; the error then is a [`FanOutError`] that
/// names each that failed.
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
/// assert_eq!(error.to_string(), "emit to all sinks: 1 of 2 failed: sink 0: post: connection refused");
/// assert_eq!(latest.len(), 1);
/// ```
#[must_use = "a sink does nothing until a session is given it"]
pub struct FanOut<S: ?Sized> {
    sinks: Vec<Arc<S>>,
}

impl<S: ?Sized> FanOut<S> {
    /// A sink in front of none.
    pub const fn new() -> Self {
        Self { sinks: Vec::new() }
    }

    /// Adds a sink that others hold, too.
    pub fn with_shared(mut self, sink: Arc<S>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// The number of sinks.
    pub const fn len(&self) -> usize {
        self.sinks.len()
    }

    /// Whether there are no sinks.
    pub const fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    fn each(
        &self,
        attempted: &'static str,
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
        // Of what one of them lost, the others may have all.
        let lost = failures.iter().map(|(_, error)| error.lost()).max().unwrap_or(0);
        let source = FanOutError { failures, sinks: self.len() };
        Err(SinkError::new(attempted, source).losing(lost))
    }
}

impl FanOut<dyn EventSink> {
    /// Adds a sink.
    pub fn with(self, sink: impl EventSink + 'static) -> Self {
        self.with_shared(Arc::new(sink))
    }
}

impl FanOut<dyn UsageSink> {
    /// Adds a sink.
    pub fn with(self, sink: impl UsageSink + 'static) -> Self {
        self.with_shared(Arc::new(sink))
    }
}

impl EventSink for FanOut<dyn EventSink> {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.each("emit to all sinks", |sink| sink.emit(event))
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        self.each("emit to all sinks", |sink| sink.emit_all(events))
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.each("flush all sinks", EventSink::flush)
    }
}

impl UsageSink for FanOut<dyn UsageSink> {
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError> {
        self.each("record to all sinks", |sink| sink.record(record))
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.each("flush all sinks", UsageSink::flush)
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

/// Some sinks of a [`FanOut`] failed: the source of its [`SinkError`].
#[derive(Debug, Error)]
#[error("{} of {sinks} failed: {}", failures.len(), list(failures))]
#[non_exhaustive]
pub struct FanOutError {
    /// The place of each sink that failed, counted from 0 in the order they were added, and why.
    pub failures: Vec<(usize, SinkError)>,
    /// How many sinks there are.
    pub sinks: usize,
}

fn list(failures: &[(usize, SinkError)]) -> String {
    let texts: Vec<String> =
        failures.iter().map(|(place, error)| format!("sink {place}: {error}")).collect();
    texts.join("; ")
}
