//! What the lock of a stream guards.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_events::{AgentEvent, Labels};

use super::line::{Aside, Line};
use crate::parts::watchers::Watchers;

pub(super) struct Board {
    pub(super) seq: u64,
    /// The wall-clock time of the last event.
    pub(super) stamp: DateTime<Utc>,
    pub(super) labels: Option<Arc<Labels>>,
    pub(super) log: VecDeque<Arc<AgentEvent>>,
    pub(super) line: Line,
    /// Whether the last event is posted.
    pub(super) over: bool,
    /// The readers that wait for the next event. Made for the first one.
    pub(super) readers: Option<Box<Watchers>>,
    /// The number of threads that wait for the sink.
    pub(super) waiting: u32,
    pub(super) sink_failures: u64,
}

impl Board {
    /// Keeps an event that was numbered under the same lock, among this number of events.
    pub(super) fn keep(&mut self, event: Arc<AgentEvent>, kept: Option<NonZeroUsize>) -> Aside {
        self.line.post(&event);
        let mut evicted = None;
        if let Some(most) = kept {
            if self.log.len() == most.get() {
                evicted = self.log.pop_front();
            }
            self.log.push_back(event);
        }
        let readers = self.readers.as_mut().map(|readers| readers.take());
        Aside { evicted, readers }
    }

    /// Counts a failure. Returns it if it is the first.
    pub(super) fn count(&mut self, failure: Option<String>) -> Option<String> {
        failure.filter(|_| {
            self.sink_failures += 1;
            self.sink_failures == 1
        })
    }
}
