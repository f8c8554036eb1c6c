//! Benchmarks of writing and importing events.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, SpanId, SpanOutcome};
use runtime_sinks::EventSink;
use runtime_sqlite::{SqliteDurability, SqliteSink};

/// The end of a turn, the event with the most columns.
fn event(session: &Arc<str>, seq: u64) -> Arc<AgentEvent> {
    let data = Data::new()
        .with("model", "gpt-5")
        .with("input_tokens", 1_200)
        .with("output_tokens", 340)
        .with("cost_usd", 0.004_900_5)
        .with("budget_remaining_usd", 4.2);
    let (name, status) = (AgentEventName::TurnCompleted, AgentEventStatus::Completed);
    let mut event = AgentEvent::new(name, status, DateTime::UNIX_EPOCH)
        .with_role("writer")
        .with_phase("draft")
        .with_span(SpanId::from_u64(seq), Some(SpanId::from_u64(1)))
        .with_outcome(SpanOutcome::Ok)
        .with_data(data);
    event.session_id = Some(Arc::clone(session));
    event.seq = Some(seq);
    event.elapsed = Some(Duration::from_millis(seq));
    Arc::new(event)
}

/// The folder of a database, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Option<Self> {
        let name = format!("runtime-sqlite-bench-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).ok()?;
        Some(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Emits batch after batch of new events.
fn batches(c: &mut Criterion) {
    let cases = [
        (SqliteDurability::Os, 1),
        (SqliteDurability::Os, 64),
        (SqliteDurability::Os, 512),
        (SqliteDurability::Sync, 1),
        (SqliteDurability::Sync, 64),
        (SqliteDurability::Sync, 512),
    ];
    let mut group = c.benchmark_group("sqlite/commit");
    for (durability, size) in cases {
        let Some(batch) = NonZeroUsize::new(size) else { continue };
        let Some(place) = Place::new() else { return };
        let options = SqliteSink::options().durability(durability).batch(batch);
        let Ok(log) = options.open(place.0.join("events.db")) else { return };
        let session: Arc<str> = "0123456789abcdef0123456789abcdef".into();
        let mut seq = 0;
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new(format!("{durability:?}"), size), |b| {
            let next = || {
                (0..size)
                    .map(|_| {
                        seq += 1;
                        event(&session, seq)
                    })
                    .collect::<Vec<_>>()
            };
            let write = |events: Vec<_>| {
                for event in &events {
                    let _ = log.emit(black_box(event));
                }
                events
            };
            b.iter_batched(next, write, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// Imports ten thousand events: all new, and all duplicates.
fn imports(c: &mut Criterion) {
    let session: Arc<str> = "0123456789abcdef0123456789abcdef".into();
    let lines: String = (1..=10_000).map(|seq| event(&session, seq).to_json() + "\n").collect();
    let mut group = c.benchmark_group("sqlite/import");
    group.throughput(Throughput::Elements(10_000)).sample_size(10);
    group.bench_function("new", |b| {
        b.iter_batched(
            || {
                let place = Place::new()?;
                let log = SqliteSink::open(place.0.join("events.db")).ok()?;
                Some((log, place))
            },
            |log| {
                if let Some((log, _)) = &log {
                    let _ = log.import(black_box(lines.as_bytes()));
                }
                log
            },
            BatchSize::PerIteration,
        );
    });
    let Some(place) = Place::new() else { return };
    let Ok(log) = SqliteSink::open(place.0.join("events.db")) else { return };
    let _ = log.import(lines.as_bytes());
    group.bench_function("there", |b| b.iter(|| log.import(black_box(lines.as_bytes()))));
    group.finish();
}

criterion_group!(benches, batches, imports);
criterion_main!(benches);
