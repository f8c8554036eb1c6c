//! [`RingBuffer`]: the latest events or usage records, in memory.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::AgentEvent;
use thread_local::ThreadLocal;

use crate::record::UsageRecord;
use crate::sink::{EventSink, SinkError, UsageSink};

/// How many events or records a ring keeps by default.
pub const DEFAULT_RING_CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);

/// How many items may be kept beyond the capacity: a thread removes an old item of its own for each new
/// one, and after so many the old ones of all threads.
const SWEEP: u64 = 256;

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
pub struct RingBuffer<T: Send> {
    ring: Arc<Ring<T>>,
}

/// A lane for each thread that emits, so that none of them waits for another. What orders the lanes is
/// the number that each item draws.
#[derive(Debug)]
struct Ring<T: Send> {
    capacity: u64,
    /// The number of the last item.
    last: Apart<AtomicU64>,
    lanes: ThreadLocal<Mutex<Lane<T>>>,
    cleared: Mutex<Cleared>,
}

/// A word that all threads write, away from those that they only read: a cache line that one of them has
/// written has to come from there.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// The items of one thread, with their numbers, oldest first.
type Lane<T> = VecDeque<(u64, T)>;

/// What [`RingBuffer::clear`] has removed.
#[derive(Debug, Default)]
struct Cleared {
    /// The number of the last item before it.
    through: u64,
    /// The number of items that were dropped before it.
    dropped: u64,
}

impl<T: Send> RingBuffer<T> {
    /// Creates a ring for [`DEFAULT_RING_CAPACITY`] items.
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_RING_CAPACITY)
    }

    /// Creates a ring for a number of items. Memory is allocated as they arrive.
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        let ring = Ring {
            capacity: capacity.get() as u64,
            last: Apart::default(),
            lanes: ThreadLocal::new(),
            cleared: Mutex::default(),
        };
        Self { ring: Arc::new(ring) }
    }

    /// The number of items in the ring.
    pub fn len(&self) -> usize {
        let (through, last) = (lock(&self.ring.cleared).through, self.ring.last());
        // At most the capacity, which is a usize.
        usize::try_from((last - through).min(self.ring.capacity)).unwrap_or(usize::MAX)
    }

    /// Whether the ring is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of items that were dropped for later ones.
    pub fn dropped(&self) -> u64 {
        let cleared = lock(&self.ring.cleared);
        cleared.dropped + self.ring.too_old(self.ring.last()).saturating_sub(cleared.through)
    }

    /// Removes all items. They do not count as dropped.
    pub fn clear(&self) {
        let mut cleared = lock(&self.ring.cleared);
        let last = self.ring.last();
        cleared.dropped += self.ring.too_old(last).saturating_sub(cleared.through);
        cleared.through = last;
        drop(cleared);
        self.ring.remove_through(last);
    }
}

impl<T: Send> Ring<T> {
    fn push(&self, item: T) {
        let mut lane = lock(self.lanes.get_or_default());
        // Drawn under the lock, so that the lane is in order. AcqRel: who reads the number also sees the
        // lane that the item is in.
        let number = self.last.0.fetch_add(1, Ordering::AcqRel) + 1;
        lane.push_back((number, item));
        let too_old = self.too_old(number);
        if lane.front().is_some_and(|(oldest, _)| *oldest <= too_old) {
            let evicted = lane.pop_front();
            // Dropped after the lock is free, so that no reader waits for it.
            drop(lane);
            drop(evicted);
        } else {
            drop(lane);
        }
        if number.is_multiple_of(SWEEP) {
            self.remove_through(too_old);
        }
    }

    /// The number of the last item.
    fn last(&self) -> u64 {
        // Acquire: see `push`.
        self.last.0.load(Ordering::Acquire)
    }

    /// The number of the last item that is no longer in the ring, if `last` is the latest.
    const fn too_old(&self, last: u64) -> u64 {
        last.saturating_sub(self.capacity)
    }

    #[cold]
    fn remove_through(&self, through: u64) {
        for lane in &self.lanes {
            let mut lane = lock(lane);
            let kept = lane.partition_point(|(number, _)| *number <= through);
            let removed: Vec<_> = lane.drain(..kept).collect();
            drop(lane);
            drop(removed);
        }
    }
}

impl<T: Send + Clone> Ring<T> {
    /// The items in the ring, oldest first.
    fn items(&self) -> Vec<T> {
        let through = lock(&self.cleared).through;
        let (mut items, last) = loop {
            if let Some(all) = self.all() {
                break all;
            }
        };
        let first = self.too_old(last).max(through) + 1;
        items.retain(|(number, _)| (first..=last).contains(number));
        items.sort_unstable_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, item)| item).collect()
    }

    /// The items of all lanes, and the number of the last one at that moment. `None` if a thread emits its
    /// first item meanwhile.
    fn all(&self) -> Option<(Vec<(u64, T)>, u64)> {
        let lanes: Vec<_> = self.lanes.iter().map(lock).collect();
        let last = self.last();
        let items = lanes.iter().flat_map(|lane| lane.iter().cloned()).collect();
        let is_all = self.lanes.iter().count() == lanes.len();
        drop(lanes);
        is_all.then_some((items, last))
    }
}

// No change can panic half-way, so the contents of a poisoned lock are consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RingBufferEventSink {
    /// The events in the ring, oldest first.
    pub fn events(&self) -> Vec<Arc<AgentEvent>> {
        self.ring.items()
    }
}

impl RingBufferUsageSink {
    /// The records in the ring, oldest first.
    pub fn records(&self) -> Vec<UsageRecord> {
        self.ring.items()
    }
}

impl EventSink for RingBufferEventSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.ring.push(Arc::clone(event));
        Ok(())
    }
}

impl UsageSink for RingBufferUsageSink {
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError> {
        self.take(record.clone())
    }

    fn take(&self, record: UsageRecord) -> Result<(), SinkError> {
        self.ring.push(record);
        Ok(())
    }
}

impl<T: Send> Clone for RingBuffer<T> {
    fn clone(&self) -> Self {
        Self { ring: self.ring.clone() }
    }
}

impl<T: Send> Default for RingBuffer<T> {
    fn default() -> Self {
        Self::new()
    }
}
