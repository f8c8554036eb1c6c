//! What must hold at compile time.

use std::sync::Arc;

use runtime_sinks::{
    EventFanOut, EventSink, JsonlSink, NoopEventSink, NoopUsageSink, RingBufferEventSink,
    RingBufferUsageSink, SinkError, UsageFanOut, UsageRecord, UsageSink,
};

const fn events<T: EventSink + 'static>() {}
const fn usage<T: UsageSink + 'static>() {}
const fn error<T: std::error::Error + Send + Sync + 'static>() {}
const fn shared<T: Send + Sync + 'static>() {}

const _: () = events::<NoopEventSink>();
const _: () = events::<RingBufferEventSink>();
const _: () = events::<EventFanOut>();
const _: () = events::<JsonlSink>();
const _: () = events::<Arc<dyn EventSink>>();
const _: () = usage::<NoopUsageSink>();
const _: () = usage::<RingBufferUsageSink>();
const _: () = usage::<UsageFanOut>();
const _: () = usage::<Arc<dyn UsageSink>>();
const _: () = error::<SinkError>();
const _: () = shared::<UsageRecord>();
