//! Sinks for agent events and usage records: in memory, in JSON-lines files, behind queues and filters.
//!
//! ```
//! use std::sync::Arc;
//! use runtime_events::AgentEvent;
//! use runtime_sinks::{EventFanOut, EventSink, Filter, Level, RingBufferEventSink};
//!
//! let (all, trouble) = (RingBufferEventSink::new(), RingBufferEventSink::new());
//! let warnings = Filter::all().at_least(Level::Warn).before(trouble.clone());
//! let sink = EventFanOut::new().with(all.clone()).with(warnings);
//!
//! sink.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
//! assert_eq!((all.len(), trouble.len()), (1, 0));
//! # Ok::<(), runtime_sinks::SinkError>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | write a sink | [`EventSink`], [`UsageSink`], [`SinkError`], [`SinkStats`], [`Losses`] |
//! | keep the latest events in memory | [`RingBufferEventSink`], [`RingBufferUsageSink`] |
//! | write events to files, and choose what survives a crash | [`JsonlSink`], [`JsonlConfig`], [`Durability`], [`Rotation`] |
//! | read a log, follow it, and find gaps | [`LogReader`], [`Follow`], [`LogReport`] |
//! | keep a slow sink off the calling thread | [`QueueSink`], [`QueueConfig`] |
//! | send events to several sinks | [`EventFanOut`], [`UsageFanOut`] |
//! | select events or sessions | [`Filter`], [`Level`], [`SampleSessions`] |
//! | log events through `tracing` (feature `tracing`) | `TracingSink` |
//! | record all events in a test (feature `test-util`) | `testing::RecordingEventSink` |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod fan_out;
mod filter;
mod jsonl;
mod level;
mod losses;
mod park;
mod queue;
mod reader;
mod record;
mod ring;
mod sample;
mod segments;
mod sink;
mod sync;
#[cfg(feature = "test-util")]
pub mod testing;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "tracing")]
pub use self::tracing::TracingSink;
pub use self::{
    fan_out::{EventFanOut, FanOut, FanOutError, UsageFanOut},
    filter::{Filter, Filtered},
    jsonl::{Durability, JsonlConfig, JsonlSink, Rotation},
    level::Level,
    losses::Losses,
    queue::{QueueConfig, QueueGuard, QueueShutdown, QueueSink},
    reader::{
        Follow, FollowStop, Gap, GapCause, LogEntry, LogReadError, LogReader, LogReport, TornLine,
    },
    record::UsageRecord,
    ring::{DEFAULT_RING_CAPACITY, RingBuffer, RingBufferEventSink, RingBufferUsageSink},
    sample::SampleSessions,
    sink::{EventSink, NoopEventSink, NoopUsageSink, SinkError, SinkStats, UsageSink},
};
