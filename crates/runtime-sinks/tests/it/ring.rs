//! Rings.

use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};
use std::thread::{self, ScopedJoinHandle};

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
fn events_of_several_threads_are_in_order() {
    let ring = RingBufferEventSink::with_capacity(NonZeroUsize::new(3).unwrap());
    for n in 0..10 {
        thread::scope(|scope| {
            scope.spawn(|| ring.emit(&event(n)).unwrap());
        });
        ring.emit(&event(100 + n)).unwrap();
    }
    let numbers: Vec<_> = ring.events().iter().map(|event| number(event)).collect();
    assert_eq!((numbers, ring.dropped()), (vec![108, 9, 109], 17));
}

#[test]
fn each_thread_loses_its_oldest_events_first() {
    const THREADS: u64 = 4;
    const EACH: u64 = 3_000;
    let ring = RingBufferEventSink::with_capacity(NonZeroUsize::new(100).unwrap());
    let gapless = |numbers: &[u64]| {
        assert!(numbers.len() <= 100);
        for thread in 0..THREADS {
            let own = || numbers.iter().filter(move |number| *number / EACH == thread);
            assert!(own().zip(own().skip(1)).all(|(n, next)| n + 1 == *next), "{numbers:?}");
        }
    };
    let numbers = || ring.events().iter().map(|event| number(event)).collect::<Vec<_>>();
    let emit_all = |thread| {
        (0..EACH).for_each(|n| ring.emit(&event(thread * EACH + n)).unwrap());
    };
    thread::scope(|scope| {
        let emitters = (0..THREADS).map(|thread| scope.spawn(move || emit_all(thread)));
        let emitters: Vec<_> = emitters.collect();
        while !emitters.iter().all(ScopedJoinHandle::is_finished) {
            gapless(&numbers());
        }
    });
    gapless(&numbers());
    assert_eq!((ring.len(), ring.events().len()), (100, 100));
    assert_eq!(ring.dropped(), THREADS * EACH - 100);

    ring.clear();
    assert!(ring.is_empty() && ring.events().is_empty());
    ring.emit(&event(1)).unwrap();
    assert!(!ring.is_empty());
    assert_eq!((ring.len(), ring.dropped()), (1, THREADS * EACH - 100));
}

#[test]
fn event_of_a_thread_that_fell_silent_is_freed() {
    let ring = RingBufferEventSink::with_capacity(NonZeroUsize::MIN);
    // So that this thread does not take over what the other one leaves.
    ring.emit(&event(0)).unwrap();
    let first = thread::scope(|scope| {
        let emit = scope.spawn(|| {
            let first = event(1);
            ring.emit(&first).unwrap();
            Arc::downgrade(&first)
        });
        emit.join().unwrap()
    });
    (0..256).for_each(|n| ring.emit(&event(n)).unwrap());
    assert!(first.upgrade().is_none());
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
