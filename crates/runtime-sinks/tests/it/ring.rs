//! Rings.

use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};
use std::thread;

use runtime_events::AgentEvent;
use runtime_sinks::{
    DEFAULT_RING_CAPACITY, EventSink, NoopEventSink, NoopUsageSink, RingBufferEventSink,
    RingBufferUsageSink, UsageSink,
};

use crate::common::{event, number, record};

#[test]
fn ring_keeps_the_latest_and_counts_the_rest() {
    let ring = RingBufferEventSink::new();
    assert_eq!(DEFAULT_RING_CAPACITY.get(), 1_000);
    for n in 0..1_003 {
        ring.emit(&event(n)).unwrap();
    }
    let held = ring.events();
    assert_eq!((held.len(), number(&held[0]), number(&held[999])), (1_000, 3, 1_002));
    assert_eq!((ring.len(), ring.dropped()), (1_000, 3));

    let clone = ring.clone();
    ring.clear();
    assert!(clone.is_empty(), "clones share the ring");
    assert_eq!(clone.dropped(), 3, "what is cleared is not dropped");
}

#[test]
fn usage_ring_keeps_the_latest_records() {
    let ring = RingBufferUsageSink::with_capacity(NonZeroUsize::MIN.saturating_add(1));
    for n in 0..5 {
        ring.record(&record(n)).unwrap();
    }
    assert_eq!(ring.records(), [record(3), record(4)]);
    assert_eq!((ring.records().len(), ring.dropped()), (2, 3));
    ring.clear();
    assert!(ring.records().is_empty());
}

#[test]
fn dropped_event_is_freed() {
    let ring = RingBufferEventSink::with_capacity(NonZeroUsize::MIN);
    let first = event(1);
    let weak: Weak<AgentEvent> = Arc::downgrade(&first);
    ring.emit(&first).unwrap();
    drop(first);
    assert!(weak.upgrade().is_some());
    ring.emit(&event(2)).unwrap();
    assert!(weak.upgrade().is_none());
}

#[test]
fn noop_sinks_accept_everything() {
    assert!(NoopEventSink.emit(&event(1)).is_ok() && EventSink::flush(&NoopEventSink).is_ok());
    assert!(NoopUsageSink.record(&record(1)).is_ok() && UsageSink::flush(&NoopUsageSink).is_ok());
}

#[test]
fn concurrent_emits_are_all_counted() {
    const PER_THREAD: u64 = 2_000;
    let ring = RingBufferEventSink::new();
    thread::scope(|scope| {
        for thread in 0..8 {
            let ring = &ring;
            scope.spawn(move || {
                for n in 0..PER_THREAD {
                    ring.emit(&event(thread * PER_THREAD + n)).unwrap();
                }
            });
        }
    });
    let held = ring.events();
    assert_eq!(ring.dropped() + held.len() as u64, 8 * PER_THREAD);
    assert_eq!(held.len(), 1_000);
    for thread in 0..8 {
        let own: Vec<u64> =
            held.iter().map(|e| number(e)).filter(|n| n / PER_THREAD == thread).collect();
        assert!(own.is_sorted(), "the events of one thread keep their order");
        // No event is held twice, and the held events of a thread are its latest.
        assert!(own.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        assert!(own.last().is_none_or(|last| last % PER_THREAD == PER_THREAD - 1));
    }
}
