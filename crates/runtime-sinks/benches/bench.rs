//! Benchmarks of this crate: what a sink adds to an event.

mod parts {
    #[path = "../parts/files.rs"]
    pub(crate) mod files;
    #[path = "../parts/queue.rs"]
    pub(crate) mod queue;
}

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use runtime_events::{AgentEvent, Data};
use runtime_sinks::{
    DEFAULT_RING_CAPACITY, EventFanOut, EventSink, RingBufferEventSink, RingBufferUsageSink,
    UsageRecord, UsageSink,
};
use runtime_usage::{UsageSnapshot, Usd};

fn event() -> Arc<AgentEvent> {
    let data = Data::new().with("model", "gpt-5").with("output_tokens", 120);
    Arc::new(AgentEvent::completed("writer", "draft").with_project(42).with_data(data))
}

fn rings(c: &mut Criterion) {
    c.bench_function("sinks/ring_emit_full", |b| {
        let (ring, event) = (RingBufferEventSink::new(), event());
        for _ in 0..DEFAULT_RING_CAPACITY.get() {
            let _ = ring.emit(&event);
        }
        b.iter(|| ring.emit(black_box(&event)));
    });
    c.bench_function("sinks/usage_ring_record_full", |b| {
        let ring = RingBufferUsageSink::new();
        let record = UsageRecord::new("gpt-5", UsageSnapshot::new(1_200, 80), Usd::from_cents(1));
        for _ in 0..DEFAULT_RING_CAPACITY.get() {
            let _ = ring.record(&record);
        }
        b.iter(|| ring.record(black_box(&record)));
    });
    c.bench_function("sinks/fan_out_to_three_rings", |b| {
        let ring = RingBufferEventSink::new;
        let (all, event) = (EventFanOut::new().with(ring()).with(ring()).with(ring()), event());
        b.iter(|| all.emit(black_box(&event)));
    });
}

criterion_group!(benches, rings, parts::files::files, parts::queue::queues);
criterion_main!(benches);
