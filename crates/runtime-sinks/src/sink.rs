//! [`EventSink`] and [`UsageSink`]: the receivers of events and usage records, and those that discard them.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime_events::AgentEvent;
use thiserror::Error;

use crate::record::UsageRecord;

/// Receives the events of sessions, in the order of each session.
///
/// A session passes on one event at a time, and turns and tools wait for the sink. So it must be quick.
/// It may read the session's summary, but may not begin or end anything in it, which is refused. Put a
/// slow sink behind a [queue](crate::QueueSink). Errors and panics of a sink are counted and
/// reported, and do not affect the session.
///
/// A closure is a sink:
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
    /// Receives an event.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the event is or may be lost.
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError>;

    /// Receives several events, in order. By default each of them is emitted, even after a failure.
    ///
    /// # Errors
    ///
    /// The first [`SinkError`]. Its [`lost`](SinkError::lost) is the number for all events.
    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        let mut failure: Option<SinkError> = None;
        for event in events {
            if let Err(error) = caught(|| self.emit(event)) {
                failure = Some(match failure {
                    Some(first) => first.and_lost(error.lost),
                    // A panic counts for its event only.
                    None => SinkError { panic: false, ..error },
                });
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Writes everything that the sink has buffered. By default there is nothing.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if writing fails.
    fn flush(&self) -> Result<(), SinkError> {
        Ok(())
    }

    /// The numbers of written, pending and lost events. By default they are unknown.
    ///
    /// A sink that returns them reports its losses in the stream, as `log.dropped`.
    fn stats(&self) -> Option<SinkStats> {
        None
    }
}

/// Receives the usage and the cost of each metered turn. The rules for [`EventSink`] apply.
pub trait UsageSink: Send + Sync {
    /// Receives the usage of one turn.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the record is or may be lost.
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError>;

    /// [`record`](Self::record) by a caller that has no further use for the record, so that a sink that
    /// keeps it need not copy it. Sessions call this one.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the record is or may be lost.
    fn take(&self, record: UsageRecord) -> Result<(), SinkError> {
        self.record(&record)
    }

    /// Writes everything that the sink has buffered. By default there is nothing.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if writing fails.
    fn flush(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// The numbers of written, pending and lost events of a sink, at one moment:
/// `accepted == written + dropped + pending`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStats {
    /// The events that the sink was given.
    pub accepted: u64,
    /// The events that a file has passed to the operating system, or a queue to its sink.
    pub written: u64,
    /// The written events that are synced to the disk.
    pub synced: u64,
    /// The events that are lost.
    pub dropped: u64,
    /// The events that the sink still holds.
    pub pending: u64,
    /// The number of failures, such as a write, a sync or a panic behind a queue.
    pub errors: u64,
}

/// A sink that discards every event.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to configure")]
pub struct NoopEventSink;

impl EventSink for NoopEventSink {
    fn emit(&self, _event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A sink that discards every usage record.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to configure")]
pub struct NoopUsageSink;

impl UsageSink for NoopUsageSink {
    fn record(&self, _record: &UsageRecord) -> Result<(), SinkError> {
        Ok(())
    }
}

/// The error of a sink. Its text names what was attempted and why it failed.
#[derive(Debug, Error)]
#[error("{}{attempted}: {cause}", if *panic { "" } else { "cannot " })]
#[non_exhaustive]
pub struct SinkError {
    /// What the sink attempted, such as "write to `run.jsonl`".
    pub attempted: Cow<'static, str>,
    cause: Box<dyn StdError + Send + Sync>,
    lost: u64,
    panic: bool,
}

impl SinkError {
    /// Creates the error for an attempt that failed. One event is lost by it.
    ///
    /// ```
    /// use runtime_sinks::SinkError;
    ///
    /// let error = SinkError::new("post to the collector", "connection refused");
    /// assert_eq!(error.to_string(), "cannot post to the collector: connection refused");
    /// ```
    pub fn new(
        attempted: impl Into<Cow<'static, str>>,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { attempted: attempted.into(), cause: cause.into(), lost: 1, panic: false }
    }

    /// Sets how many events are lost. Zero means that the sink keeps the event and tries again. Default:
    /// one.
    #[must_use]
    pub const fn losing(mut self, lost: u64) -> Self {
        self.lost = lost;
        self
    }

    /// The cause, which the text of this error includes.
    pub fn cause(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.cause
    }

    /// The number of lost events.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the sink panicked, so that its losses are unknown.
    pub(crate) const fn is_panic(&self) -> bool {
        self.panic
    }

    const fn and_lost(mut self, more: u64) -> Self {
        self.lost = self.lost.saturating_add(more);
        self
    }
}

/// Calls a sink and turns a panic into an error.
pub(crate) fn caught(ask: impl FnOnce() -> Result<(), SinkError>) -> Result<(), SinkError> {
    // Asserted, because a sink is responsible for its own state after a panic.
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|panic| {
        let error = SinkError::new("panicked", text_of(&*panic));
        Err(SinkError { panic: true, ..error })
    })
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a text".to_owned())
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

    fn take(&self, record: UsageRecord) -> Result<(), SinkError> {
        (**self).take(record)
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
