//! A network that swallows what is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runtime_postgres::{PgConfig, PgStore};
use runtime_store::{Store, StoreError};
use test_postgres::Server;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::common::{append, hold, told};

/// A way to the server on which connections can be made to fall silent, without an end.
struct Way {
    port: u16,
    silence: watch::Sender<()>,
    /// Whether new connections are silent, too.
    closed: Arc<AtomicBool>,
}

impl Way {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silence, silent) = watch::channel(());
        let closed = Arc::new(AtomicBool::new(false));
        let stays = Arc::clone(&closed);
        tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                if stays.load(Ordering::Relaxed) {
                    kept.push(client);
                    continue;
                }
                let mut silent = silent.clone();
                silent.mark_unchanged();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        // Both ends stay open, and nothing comes through.
                        _ = silent.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { port, silence, closed }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_falls_silent_is_replaced() {
    let Some(server) = Server::start() else { return };
    PgStore::migrate(&server.url("postgres")).await.unwrap();
    let way = Way::to(server.port()).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", way.port);
    let config = PgConfig::new(url).timeout(Duration::from_millis(400));
    let store = PgStore::connect(config.clone()).await.unwrap();
    let lease = hold(&store, "t").await;
    append(&store, &lease, 0, "before").await.unwrap();

    way.silence.send_replace(());
    let late = append(&store, &lease, 1, "lost").await.unwrap_err();
    assert!(
        matches!(late, StoreError::Unavailable { attempted: "append to a thread", .. }),
        "{late:?}"
    );
    assert!(told(&late).contains("no answer within 0.4 s"), "{}", told(&late));
    // By another connection.
    append(&store, &lease, 1, "after").await.unwrap();

    // A server that takes connections and says nothing.
    way.closed.store(true, Ordering::Relaxed);
    way.silence.send_replace(());
    let late = PgStore::connect(config).await.unwrap_err();
    assert!(told(&late).contains("no answer within 0.4 s"), "{}", told(&late));
    for _ in 0..2 {
        assert!(store.runnable(1).await.is_err());
    }
    way.closed.store(false, Ordering::Relaxed);
    while store.runnable(1).await.is_err() {}
    append(&store, &lease, 2, "at last").await.unwrap();
    assert_eq!(store.read(&lease.thread, 0, 9).await.unwrap().len(), 3);
}
