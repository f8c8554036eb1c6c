//! Our own turns and tools, and what their databases alone take.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_durable::{Durable, DurableSession, Run};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_postgres::{PgConfig, PgStore};
use runtime_sqlite::{SqliteConfig, SqliteDurability, SqliteStore};
use runtime_store::Store;
use runtime_usage::UsageSnapshot;
use rusqlite::Connection;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

use crate::Figures;

const ROUNDS: usize = 500;
/// The turns of a conversation, each with as many new bytes.
const TURNS: usize = 1_000;
const CONTENT: usize = 600;

pub fn measure(folder: &Path, postgres: Option<&str>) -> Figures {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut figures = Figures::new();
    for durability in [SqliteDurability::Os, SqliteDurability::Sync] {
        sqlite(&runtime, folder, durability, &mut figures);
    }
    if let Some(url) = postgres {
        on_postgres(&runtime, url, &mut figures);
    }
    conversation(&runtime, folder, &mut figures);
    figures
}

fn orchestrator() -> Orchestrator {
    Orchestrator::new("bench", "turns").max_iterations(1_000_000)
}

/// A file that is not there yet.
fn fresh(folder: &Path, name: &str) -> std::path::PathBuf {
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.join(format!("{name}{end}")));
    }
    folder.join(name)
}

/// A text that does not compress.
fn content() -> String {
    (0..CONTENT).map(|_| fastrand::alphanumeric()).collect()
}

fn turn() -> Turn<String> {
    Turn::model("gpt-5").usage(UsageSnapshot::new(100, 10))
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads real time")]
async fn timed<T>(future: impl Future<Output = T>) -> f64 {
    let start = Instant::now();
    let _ = std::hint::black_box(future.await);
    start.elapsed().as_secs_f64() * 1e6
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Runs a thread that measures, and returns what it has measured.
async fn in_thread(
    durable: &Durable,
    thread: &str,
    body: impl AsyncFnOnce(&DurableSession) -> Result<(), BoxError>,
) {
    let run = Box::pin(durable.run(thread, body)).await;
    assert!(matches!(run, Ok(Run::Done(_))), "the thread ends");
}

/// All in turns, so that each meets the same disk and the same neighbours.
fn sqlite(runtime: &Runtime, folder: &Path, durability: SqliteDurability, figures: &mut Figures) {
    let synced = durability == SqliteDurability::Sync;
    let (on, synchronous) = if synced { ("sqlite synced", "FULL") } else { ("sqlite", "NORMAL") };
    let path = fresh(folder, "bench.db");
    let config = SqliteConfig::default().durability(durability);
    let store = SqliteStore::open_with(path, config).expect("a store");
    let raw = Connection::open(fresh(folder, "raw.db")).expect("a database");
    let made = raw.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
        CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB)"
    ));
    made.expect("a table");
    let durable = Durable::new(orchestrator(), store);
    let (mut plain, mut commits, mut turns) = (Vec::new(), Vec::new(), Vec::new());
    let session = orchestrator().session().expect("a session");
    let bodies = [content()[..100].to_owned(), content()];
    runtime.block_on(in_thread(&durable, "bench", async |lived| {
        for _ in 0..ROUNDS {
            let text = content();
            let call = || async { Ok::<_, BoxError>(text.clone()) };
            plain.push(timed(session.run_turn(turn(), call)).await);
            commits.push(
                timed(async {
                    for body in &bodies {
                        let insert = raw.prepare_cached("INSERT INTO entry (body) VALUES (?1)");
                        insert.expect("a statement").execute([body]).expect("a commit");
                    }
                })
                .await,
            );
            turns.push(timed(lived.run_turn(turn(), call)).await);
        }
        Ok(())
    }));
    figures.insert("plain turn".into(), median(plain));
    figures.insert(format!("{on}: two raw commits"), median(commits));
    figures.insert(format!("{on}: durable turn"), median(turns));
}

fn on_postgres(runtime: &Runtime, url: &str, figures: &mut Figures) {
    runtime.block_on(async {
        let config = PgConfig::new(url).schema("bench");
        PgStore::migrate(config.clone()).await.expect("a schema");
        let (raw, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
        tokio::spawn(connection);
        let table = "create table raw (id bigserial primary key, body bytea)";
        raw.batch_execute(table).await.expect("a table");
        let insert = "insert into raw (body) values ($1)";
        let insert = raw.prepare(insert).await.expect("a statement");
        for (name, prepared) in [("durable tool", false), ("durable tool, prepared", true)] {
            let store = PgStore::connect(config.clone().prepared(prepared)).await;
            let durable = Durable::new(orchestrator(), store.expect("a store"));
            let (mut commits, mut tools, mut turns) = (Vec::new(), Vec::new(), Vec::new());
            let text = content();
            in_thread(&durable, name, async |session| {
                for number in 0..ROUNDS {
                    commits.push(timed(raw.execute(&insert, &[&text.as_bytes()])).await);
                    let pay = ToolCall::new("pay").call_id(number.to_string());
                    let call = async |_| Ok::<_, BoxError>(text.clone());
                    let pay = session.run_tool(pay.effect(Effect::Keyed), call);
                    tools.push(timed(pay).await);
                    let call = || async { Ok::<_, BoxError>(text.clone()) };
                    turns.push(timed(session.run_turn(turn(), call)).await);
                }
                Ok(())
            })
            .await;
            figures.insert("postgres: raw commit".into(), median(commits));
            figures.insert(format!("postgres: {name}"), median(tools));
            figures.insert(format!("postgres: {}", name.replace("tool", "turn")), median(turns));
        }
    });
}

/// A conversation: its bytes in the file, and how long its entries take to be answered again.
fn conversation(runtime: &Runtime, folder: &Path, figures: &mut Figures) {
    let path = fresh(folder, "conversation.db");
    // A life has four commits, whatever it answers again: here they wait for no disk.
    let config = SqliteConfig::default().durability(SqliteDurability::Os);
    let store = SqliteStore::open_with(&path, config).expect("a store");
    let store: Arc<dyn Store> = Arc::new(store);
    let durable =
        Durable::shared(orchestrator(), Arc::clone(&store)).lease(Duration::from_secs(60));
    let body = async |session: &DurableSession| {
        for _ in 0..TURNS {
            session.run_turn(turn(), || async { Ok::<_, BoxError>(content()) }).await?;
        }
        Err::<(), BoxError>("it goes on".into())
    };
    runtime.block_on(async {
        let first = Box::pin(durable.run("talk", body)).await;
        assert!(first.is_err(), "it goes on");
        let entries = f64::from(u32::try_from(2 * TURNS).unwrap_or(u32::MAX));
        let mut replays = Vec::new();
        for _ in 0..9 {
            replays.push(timed(Box::pin(durable.run("talk", body))).await / entries);
        }
        figures.insert("replay of an entry".into(), median(replays));
    });
    drop(durable);
    drop(store);
    let bytes = fs::metadata(&path).expect("a file").len();
    figures.insert("sqlite: bytes of 1,000 turns".into(), bytes_as(bytes));
}

fn bytes_as(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}
