//! [`Log`]: the bounded history of a worker.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::status::AgentStatus;

/// How many transitions a worker's history keeps by default.
pub(crate) const DEFAULT_HISTORY: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not zero");

/// A transition of a worker. The JSON keys are the field names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AgentWorkerEvent {
    /// The sequence number, counted from 1 without gaps.
    pub seq: u64,
    /// The same as `status`, as in the Python original.
    pub kind: AgentStatus,
    /// The state the worker moved to.
    pub status: AgentStatus,
    /// The time of the transition.
    #[serde(with = "crate::stamp")]
    pub timestamp: DateTime<Utc>,
    /// One line for people. Never empty. Left out of the JSON if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Arc<str>>,
}

/// The newest transitions of a worker.
///
/// Invariant: `events.len() <= capacity`, and the last event's number is `recorded`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Log {
    events: VecDeque<AgentWorkerEvent>,
    capacity: NonZeroUsize,
    recorded: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self { events: VecDeque::new(), capacity: DEFAULT_HISTORY, recorded: 0 }
    }
}

impl Log {
    pub(super) fn set_capacity(&mut self, capacity: NonZeroUsize) {
        self.capacity = capacity;
        let surplus = self.events.len().saturating_sub(capacity.get());
        self.events.drain(..surplus);
    }

    pub(super) fn record(
        &mut self,
        status: AgentStatus,
        detail: Option<Arc<str>>,
        at: DateTime<Utc>,
    ) -> &AgentWorkerEvent {
        if self.events.len() == self.capacity.get() {
            self.events.pop_front();
        }
        if self.events.len() == self.events.capacity() {
            // A process has many workers, and most make few transitions: by half, from two.
            self.events.reserve_exact((self.events.len() / 2).max(2));
        }
        self.recorded += 1;
        let seq = self.recorded;
        self.events.push_back(AgentWorkerEvent {
            seq,
            kind: status,
            status,
            detail,
            timestamp: at,
        });
        &self.events[self.events.len() - 1]
    }

    pub(super) fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = &AgentWorkerEvent> + ExactSizeIterator {
        self.events.iter()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.recorded - self.events.len() as u64
    }
}

impl Serialize for Log {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.events)
    }
}
