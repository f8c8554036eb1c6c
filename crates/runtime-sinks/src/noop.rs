//! [`NoopEventSink`] and [`NoopUsageSink`]: sinks that discard everything.

use std::sync::Arc;

use runtime_events::AgentEvent;

use crate::record::UsageRecord;
use crate::sink::{EventSink, SinkError, UsageSink};

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
