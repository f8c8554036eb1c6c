//! Sinks that keep the latest in memory: [`RingBufferEventSink`] and [`RingBufferUsageSink`].

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::AgentEvent;

use crate::record::UsageRecord;
use crate::sink::{EventSink, SinkError, UsageSink};

/// How many events or records a ring keeps unless told otherwise: 1,000.
pub const DEFAULT_RING_CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);

/// Keeps the latest events and counts those it had to drop; clones share them.
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
    /// A ring for [`DEFAULT_RING_CAPACITY`] events.
    pub fn new() -> Self {
        Self::default()
    }

    /// A ring for so many events. Memory is taken as they come.
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        Self { ring: SharedRing::new(capacity) }
    }

    /// The events it holds, oldest first.
    pub fn events(&self) -> Vec<Arc<AgentEvent>> {
        self.ring.to_vec()
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.ring.lock().items.len()
    }

    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events it can hold.
    pub fn capacity(&self) -> NonZeroUsize {
        self.ring.lock().capacity
    }

    /// How many events had to make room for later ones.
    pub fn dropped(&self) -> u64 {
        self.ring.lock().dropped
    }

    /// Forgets the events it holds. They do not count as dropped.
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

/// Keeps the latest usage records and counts those it had to drop; clones share them.
#[derive(Clone, Debug, Default)]
pub struct RingBufferUsageSink {
    ring: SharedRing<UsageRecord>,
}

impl RingBufferUsageSink {
    /// A ring for [`DEFAULT_RING_CAPACITY`] records.
    pub fn new() -> Self {
        Self::default()
    }

    /// A ring for so many records. Memory is taken as they come.
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        Self { ring: SharedRing::new(capacity) }
    }

    /// The records it holds, oldest first.
    pub fn records(&self) -> Vec<UsageRecord> {
        self.ring.to_vec()
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.ring.lock().items.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many records it can hold.
    pub fn capacity(&self) -> NonZeroUsize {
        self.ring.lock().capacity
    }

    /// How many records had to make room for later ones.
    pub fn dropped(&self) -> u64 {
        self.ring.lock().dropped
    }

    /// Forgets the records it holds. They do not count as dropped.
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
    /// Invariant: no more than `capacity` of them.
    items: VecDeque<T>,
    capacity: NonZeroUsize,
    dropped: u64,
}

impl<T> Ring<T> {
    /// Takes an item in, and hands out the one that had to make room.
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
        // The lock is free again: whoever emits next does not wait for the memory to be freed.
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

    // Nothing panics half-way through a change, so what a poisoned lock holds is whole.
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
