//! A fleet whose server is killed, absent, or silent.

use std::time::Duration;

use runtime_fleet::conformance::{self, told};
use runtime_fleet::{Accounts as _, MemberId, Report, SharedState as _};
use runtime_redis::{RedisConfig, RedisFleet, RedisFleetError};
use runtime_usage::Usd;
use test_redis::Server;
use test_way::Way;

use crate::common::{HOUR, account, enforced, patient, prefix, several};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_money_is_granted_twice_when_the_server_is_killed() {
    // What is answered is on the disk.
    let Some(server) = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]) else {
        return;
    };
    let fleets = several(&server.url(), 3).await;
    let kill = || {
        server.kill();
        tokio::task::block_in_place(|| server.begin());
    };
    conformance::one_dollar_and_kills(&fleets, kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_at_the_start_is_there_later() {
    let Some(server) = Server::new(&[]) else { return };
    let config = RedisConfig::new(server.url()).timeout(Duration::from_millis(300));
    let fleet = RedisFleet::connect(config).await.unwrap();
    let begin = || tokio::task::block_in_place(|| server.begin());
    conformance::away_at_the_start(&fleet, || server.kill(), begin).await;
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_noticed_within_the_time_of_a_call() {
    let Some(server) = Server::start(&[]) else { return };
    let way = Way::to(server.port());
    let config = RedisConfig::new(format!("redis://127.0.0.1:{}", way.port()));
    let config = config.timeout(Duration::from_millis(400));
    let fleet = RedisFleet::connect(config.clone()).await.unwrap();
    conformance::silent(&fleet, || way.silence()).await;

    // A server that takes connections and says nothing is away at the start as well.
    way.close();
    let silent = RedisFleet::connect(config).await.unwrap();
    assert!(silent.pause("api", HOUR).await.unwrap_err().is_unavailable());
    way.open();
    while silent.pause("api", HOUR).await.is_err() {}
}

#[tokio::test]
async fn a_silent_connection_is_noticed_when_no_caller_waits_as_long() {
    let Some(server) = Server::start(&[]) else { return };
    let way = Way::to(server.port());
    let config = RedisConfig::new(format!("redis://127.0.0.1:{}", way.port()));
    let fleet = RedisFleet::connect(config).await.unwrap();
    let patience = async || tokio::time::sleep(Duration::from_millis(20)).await;
    conformance::impatient(&fleet, || way.silence(), patience).await;
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

#[tokio::test]
async fn a_server_that_has_no_memory_at_the_start_is_away_and_no_error() {
    let Some(server) = Server::start(&["--maxmemory", "1"]) else { return };
    let config = RedisConfig::new(server.url()).timeout(Duration::from_millis(500));
    let fleet = RedisFleet::connect(config).await.unwrap();
    let refused = fleet.pause("api", HOUR).await.unwrap_err();
    assert!(refused.is_unavailable() && told(&refused).contains("OOM"), "{}", told(&refused));
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    while fleet.pause("api", HOUR).await.is_err() {}
    server.cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert!(fleet.pause("api", HOUR * 2).await.unwrap_err().is_unavailable());
    server.cli(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    while fleet.pause("api", HOUR * 2).await.is_err() {}
}

#[tokio::test]
async fn a_tree_whose_key_somebody_else_has_harms_no_other() {
    let Some(server) = Server::start(&[]) else { return };
    let prefix = prefix();
    let fleet = RedisFleet::connect(patient(server.url()).prefix(&prefix)).await.unwrap();
    for name in ["a", "b"] {
        fleet.set(&account(name), &enforced(Usd::from_dollars(9))).await.unwrap();
    }
    let key = format!("{prefix}:accounts:{{a}}");
    server.cli(&["DEL", &key]);
    server.cli(&["SET", &key, "something"]);
    let report = Report {
        member: MemberId::new("one"),
        seq: 1,
        ttl: HOUR,
        breakers: Vec::new(),
        wants: Vec::new(),
        pauses: Vec::new(),
        bookings: ["a", "b"].map(|name| conformance::booking(name, "one")).into(),
    };
    let view = fleet.sync(&report).await.unwrap();
    let damaged = view.booked[0].as_ref().unwrap_err();
    assert!(!damaged.is_unavailable() && told(damaged).contains("WRONGTYPE"), "{damaged}");
    assert!(view.booked[1].is_ok());
}
