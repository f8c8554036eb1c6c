//! [`RecordingEventSink`]: a sink for tests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::{AgentEvent, AgentEventName};

use crate::sink::{EventSink, SinkError};

/// Keeps every event, without a bound. Clones share the events.
///
/// ```
/// use std::sync::Arc;
/// use runtime_events::{AgentEvent, AgentEventName};
/// use runtime_sinks::{EventSink, testing::RecordingEventSink};
///
/// let seen = RecordingEventSink::new();
/// seen.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
///
/// assert_eq!(seen.names(), [AgentEventName::AgentStarted]);
/// assert!(seen.all(AgentEventName::AgentFailed).is_empty());
/// # Ok::<(), runtime_sinks::SinkError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordingEventSink {
    events: Arc<Mutex<Vec<Arc<AgentEvent>>>>,
}

impl RecordingEventSink {
    /// Creates an empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// All events, in order.
    pub fn events(&self) -> Vec<Arc<AgentEvent>> {
        self.lock().clone()
    }

    /// The names of all events, in order.
    pub fn names(&self) -> Vec<AgentEventName> {
        self.lock().iter().map(|event| event.event).collect()
    }

    /// All events with a name, in order.
    pub fn all(&self, name: AgentEventName) -> Vec<Arc<AgentEvent>> {
        self.lock().iter().filter(|event| event.event == name).cloned().collect()
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all events.
    pub fn clear(&self) {
        self.lock().clear();
    }

    // No change can panic half-way, so the contents of a poisoned lock are consistent.
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<AgentEvent>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for RecordingEventSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.lock().push(event.clone());
        Ok(())
    }
}
