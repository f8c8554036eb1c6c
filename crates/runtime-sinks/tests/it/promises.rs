//! Promises that hold at compile time.

use std::sync::Arc;

use runtime_sinks::{
    EventFanOut, EventSink, Filtered, Follow, FollowStop, JsonlSink, LogReadError, LogReader,
    NoopEventSink, NoopUsageSink, QueueGuard, QueueSink, RingBufferEventSink, RingBufferUsageSink,
    SampleSessions, SinkError, UsageFanOut, UsageRecord, UsageSink,
};

const fn events<T: EventSink + 'static>() {}
const fn usage<T: UsageSink + 'static>() {}
const fn error<T: std::error::Error + Send + Sync + 'static>() {}
const fn shared<T: Send + Sync + 'static>() {}
const fn sent<T: Send + 'static>() {}

const _: () = events::<NoopEventSink>();
const _: () = events::<RingBufferEventSink>();
const _: () = events::<EventFanOut>();
const _: () = events::<JsonlSink>();
const _: () = events::<QueueSink>();
const _: () = events::<Filtered<JsonlSink>>();
const _: () = events::<SampleSessions<QueueSink>>();
const _: () = events::<Arc<dyn EventSink>>();
const _: () = usage::<NoopUsageSink>();
const _: () = usage::<RingBufferUsageSink>();
const _: () = usage::<UsageFanOut>();
const _: () = usage::<Arc<dyn UsageSink>>();
const _: () = error::<SinkError>();
const _: () = error::<LogReadError>();
const _: () = sent::<LogReader>();
const _: () = sent::<Follow>();
const _: () = shared::<FollowStop>();
const _: () = shared::<QueueGuard>();
const _: () = shared::<UsageRecord>();
