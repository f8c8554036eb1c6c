//! A fleet whose server is killed, absent, or silent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join;
use runtime_fleet::{Change, SharedState as _, StateError, conformance};
use runtime_redis::{RedisConfig, RedisFleet, RedisFleetError};
use test_redis::Server;
use test_way::Way;

use crate::common::{HOUR, several, told, watch};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_money_is_granted_twice_when_the_server_is_killed() {
    // What is answered is on the disk.
    let Some(server) = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]) else {
        return;
    };
    let fleets = several(&server.url(), 3).await;
    let answers = AtomicU64::new(0);
    let told = || {
        answers.fetch_add(1, Ordering::Relaxed);
    };
    let killed = async {
        for kills in 1..=3 {
            while answers.load(Ordering::Relaxed) < 100 * kills {
                tokio::task::yield_now().await;
            }
            server.kill();
            tokio::task::block_in_place(|| server.begin());
        }
    };
    join(conformance::one_dollar(&fleets, told), killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_at_the_start_is_there_later() {
    let Some(server) = Server::new(&[]) else { return };
    let config = RedisConfig::new(server.url()).timeout(Duration::from_millis(300));
    let fleet = RedisFleet::connect(config).await.unwrap();
    let (_heard, mut changes) = watch(&fleet);
    let away = fleet.open("api", 0, HOUR).await.unwrap_err();
    assert!(away.is_unavailable() && told(&away).contains("Connection refused"), "{}", told(&away));
    assert!(changes.try_recv().is_err());

    tokio::task::block_in_place(|| server.begin());
    while fleet.open("api", 0, HOUR).await.is_err() {}
    assert_eq!(changes.recv().await, Some(Change::Connected));
    assert!(matches!(changes.recv().await, Some(Change::Breaker { .. })));

    // It subscribes again after each connection.
    server.kill();
    tokio::task::block_in_place(|| server.begin());
    while fleet.open("other", 0, HOUR).await.is_err() {}
    assert_eq!(changes.recv().await, Some(Change::Connected));
    assert!(matches!(changes.recv().await, Some(Change::Breaker { .. })));
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_noticed_within_the_time_of_a_call() {
    let Some(server) = Server::start(&[]) else { return };
    let way = Way::to(server.port());
    let config = RedisConfig::new(format!("redis://127.0.0.1:{}", way.port()));
    let config = config.timeout(Duration::from_millis(400));
    let fleet = RedisFleet::connect(config.clone()).await.unwrap();
    let (_heard, mut changes) = watch(&fleet);
    fleet.open("api", 0, HOUR).await.unwrap();
    assert!(matches!(changes.recv().await, Some(Change::Breaker { .. })));

    way.silence();
    let late = fleet.open("api", 0, HOUR * 2).await.unwrap_err();
    assert!(
        matches!(late, StateError::Unavailable { attempted: "open a breaker", .. }),
        "{late:?}"
    );
    assert!(told(&late).contains("no answer within 0.4 s"), "{}", told(&late));
    // By another connection, which listens.
    fleet.open("api", 0, HOUR * 3).await.unwrap();
    assert_eq!(changes.recv().await, Some(Change::Connected));
    assert!(matches!(changes.recv().await, Some(Change::Breaker { .. })));

    // A server that takes connections and says nothing is away at the start as well.
    way.close();
    let silent = RedisFleet::connect(config).await.unwrap();
    assert!(silent.pause("api", HOUR).await.unwrap_err().is_unavailable());
    way.open();
    while silent.pause("api", HOUR).await.is_err() {}
}

#[tokio::test]
async fn a_server_that_refuses_is_an_error_at_the_start() {
    let Some(server) = Server::start(&["--requirepass", "swordfish"]) else { return };
    for password in ["hunter2", ""] {
        let url = format!("redis://:{password}@127.0.0.1:{}", server.port());
        let refused = RedisFleet::connect(&url).await.unwrap_err();
        assert!(matches!(refused, RedisFleetError::Failed { .. }), "{refused:?}");
        assert!(!told(&refused).contains("hunter2"), "{refused:?}");
    }
    let config = RedisConfig::new(server.url()).password("swordfish");
    RedisFleet::connect(config).await.unwrap();
}
