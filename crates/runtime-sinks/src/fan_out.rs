//! [`FanOut`]: one sink in front of many.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime_events::AgentEvent;
use thiserror::Error;

use crate::record::UsageRecord;
use crate::sink::{EventSink, SinkError, UsageSink};

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
            // A sink answers for its own state; here, only that it panicked is of interest.
            let result = catch_unwind(AssertUnwindSafe(|| f(sink)))
                .unwrap_or_else(|panic| Err(SinkError::new("panicked", text_of(&*panic))));
            if let Err(error) = result {
                failures.push((place, error));
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        Err(SinkError::new(attempted, FanOutError { failures, sinks: self.len() }))
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

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with something that is no text".to_owned())
}
