//! Sinks for the tests of those who use the runtime.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::{AgentEvent, AgentEventName};

use crate::sink::{EventSink, SinkError};

/// Keeps every event, without a bound; clones share them.
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
/// assert!(seen.find(AgentEventName::AgentFailed).is_none());
/// # Ok::<(), runtime_sinks::SinkError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordingEventSink {
    events: Arc<Mutex<Vec<Arc<AgentEvent>>>>,
}

impl RecordingEventSink {
    /// A sink that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every event, in the order they came.
    pub fn events(&self) -> Vec<Arc<AgentEvent>> {
        self.lock().clone()
    }

    /// The name of every event, in the order they came.
    pub fn names(&self) -> Vec<AgentEventName> {
        self.lock().iter().map(|event| event.event).collect()
    }

    /// The first event of this name.
    pub fn find(&self, name: AgentEventName) -> Option<Arc<AgentEvent>> {
        self.lock().iter().find(|event| event.event == name).cloned()
    }

    /// Every event of this name, in the order they came.
    pub fn all(&self, name: AgentEventName) -> Vec<Arc<AgentEvent>> {
        self.lock().iter().filter(|event| event.event == name).cloned().collect()
    }

    /// How many events it has seen.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether it has seen none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what it has seen.
    pub fn clear(&self) {
        self.lock().clear();
    }

    // Nothing panics half-way through a change, so what a poisoned lock holds is whole.
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
