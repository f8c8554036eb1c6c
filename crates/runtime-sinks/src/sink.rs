//! [`EventSink`] and [`UsageSink`]: what receives the two streams of a runtime.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime_events::AgentEvent;
use thiserror::Error;

use crate::record::UsageRecord;
use crate::stats::SinkStats;

/// Receives every event of the sessions it is given to, in the order of each session.
///
/// It is called while the session holds a lock, so it must be quick and must not call the session
/// back; what is slow belongs behind a [queue](crate::QueueSink). Its errors are counted and reported, and never
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

    /// Receives several events, in order. A sink that can take them in one go does.
    ///
    /// By default each is emitted, whatever became of the ones before it.
    ///
    /// # Errors
    ///
    /// The first [`SinkError`]; its [`lost`](SinkError::lost) counts for all of them.
    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        let mut failure: Option<SinkError> = None;
        for event in events {
            if let Err(error) = caught(|| self.emit(event)) {
                failure = Some(match failure {
                    Some(first) => first.and_lost(error.lost),
                    // Only this event.
                    None => SinkError { panic: false, ..error },
                });
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Hands on what is still held back. By default there is nothing.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if that fails.
    fn flush(&self) -> Result<(), SinkError> {
        Ok(())
    }

    /// What became of the events it was given. By default it does not know.
    ///
    /// A sink that answers reports in the stream (`log.dropped`) what it loses, if anything.
    fn stats(&self) -> Option<SinkStats> {
        None
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
    lost: u64,
    panic: bool,
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
        Self { attempted: attempted.into(), source: source.into(), lost: 1, panic: false }
    }

    /// Sets how many events are lost with this. Unless set, one.
    ///
    /// None, if the sink holds on to the event and goes on trying.
    #[must_use]
    pub const fn losing(mut self, lost: u64) -> Self {
        self.lost = lost;
        self
    }

    /// How many events are lost.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the sink panicked, so that nobody knows what it has lost.
    pub(crate) const fn is_panic(&self) -> bool {
        self.panic
    }

    const fn and_lost(mut self, more: u64) -> Self {
        self.lost = self.lost.saturating_add(more);
        self
    }
}

/// Has a sink do something; its panic becomes an error.
pub(crate) fn caught(ask: impl FnOnce() -> Result<(), SinkError>) -> Result<(), SinkError> {
    // A sink answers for its own state; here, only that it panicked is of interest.
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|panic| {
        let error = SinkError::new("panicked", text_of(&*panic));
        Err(SinkError { panic: true, ..error })
    })
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with something that is no text".to_owned())
}

impl<S: EventSink + ?Sized> EventSink for Arc<S> {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        (**self).emit(event)
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        (**self).emit_all(events)
    }

    fn flush(&self) -> Result<(), SinkError> {
        (**self).flush()
    }

    fn stats(&self) -> Option<SinkStats> {
        (**self).stats()
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
