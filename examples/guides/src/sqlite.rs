//! The code of `docs/sqlite.md`.
#![expect(clippy::print_stdout, reason = "a guide shows what there is to see")]

use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use techrevati_runtime::durable::Durable;
use techrevati_runtime::prelude::*;
use techrevati_runtime::sqlite::{
    SqliteConfig, SqliteDurability, SqliteReader, SqliteSink, SqliteStore,
};
use techrevati_runtime::store::{Store as _, StoreDurability};

// What the guide does not show.
use std::fs;
use std::path::Path;

async fn a_run_is_in_the_database(path: &Path) -> Result<(), BoxError> {
    let log = Arc::new(SqliteSink::open(path)?);
    let orchestrator = Orchestrator::new("writer", "draft").event_sink(Arc::clone(&log));
    let session = orchestrator.session()?;
    let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(1_200, 340));
    session.run_turn(turn, || async { Ok::<_, BoxError>("a draft") }).await?;
    session.complete()?;

    let written = log.books().written;
    let reader = log.reader()?;
    let kept = reader.events(session.id()).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(kept.len() as u64, written);
    Ok(())
}

fn a_log_is_imported(path: &Path, run: &Path) -> Result<(), BoxError> {
    let log = SqliteSink::options()
        .durability(SqliteDurability::Sync)
        .batch(NonZeroUsize::new(512).ok_or("a batch has events")?)
        .linger(Duration::from_millis(200))
        .open(path)?;

    let mut file = File::create(run)?;
    let lines = log.reader()?.export(&mut file)?;
    let file = BufReader::new(File::open(run)?);
    let imported = log.import(file)?;
    println!("{} new, {} known, {} torn", imported.new, imported.duplicates, imported.torn);
    assert_eq!((imported.new, imported.duplicates), (0, lines));
    Ok(())
}

fn sessions_are_read_back(path: &Path) -> Result<(), BoxError> {
    let reader = SqliteReader::open(path)?;
    for session in reader.sessions()? {
        println!("{} cost {}", session.session_id, session.cost);
        for event in reader.events(&session.session_id) {
            println!("  {}", event?.event);
        }
    }
    Ok(())
}

fn threads_are_kept(path: &Path) -> Result<(), BoxError> {
    let store = SqliteStore::open(path)?;
    assert_eq!(store.durability(), StoreDurability::Synced);
    let durable = Durable::new(Orchestrator::new("writer", "draft"), store);

    drop(durable);
    let settings = SqliteConfig::default().durability(SqliteDurability::Os).max_bytes(1 << 30);
    let store = SqliteStore::open_with(path, settings)?;
    assert_eq!(store.durability(), StoreDurability::Os);
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    let folder = std::env::temp_dir().join(format!("guide-sqlite-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let path = folder.join("events.db");
    a_run_is_in_the_database(&path).await?;
    a_log_is_imported(&path, &folder.join("run.jsonl"))?;
    sessions_are_read_back(&path)?;
    threads_are_kept(&folder.join("agents.db"))?;
    fs::remove_dir_all(folder)?;
    Ok(())
}
