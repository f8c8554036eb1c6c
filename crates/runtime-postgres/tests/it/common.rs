//! Schemas of the tests' own, and what they write there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use runtime_postgres::{PgConfig, PgStore};
use runtime_store::{Append, Claim, Entry, EntryKind, Lease, Store, StoreError, ThreadId};
use tokio_postgres::{Client, NoTls};

/// The name of a schema that no other test has.
pub(crate) fn schema() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A database that has time for each call, on whatever machine this is. A test of what happens when the time is over
/// has its own.
pub(crate) fn patient(url: impl Into<String>) -> PgConfig {
    PgConfig::new(url).timeout(Duration::from_secs(60))
}

/// What a call returns once it is answered in time.
pub(crate) async fn made<T, E>(call: impl AsyncFn() -> Result<T, E>) -> T {
    loop {
        if let Ok(value) = call().await {
            return value;
        }
    }
}

/// A store in a schema of its own.
pub(crate) async fn fresh(url: &str) -> PgStore {
    let config = patient(url).schema(schema());
    PgStore::migrate(config.clone()).await.unwrap();
    PgStore::connect(config).await.unwrap()
}

/// Waits for a future on this thread, without any runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

/// A connection for what no store does. For tests with a runtime.
pub(crate) async fn admin(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) fn thread(id: &str) -> ThreadId {
    ThreadId::new(id).unwrap()
}

pub(crate) fn claim(ttl: Duration) -> Claim {
    Claim { holder: "test".into(), code: "1".into(), role: None, ttl }
}

pub(crate) async fn hold(store: &PgStore, id: &str) -> Lease {
    store.acquire(&thread(id), &claim(Duration::from_secs(60))).await.unwrap().0
}

pub(crate) fn note(body: &str) -> Entry {
    let body = body.as_bytes().to_vec();
    Entry { kind: EntryKind::LIFE, version: 1, step: None, print: None, body }
}

pub(crate) async fn append(
    store: &PgStore,
    lease: &Lease,
    head: u64,
    body: &str,
) -> Result<(), StoreError> {
    let entries = [note(body)];
    store
        .append(
            lease,
            Append { head, entries: &entries, approval: None, relaxed: false, role: None },
        )
        .await
}
