//! A network that swallows what is sent.

use std::time::Duration;

use runtime_fleet::conformance::told;
use runtime_postgres::{PgConfig, PgStore};
use runtime_store::{Store, StoreError};
use test_postgres::Server;
use test_way::Way;

use crate::common::{append, hold, made, patient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_falls_silent_is_replaced() {
    let Some(server) = Server::start() else { return };
    PgStore::migrate(&server.url("postgres")).await.unwrap();
    let way = Way::to(server.port());
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", way.port());
    // Past the way, with time.
    let patient = PgStore::connect(patient(server.url("postgres"))).await.unwrap();
    let lease = hold(&patient, "t").await;
    append(&patient, &lease, 0, "before").await.unwrap();
    let config = PgConfig::new(url).timeout(Duration::from_millis(400));
    let store = made(async || PgStore::connect(config.clone()).await).await;
    made(async || store.runnable(None, None, 1).await).await;

    way.silence();
    let late = append(&store, &lease, 1, "lost").await.unwrap_err();
    assert!(
        matches!(late, StoreError::Unavailable { attempted: "append to a thread", .. }),
        "{late:?}"
    );
    assert!(told(&late).contains("no answer within 0.4 s"), "{}", told(&late));
    // By another connection.
    made(async || store.runnable(None, None, 1).await).await;

    // A server that takes connections and says nothing.
    way.close();
    let late = PgStore::connect(config).await.unwrap_err();
    assert!(told(&late).contains("no answer within 0.4 s"), "{}", told(&late));
    while store.runnable(None, None, 1).await.is_ok() {}
    assert!(store.runnable(None, None, 1).await.is_err());
    way.open();
    made(async || store.runnable(None, None, 1).await).await;
    append(&patient, &lease, 1, "at last").await.unwrap();
    assert_eq!(patient.read(&lease.thread, 0, 9).await.unwrap().len(), 2);
}
