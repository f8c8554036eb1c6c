//! The server is killed, stopped, and started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use runtime_fleet::conformance::{refusal, told};
use runtime_postgres::{PgConfig, PgError, PgStore};
use runtime_store::{Store, StoreDurability, StoreError};
use test_postgres::Server;

use crate::common::{append, hold, made, patient};

/// Appends until a thread has this many entries. Returns what was acknowledged, by number.
async fn write(
    store: PgStore,
    id: &str,
    until: u64,
    written: Arc<AtomicU64>,
) -> Vec<(u64, String)> {
    let lease = hold(&store, id).await;
    let (mut head, mut acknowledged) = (0, Vec::new());
    for attempt in 0_u32.. {
        if head >= until {
            return acknowledged;
        }
        let body = format!("{id} {attempt}");
        match append(&store, &lease, head, &body).await {
            Ok(()) => {
                head += 1;
                acknowledged.push((head, body));
                written.fetch_add(1, Ordering::Relaxed);
            }
            // It may have been made: only the store knows.
            Err(StoreError::Unavailable { attempted, .. }) => {
                assert_eq!(attempted, "append to a thread");
                head = loop {
                    match store.thread(&lease.thread).await {
                        Ok(thread) => break thread.unwrap().head,
                        Err(StoreError::Unavailable { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                };
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    unreachable!("it ends once it has written enough")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let Some(server) = Server::start() else { return };
    let url = server.url("postgres");
    PgStore::migrate(&url).await.unwrap();
    let store = PgStore::connect(patient(&url)).await.unwrap();
    let written = Arc::new(AtomicU64::new(0));
    let names = ["a", "b", "c", "d"];
    let writers =
        names.map(|name| tokio::spawn(write(store.clone(), name, 150, Arc::clone(&written))));
    for kills in 1..=3 {
        while written.load(Ordering::Relaxed) < 100 * kills {
            tokio::task::yield_now().await;
        }
        server.kill();
        tokio::task::block_in_place(|| server.begin());
    }
    for (name, acknowledged) in names.into_iter().zip(join_all(writers).await) {
        let stored = store.read(&crate::common::thread(name), 0, 1_000).await.unwrap();
        let numbers: Vec<_> = stored.iter().map(|stored| stored.seq).collect();
        assert_eq!(numbers, (1..=150).collect::<Vec<_>>(), "no gaps");
        for (seq, body) in acknowledged.unwrap() {
            let entry = &stored[usize::try_from(seq).unwrap() - 1].entry;
            assert_eq!(entry.body, body.as_bytes(), "entry {seq} of {name} was acknowledged");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_is_an_error_until_it_is_up() {
    let Some(server) = Server::start() else { return };
    let url = server.url("postgres");
    PgStore::migrate(&url).await.unwrap();
    server.stop();
    let down = PgStore::connect(&url).await.unwrap_err();
    assert!(matches!(down, PgError::Failed { .. }), "{down:?}");
    assert!(told(&down).contains("Connection refused"), "{}", told(&down));
    server.begin();
    let patient = PgStore::connect(patient(&url)).await.unwrap();
    hold(&patient, "t").await;
    let brief = PgConfig::new(&url).timeout(Duration::from_millis(300));
    let brief = made(async || PgStore::connect(brief.clone()).await).await;

    server.stop();
    let down = refusal(async || brief.runnable(None, None, 9).await, "Connection refused").await;
    assert!(matches!(down, StoreError::Unavailable { .. }), "{down:?}");
    assert!(down.to_string().contains("list threads that can run"), "{down}");
    // A call that may wait is made when the server is back.
    let waiting = tokio::spawn({
        let patient = patient.clone();
        async move { patient.threads(&[], None, 9).await }
    });
    tokio::task::block_in_place(|| server.begin());
    assert_eq!(waiting.await.unwrap().unwrap().len(), 1);
    assert_eq!(made(async || brief.threads(&[], None, 9).await).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_an_acknowledged_entry_survives() {
    let Some(server) = Server::start() else { return };
    let url = server.url("postgres");
    PgStore::migrate(&url).await.unwrap();
    let store = PgStore::connect(patient(&url)).await.unwrap();
    assert_eq!(store.durability(), StoreDurability::Synced);
    for (settings, durability) in [
        ("synchronous_standby_names = '*'", StoreDurability::Replicated),
        ("synchronous_commit = local", StoreDurability::Synced),
        ("synchronous_commit = off", StoreDurability::Os),
        (
            "synchronous_commit = on\nsynchronous_standby_names = ''\nfsync = off",
            StoreDurability::Os,
        ),
    ] {
        server.stop();
        server.configure(settings);
        server.begin();
        // The connection is made again, and looks at the settings again.
        while store.runnable(None, None, 1).await.is_err() {}
        assert_eq!(store.durability(), durability, "{settings}");
    }
}
