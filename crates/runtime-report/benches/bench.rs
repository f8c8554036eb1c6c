//! Benchmarks of this crate: from a log to each of its projections.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use runtime_events::AgentEvent;
use runtime_report::PageConfig;
use runtime_report::Timeline;

#[path = "../tests/it/common.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod common;

fn projections(c: &mut Criterion) {
    let events: Vec<AgentEvent> = common::long(10_000);
    c.bench_function("report/read_10k_events", |b| {
        b.iter(|| Timeline::read(black_box(&events)));
    });
    c.bench_function("report/read_and_html_10k_events", |b| {
        b.iter(|| Timeline::read(black_box(&events)).html(&PageConfig::default()));
    });
    let timeline = Timeline::read(&events);
    c.bench_function("report/html_10k_events", |b| {
        b.iter(|| timeline.html(&PageConfig::default()));
    });
    let died = Timeline::read(common::dying(15_000));
    c.bench_function("report/html_15k_events_100_agents", |b| {
        b.iter(|| died.html(&PageConfig::default()));
    });
    c.bench_function("report/chrome_10k_events", |b| b.iter(|| timeline.chrome_trace()));
}

criterion_group!(benches, projections);
criterion_main!(benches);
