//! [`RingBufferEventSink`] and [`RingBufferUsageSink`]: the latest events and records, in memory.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::AgentEvent;

use crate::record::UsageRecord;
use crate::sink::{EventSink, SinkError, UsageSink};

/// How many events or records a ring keeps by default.
pub const DEFAULT_RING_CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);

/// Keeps the latest events and counts those that were dropped. Clones share one ring.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
/// use runtime_events::AgentEvent;
/// use runtime_sinks::{EventSink, RingBufferEventSink};
///
/// let latest = RingBufferEventSink::with_capacity(NonZeroUsize::MIN);
/// latest.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
/// latest.emit(&Arc::new(AgentEvent::completed("writer", "draft")))?;
///
/// assert_eq!(latest.events()[0].event.as_str(), "agent.completed");
/// assert_eq!(latest.dropped(), 1);
/// # Ok::<(), runtime_sinks::SinkError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RingBufferEventSink {
    ring: SharedRing<Arc<AgentEvent>>,
}

impl RingBufferEventSink {
    /// Creates a ring for [`DEFAULT_RING_CAPACITY`] events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a ring for a number of events. Memory is allocated as they arrive.
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        Self { ring: SharedRing::new(capacity) }
    }

    /// The events in the ring, oldest first.
    pub fn events(&self) -> Vec<Arc<AgentEvent>> {
        self.ring.to_vec()
    }

    /// The number of events in the ring.
    pub fn len(&self) -> usize {
        self.ring.lock().items.len()
    }

    /// Whether the ring is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of events that were dropped for later ones.
    pub fn dropped(&self) -> u64 {
        self.ring.lock().dropped
    }

    /// Removes all events. They do not count as dropped.
    pub fn clear(&self) {
        self.ring.clear();
    }
}

impl EventSink for RingBufferEventSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.ring.push(event.clone());
        Ok(())
    }
}

/// Keeps the latest usage records and counts those that were dropped. Clones share one ring.
#[derive(Clone, Debug, Default)]
pub struct RingBufferUsageSink {
    ring: SharedRing<UsageRecord>,
}

impl RingBufferUsageSink {
    /// Creates a ring for [`DEFAULT_RING_CAPACITY`] records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a ring for a number of records. Memory is allocated as they arrive.
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        Self { ring: SharedRing::new(capacity) }
    }

    /// The records in the ring, oldest first.
    pub fn records(&self) -> Vec<UsageRecord> {
        self.ring.to_vec()
    }

    /// The number of records that were dropped for later ones.
    pub fn dropped(&self) -> u64 {
        self.ring.lock().dropped
    }

    /// Removes all records. They do not count as dropped.
    pub fn clear(&self) {
        self.ring.clear();
    }
}

impl UsageSink for RingBufferUsageSink {
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError> {
        self.ring.push(record.clone());
        Ok(())
    }
}

#[derive(Debug)]
struct Ring<T> {
    /// Invariant: at most `capacity` items.
    items: VecDeque<T>,
    capacity: NonZeroUsize,
    dropped: u64,
}

impl<T> Ring<T> {
    /// Adds an item and returns the one that was dropped for it.
    fn push(&mut self, item: T) -> Option<T> {
        let oldest = if self.items.len() == self.capacity.get() {
            self.dropped += 1;
            self.items.pop_front()
        } else {
            None
        };
        self.items.push_back(item);
        oldest
    }
}

#[derive(Debug)]
struct SharedRing<T>(Arc<Mutex<Ring<T>>>);

impl<T> SharedRing<T> {
    fn new(capacity: NonZeroUsize) -> Self {
        Self(Arc::new(Mutex::new(Ring { items: VecDeque::new(), capacity, dropped: 0 })))
    }

    fn push(&self, item: T) {
        let oldest = self.lock().push(item);
        // Dropped after the lock is free, so that the next emitter does not wait for it.
        drop(oldest);
    }

    fn clear(&self) {
        let items = std::mem::take(&mut self.lock().items);
        drop(items);
    }

    fn to_vec(&self) -> Vec<T>
    where
        T: Clone,
    {
        self.lock().items.iter().cloned().collect()
    }

    // No change can panic half-way, so the contents of a poisoned lock are consistent.
    fn lock(&self) -> MutexGuard<'_, Ring<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for SharedRing<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for SharedRing<T> {
    fn default() -> Self {
        Self::new(DEFAULT_RING_CAPACITY)
    }
}
