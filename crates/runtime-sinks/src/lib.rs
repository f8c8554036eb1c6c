//! Where agent events and usage records go: traits, rings, fan-out, queues and JSON-lines files.
//!
//! | module | what |
//! |---|---|
//! | [`sink`] | [`EventSink`], [`UsageSink`] and [`SinkError`] |
//! | [`record`] | [`UsageRecord`]: what a turn used and cost |
//! | [`noop`] | sinks that keep nothing |
//! | [`ring`] | sinks that keep the latest in memory |
//! | [`fan_out`] | [`FanOut`]: one sink in front of many |
//! | [`jsonl`] | [`JsonlSink`]: events in files, one line each; [`Durability`] and [`Rotation`] |
//! | [`reader`] | [`LogReader`]: what was written, what is missing, and what comes |
//! | [`queue`] | [`QueueSink`]: a slow sink, off the thread of those who emit |
//! | [`filter`], [`level`] | [`Filter`] and [`Level`]: which events a sink is given |
//! | [`sample`] | [`SampleSessions`]: some sessions, and each of them whole |
//! | [`stats`] | [`SinkStats`]: what became of the events a sink was given |
//! | [`losses`] | [`Losses`]: which events a sink had to drop, told in the stream |
//! | `TracingSink` | events among the log lines, with feature `tracing` |
//! | `testing` | a sink that keeps everything, with feature `test-util` |
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use runtime_events::AgentEvent;
//! use runtime_sinks::{EventFanOut, EventSink, NoopEventSink, RingBufferEventSink};
//!
//! let latest = RingBufferEventSink::new();
//! let sink = EventFanOut::new().with(latest.clone()).with(NoopEventSink);
//!
//! sink.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
//! assert_eq!(latest.events()[0].role.as_deref(), Some("writer"));
//! # Ok::<(), runtime_sinks::SinkError>(())
//! ```

pub mod fan_out;
pub mod filter;
pub mod jsonl;
pub mod level;
pub mod losses;
pub mod noop;
mod park;
pub mod queue;
pub mod reader;
pub mod record;
pub mod ring;
pub mod sample;
mod segments;
pub mod sink;
pub mod stats;
mod sync;
#[cfg(feature = "test-util")]
pub mod testing;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "tracing")]
#[doc(inline)]
pub use self::tracing::TracingSink;
#[doc(inline)]
pub use self::{
    fan_out::{EventFanOut, FanOut, FanOutError, UsageFanOut},
    filter::{Filter, Filtered},
    jsonl::{Durability, JsonlOptions, JsonlSink, Rotation},
    level::Level,
    losses::Losses,
    noop::{NoopEventSink, NoopUsageSink},
    queue::{QueueConfig, QueueGuard, QueueSink, Shutdown},
    reader::{Follow, FollowStop, Gap, GapCause, LogEntry, LogReadError, LogReader, LogReport},
    record::UsageRecord,
    ring::{DEFAULT_RING_CAPACITY, RingBufferEventSink, RingBufferUsageSink},
    sample::SampleSessions,
    sink::{EventSink, SinkError, UsageSink},
    stats::SinkStats,
};
