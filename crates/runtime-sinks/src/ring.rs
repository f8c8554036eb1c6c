//! [`RingBuffer`]: the latest events or usage records, in memory.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::AgentEvent;

use crate::record::UsageRecord;
use crate::sink::{EventSink, SinkError, UsageSink};

/// How many events or records a ring keeps by default.
pub const DEFAULT_RING_CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);

/// A [`RingBuffer`] of events.
pub type RingBufferEventSink = RingBuffer<Arc<AgentEvent>>;

/// A [`RingBuffer`] of usage records.
pub type RingBufferUsageSink = RingBuffer<UsageRecord>;

/// Keeps the latest events or usage records and counts those that were dropped. Clones share one ring.
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
#[derive(Debug)]
pub struct RingBuffer<T> {
    ring: Arc<Mutex<Ring<T>>>,
}

#[derive(Debug)]
struct Ring<T> {
    /// Invariant: at most `capacity` items.
    items: VecDeque<T>,
    capacity: NonZeroUsize,
    dropped: u64,
}

impl<T> RingBuffer<T> {
    /// Creates a ring for [`DEFAULT_RING_CAPACITY`] items.
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_RING_CAPACITY)
    }

    /// Creates a ring for a number of items. Memory is allocated as they arrive.
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        let ring = Ring { items: VecDeque::new(), capacity, dropped: 0 };
        Self { ring: Arc::new(Mutex::new(ring)) }
    }

    /// The number of items in the ring.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Whether the ring is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of items that were dropped for later ones.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Removes all items. They do not count as dropped.
    pub fn clear(&self) {
        let items = std::mem::take(&mut self.lock().items);
        drop(items);
    }

    fn push(&self, item: T) {
        let mut ring = self.lock();
        let oldest = if ring.items.len() == ring.capacity.get() {
            ring.dropped += 1;
            ring.items.pop_front()
        } else {
            None
        };
        ring.items.push_back(item);
        drop(ring);
        // Dropped after the lock is free, so that the next emitter does not wait for it.
        drop(oldest);
    }

    // No change can panic half-way, so the contents of a poisoned lock are consistent.
    fn lock(&self) -> MutexGuard<'_, Ring<T>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RingBufferEventSink {
    /// The events in the ring, oldest first.
    pub fn events(&self) -> Vec<Arc<AgentEvent>> {
        self.lock().items.iter().cloned().collect()
    }
}

impl RingBufferUsageSink {
    /// The records in the ring, oldest first.
    pub fn records(&self) -> Vec<UsageRecord> {
        self.lock().items.iter().cloned().collect()
    }
}

impl EventSink for RingBufferEventSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.push(event.clone());
        Ok(())
    }
}

impl UsageSink for RingBufferUsageSink {
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError> {
        self.take(record.clone())
    }

    fn take(&self, record: UsageRecord) -> Result<(), SinkError> {
        self.push(record);
        Ok(())
    }
}

impl<T> Clone for RingBuffer<T> {
    fn clone(&self) -> Self {
        Self { ring: self.ring.clone() }
    }
}

impl<T> Default for RingBuffer<T> {
    fn default() -> Self {
        Self::new()
    }
}
