//! Logs: by what an emission waits for, and by how many share a write.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use runtime_events::AgentEvent;
use runtime_sinks::{Durability, EventSink, JsonlConfig, JsonlSink, LogReader};

use crate::event;

/// A log of its own in the temporary folder, while `run` lasts.
fn with_log(durability: Durability, run: impl FnOnce(JsonlSink, PathBuf)) {
    let name = format!("runtime-sinks-bench-{}.jsonl", std::process::id());
    let path = std::env::temp_dir().join(name);
    if let Ok(log) = JsonlConfig::default().durability(durability).create(&path) {
        run(log, path.clone());
    }
    let _ = std::fs::remove_file(path);
}

pub(crate) fn files(c: &mut Criterion) {
    c.bench_function("sinks/serialise", |b| {
        let (event, mut line) = (event(), Vec::new());
        b.iter(|| {
            line.clear();
            let _ = serde_json::to_writer(&mut line, black_box(&*event));
            line.len()
        });
    });
    logs(c);
    c.bench_function("sinks/read_a_thousand", |b| {
        with_log(Durability::Os, |log, path| {
            let _ = log.emit_all(&vec![event(); 1_000]);
            let open = || LogReader::open(&path).into_iter();
            b.iter_batched(open, |reader| reader.flatten().count(), BatchSize::SmallInput);
        });
    });
}

fn logs(c: &mut Criterion) {
    let mut group = c.benchmark_group("sinks/jsonl");
    let modes =
        [("memory", Durability::Memory), ("os", Durability::Os), ("sync", Durability::Sync)];
    for (name, durability) in modes {
        with_log(durability, |log, _| {
            let event = event();
            if durability == Durability::Sync {
                group.sample_size(10);
            }
            group.throughput(Throughput::Elements(1));
            group.bench_function(name, |b| b.iter(|| log.emit(black_box(&event))));
        });
    }
    let batches = [
        ("os_256", Durability::Os, 256),
        ("sync_256", Durability::Sync, 256),
        ("sync_1024", Durability::Sync, 1024),
    ];
    for (name, durability, many) in batches {
        with_log(durability, |log, _| {
            let events: Vec<Arc<AgentEvent>> = vec![event(); many];
            group.throughput(Throughput::Elements(many as u64));
            group.bench_function(name, |b| b.iter(|| log.emit_all(black_box(&events))));
        });
    }
    group.finish();
}
