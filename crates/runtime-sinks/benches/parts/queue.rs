//! The queue: what it costs who emits.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use criterion::Criterion;
use runtime_events::{Clock, SystemClock};
use runtime_sinks::{EventSink, NoopEventSink, QueueConfig, QueueSink};

use crate::event;

const ROOM: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 16) - 1);

pub(crate) fn queues(c: &mut Criterion) {
    c.bench_function("sinks/queue_emit", |b| {
        let queue = QueueSink::new(NoopEventSink, QueueConfig::default().capacity(ROOM));
        let event = event();
        b.iter(|| queue.emit(black_box(&event)));
    });
    // One event every ten microseconds, as an agent emits, and not as a loop does; the time of each
    // is taken by itself, with what it costs to take it. The median is what is reported.
    c.bench_function("sinks/queue_emit_paced", |b| {
        let queue = QueueSink::new(NoopEventSink, QueueConfig::default());
        let (event, clock) = (event(), SystemClock);
        b.iter_custom(|rounds| {
            let mut times: Vec<Duration> = Vec::new();
            for _ in 0..rounds {
                let until = clock.now() + Duration::from_micros(10);
                while clock.now() < until {
                    std::hint::spin_loop();
                }
                let begun = clock.now();
                let _ = black_box(queue.emit(black_box(&event)));
                times.push(clock.now().saturating_duration_since(begun));
            }
            times.sort_unstable();
            let typical = times[times.len() / 2];
            typical * u32::try_from(rounds).unwrap_or(u32::MAX)
        });
    });
    c.bench_function("sinks/queue_emit_by_8_threads", |b| {
        let queue = QueueSink::new(NoopEventSink, QueueConfig::default().capacity(ROOM));
        let (event, clock) = (event(), SystemClock);
        b.iter_custom(|rounds| {
            let begun = clock.now();
            thread::scope(|scope| {
                for _ in 0..8 {
                    let (queue, event) = (queue.clone(), event.clone());
                    scope.spawn(move || {
                        for _ in 0..rounds.div_ceil(8) {
                            let _ = black_box(queue.emit(&event));
                        }
                    });
                }
            });
            clock.now().saturating_duration_since(begun)
        });
    });
}
