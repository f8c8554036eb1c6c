//! Benchmarks of a store, beside what the server alone takes.
#![expect(clippy::unwrap_used, reason = "a benchmark panics if it fails")]

mod fleet;

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use runtime_postgres::{PgConfig, PgStore};
use runtime_store::{Append, Claim, Entry, EntryKind, Lease, Step, StepKind, StepName, Store};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Statement};

/// Waits for a future on this thread, without a runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

/// A connection of `tokio-postgres` on this thread, with prepared statements.
struct Raw {
    runtime: Runtime,
    client: Client,
    one: Statement,
    insert: Statement,
    update: [Statement; 2],
}

impl Raw {
    fn new(url: &str, schema: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (client, one, insert, update) = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            let table = format!("create table {schema}.raw (id bigserial primary key, body bytea)");
            client.batch_execute(&table).await.unwrap();
            let one = client.prepare("select 1").await.unwrap();
            let insert = format!("insert into {schema}.raw (body) values ($1)");
            let insert = client.prepare(&insert).await.unwrap();
            let row = format!(
                "create table {schema}.row (n bigint); insert into {schema}.row values (0)"
            );
            client.batch_execute(&row).await.unwrap();
            // One statement, as a function is.
            let update = async |relaxed| {
                let settings =
                    if relaxed { "set_config('synchronous_commit', 'off', true)" } else { "''" };
                let update = format!("update {schema}.row set n = n + 1 returning {settings}");
                client.prepare(&update).await.unwrap()
            };
            let update = [update(true).await, update(false).await];
            (client, one, insert, update)
        });
        Self { runtime, client, one, insert, update }
    }

    fn select(&self) {
        black_box(self.runtime.block_on(self.client.query(&self.one, &[])).unwrap());
    }

    fn commit(&self) {
        let body = BODY.as_slice();
        self.runtime.block_on(self.client.execute(&self.insert, &[&body])).unwrap();
    }
}

impl Raw {
    fn update(&self, relaxed: bool) {
        let statement = &self.update[usize::from(!relaxed)];
        self.runtime.block_on(self.client.query(statement, &[])).unwrap();
    }
}

const BODY: [u8; 300] = [b'x'; 300];

/// A thread that is written to.
struct Writer {
    store: PgStore,
    lease: Lease,
    head: u64,
}

impl Writer {
    fn new(store: PgStore, thread: &str) -> Self {
        let ttl = Duration::from_secs(3_600);
        let claim = Claim { holder: "bench".into(), code: "1".into(), role: None, ttl };
        let (lease, _) = block_on(store.acquire(&thread.parse().unwrap(), &claim)).unwrap();
        Self { store, lease, head: 0 }
    }

    fn append(&mut self, kind: EntryKind, relaxed: bool) {
        let name =
            StepName { kind: StepKind::Tool, name: "pay".into(), scope: "".into(), keyed: true };
        let key = (self.head / 2).to_string();
        let Step { key, print, .. } = Step::keyed(name, &serde_json::Value::Null, (0, &key));
        let (step, print) = (Some(key), Some(print));
        let entries = [Entry { kind, version: 1, step, print, body: BODY.to_vec() }];
        let append =
            Append { head: self.head, entries: &entries, approval: None, relaxed, role: None };
        block_on(self.store.append(&self.lease, append)).unwrap();
        self.head += 1;
    }

    /// An intent, then its outcome: what a tool costs that must not be called twice.
    fn tool(&mut self) {
        self.append(EntryKind::INTENT, false);
        self.append(EntryKind::OUTCOME, false);
    }
}

fn append(c: &mut Criterion) {
    let Some(url) = test_postgres::url() else { return };
    let schema = format!("bench{}", std::process::id());
    let config = PgConfig::new(url).schema(&schema);
    block_on(PgStore::migrate(config.clone())).unwrap();
    let mut writer = Writer::new(block_on(PgStore::connect(config.clone())).unwrap(), "bench");
    let prepared = block_on(PgStore::connect(config.prepared(true))).unwrap();
    let mut prepared = Writer::new(prepared, "prepared");
    let raw = Raw::new(url, &schema);

    c.bench_function("postgres/select 1", |b| b.iter(|| raw.select()));
    c.bench_function("postgres/raw commit", |b| b.iter(|| raw.commit()));
    c.bench_function("postgres/append", |b| b.iter(|| writer.append(EntryKind::LIFE, false)));
    c.bench_function("postgres/append relaxed", |b| {
        b.iter(|| writer.append(EntryKind::LIFE, true));
    });
    compare(&raw, &mut writer, &mut prepared);
    fleet::compare(&raw, &PgConfig::new(url).schema(&schema));
}

/// All in turns, so that each meets the same disk and the same neighbours; prints medians and ratios.
#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn compare(raw: &Raw, writer: &mut Writer, prepared: &mut Writer) {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 3 } else { 1_000 };
    let mut times = [const { Vec::new() }; 8];
    // An outcome needs a step that has none: so tools begin with an even number of entries.
    if writer.head % 2 == 1 {
        writer.append(EntryKind::LIFE, true);
    }
    for _ in 0..rounds {
        times[0].push(timed(|| raw.select()));
        times[1].push(timed(|| raw.commit()));
        times[2].push(timed(|| writer.append(EntryKind::LIFE, false)));
        times[3].push(timed(|| writer.append(EntryKind::LIFE, true)));
        times[4].push(timed(|| writer.tool()));
        times[5].push(timed(|| prepared.append(EntryKind::LIFE, false)));
        times[6].push(timed(|| prepared.append(EntryKind::LIFE, true)));
        times[7].push(timed(|| prepared.tool()));
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    let names = [
        "select 1",
        "raw commit",
        "append",
        "append relaxed",
        "intent and outcome",
        "append, prepared",
        "append relaxed, prepared",
        "intent and outcome, prepared",
    ];
    for (name, median) in names.into_iter().zip(medians) {
        let (select, commit) = (median / medians[0], median / medians[1]);
        println!(
            "postgres/{name}: {median:.0} µs, {select:.2} x select 1, {commit:.2} x raw commit"
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn timed(call: impl FnOnce()) -> Duration {
    let start = Instant::now();
    call();
    start.elapsed()
}

criterion_group!(benches, append);
criterion_main!(benches);
