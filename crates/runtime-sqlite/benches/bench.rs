//! Benchmarks of writing and importing events.

mod parts {
    #[path = "../parts/store.rs"]
    pub(crate) mod store;
}

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

use self::parts::store;

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

/// What a durable turn costs, beside the same of SQLite alone: an intent and an outcome, each committed.
fn appends(c: &mut Criterion) {
    let mut group = c.benchmark_group("store/append");
    group.throughput(Throughput::Elements(2));
    for durability in [SqliteDurability::Os, SqliteDurability::Sync] {
        let Some(place) = Place::new() else { return };
        let store = store::open(&place.0.join("threads.db"), durability);
        let Some(mut turns) = store.and_then(|store| store::Turns::of(&store, "t")) else { return };
        group.bench_function(BenchmarkId::new("two", format!("{durability:?}")), |b| {
            b.iter(|| turns.append(false));
        });
        // A model turn's intent is not waited for: it costs money at most once more.
        group.bench_function(BenchmarkId::new("turn", format!("{durability:?}")), |b| {
            b.iter(|| turns.append(true));
        });
        let Some(mut raw) = store::Raw::open(&place.0.join("raw.db"), durability) else { return };
        group.bench_function(BenchmarkId::new("raw_two", format!("{durability:?}")), |b| {
            b.iter(|| raw.two_commits());
        });
    }
    group.finish();
}

/// Sessions that share a store share its commits.
fn together(c: &mut Criterion) {
    let mut group = c.benchmark_group("store/together");
    group.sample_size(10);
    for sessions in [1_u64, 16, 64] {
        let Some(place) = Place::new() else { return };
        let Some(store) = store::open(&place.0.join("threads.db"), SqliteDurability::Sync) else {
            return;
        };
        let turns = (0..sessions).filter_map(|n| store::Turns::of(&store, &n.to_string()));
        let mut turns: Vec<_> = turns.collect();
        group.throughput(Throughput::Elements(2 * sessions));
        group.bench_function(BenchmarkId::from_parameter(sessions), |b| {
            b.iter(|| store::all_append(&mut turns));
        });
    }
    group.finish();
}

/// Reads a thread of ten thousand entries, page by page, and folds it: what a new life begins with.
fn replays(c: &mut Criterion) {
    let Some(place) = Place::new() else { return };
    let Some(store) = store::open(&place.0.join("threads.db"), SqliteDurability::Os) else {
        return;
    };
    let Some(mut turns) = store::Turns::of(&store, "t") else { return };
    for _ in 0..5_000 {
        turns.append(true);
    }
    let mut group = c.benchmark_group("store/replay");
    group.throughput(Throughput::Elements(10_000)).sample_size(20);
    group.bench_function("read", |b| b.iter(|| store::read_all(&store, black_box("t"), false)));
    group.bench_function("fold", |b| b.iter(|| store::read_all(&store, black_box("t"), true)));
    group.finish();
}

criterion_group!(benches, batches, imports, appends, together, replays);
criterion_main!(benches);
