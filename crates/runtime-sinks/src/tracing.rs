//! [`TracingSink`]: agent events as events of `tracing`.

use std::sync::Arc;

use runtime_events::AgentEvent;

use crate::level::Level;
use crate::sink::{EventSink, SinkError};

/// Passes events on to the subscriber of `tracing`, each at its [`Level`], with the target
/// `techrevati::events`.
///
/// The fields that are set are `event`, `status`, `role`, `phase`, `failure_class`, `session_id`, `seq`,
/// `span_id`, `outcome` and `data` (as JSON). The message is the detail of the event, or its name. An
/// event that no subscriber wants costs almost nothing.
///
/// Like any sink, a subscriber may not begin or end anything in the session that emits.
///
/// ```
/// use runtime_sinks::{Filter, Level, TracingSink};
///
/// let sink = Filter::all().at_least(Level::Info).before(TracingSink);
/// # let _ = sink;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to configure")]
pub struct TracingSink;

/// The target of these events.
const TARGET: &str = "techrevati::events";

macro_rules! say {
    ($level:ident, $event:ident) => {
        if tracing::enabled!(target: TARGET, tracing::Level::$level) {
            let data = $event.data.as_ref().and_then(|data| serde_json::to_string(data).ok());
            tracing::event!(
                target: TARGET,
                tracing::Level::$level,
                event = $event.event.as_str(),
                status = $event.status.as_str(),
                role = $event.role.as_deref(),
                phase = $event.phase.as_deref(),
                failure_class = $event.failure_class.map(|class| class.as_str()),
                session_id = $event.session_id.as_deref(),
                seq = $event.seq,
                span_id = $event.span.map(tracing::field::display),
                outcome = $event.outcome.map(|outcome| outcome.as_str()),
                data = data.as_deref(),
                "{}",
                $event.detail.as_deref().unwrap_or_else(|| $event.event.as_str()),
            );
        }
    };
}

impl EventSink for TracingSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        match Level::of(event) {
            Level::Debug => say!(DEBUG, event),
            Level::Info => say!(INFO, event),
            Level::Warn => say!(WARN, event),
            Level::Error => say!(ERROR, event),
        }
        Ok(())
    }
}
