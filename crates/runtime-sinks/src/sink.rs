//! [`EventSink`] and [`UsageSink`]: what receives the two streams of a runtime.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;

use runtime_events::AgentEvent;
use thiserror::Error;

use crate::record::UsageRecord;

/// Receives every event of the sessions it is given to, in the order of each session.
///
/// It is called while the session holds a lock, so it must be quick and must not call the session
/// back; what is slow belongs behind a queue. Its errors are counted and reported, and never
/// harm the session.
///
/// A closure is a sink, too:
///
/// ```
/// use std::sync::Arc;
/// use runtime_events::AgentEvent;
/// use runtime_sinks::{EventSink, SinkError};
///
/// let print = |event: &Arc<AgentEvent>| -> Result<(), SinkError> {
///     println!("{}", event.event);
///     Ok(())
/// };
/// print.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
/// # Ok::<(), SinkError>(())
/// ```
pub trait EventSink: Send + Sync {
    /// Receives one event.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the event is lost, or may be.
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError>;

    /// Hands on what is still held back. By default there is nothing.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if that fails.
    fn flush(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Receives what each metered turn used and cost.
///
/// What is said of [`EventSink`] is true of it as well.
pub trait UsageSink: Send + Sync {
    /// Receives the usage of one turn.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the record is lost, or may be.
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError>;

    /// Hands on what is still held back. By default there is nothing.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if that fails.
    fn flush(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A sink could not do its work.
///
/// The text says what was attempted and why it failed; [`source`](StdError::source) is the cause.
#[derive(Debug, Error)]
#[error("{attempted}: {source}")]
#[non_exhaustive]
pub struct SinkError {
    /// What the sink was about to do, such as "write to `run.jsonl`".
    pub attempted: Cow<'static, str>,
    source: Box<dyn StdError + Send + Sync>,
}

impl SinkError {
    /// States that `attempted` failed because of `source`.
    ///
    /// ```
    /// use runtime_sinks::SinkError;
    ///
    /// let error = SinkError::new("post to the collector", "connection refused");
    /// assert_eq!(error.to_string(), "post to the collector: connection refused");
    /// ```
    pub fn new(
        attempted: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { attempted: attempted.into(), source: source.into() }
    }
}

impl<S: EventSink + ?Sized> EventSink for Arc<S> {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        (**self).emit(event)
    }

    fn flush(&self) -> Result<(), SinkError> {
        (**self).flush()
    }
}

impl<S: UsageSink + ?Sized> UsageSink for Arc<S> {
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError> {
        (**self).record(record)
    }

    fn flush(&self) -> Result<(), SinkError> {
        (**self).flush()
    }
}

impl<F> EventSink for F
where
    F: Fn(&Arc<AgentEvent>) -> Result<(), SinkError> + Send + Sync,
{
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self(event)
    }
}

impl<F> UsageSink for F
where
    F: Fn(&UsageRecord) -> Result<(), SinkError> + Send + Sync,
{
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError> {
        self(record)
    }
}
