//! A fleet whose server is killed, absent, or silent.

use std::time::Duration;

use runtime_fleet::conformance::{self, Thing, told};
use runtime_fleet::{Accounts as _, MemberReport, SharedState as _, StateError};
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

/// At a key is something of another type, or a hash that has other things.
#[tokio::test]
async fn a_key_that_somebody_else_has_harms_no_other() {
    let Some(server) = Server::start(&[]) else { return };
    for is_hash in [false, true] {
        let prefix = prefix();
        let fleet = RedisFleet::connect(patient(server.url()).prefix(&prefix)).await.unwrap();
        let damage = |thing| {
            let (key, field) = match thing {
                Thing::Breaker => ("breaker:bad", "probe_until"),
                Thing::Limit => ("limit:bad", "sums"),
                // What is no time there is no pause.
                Thing::Pause => ("limit:route bad", ""),
                Thing::Account => ("accounts:{bad}", "bad"),
            };
            let key = format!("{prefix}:{key}");
            if is_hash && !field.is_empty() {
                server.cli(&["HSET", &key, field, "9"]);
            } else {
                server.cli(&["DEL", &key]);
                server.cli(&["SET", &key, "something"]);
            }
        };
        conformance::damaged(&fleet, damage).await;
    }
}

/// What is of the whole fleet, and no breaker, limit or account of it needs.
#[tokio::test]
async fn a_key_of_the_fleet_that_somebody_else_has_harms_that_alone() {
    let Some(server) = Server::start(&[]) else { return };
    let prefix = prefix();
    let set = |key: &str| server.cli(&["SET", &format!("{prefix}:{key}"), "something"]);
    let config = patient(server.url()).prefix(&prefix);
    // A connection reads the last of them.
    for key in ["members:", "trees:", "limit:"] {
        set(key);
    }
    let fleet = RedisFleet::connect(config).await.unwrap();
    fleet.set(&account("c"), &enforced(Usd::from_dollars(9))).await.unwrap();
    let booking = conformance::booking("c", "one");
    let (breakers, wants, pauses, bookings) = Default::default();
    let mut report = MemberReport {
        member: booking.member.clone(),
        seq: 1,
        ttl: HOUR,
        breakers,
        wants,
        pauses,
        bookings,
    };
    report.bookings.push(booking);
    let view = fleet.sync(&report).await.unwrap();
    let error = view.members.unwrap_err();
    assert!(matches!(error, StateError::Corrupt { .. }), "{error:?}");
    assert!(view.booked[0].is_ok(), "{:?}", view.booked);
    fleet.account(&account("c")).await.unwrap().unwrap();
    let error = fleet.accounts().await.unwrap_err();
    assert!(error.to_string().contains("list `trees`"), "{error}");
    // Nothing that somebody else has put there is deleted.
    assert_eq!(server.cli(&["GET", &format!("{prefix}:members:")]).trim(), "something");
    server.cli(&["DEL", &format!("{prefix}:members:"), &format!("{prefix}:trees:")]);
    assert_eq!(fleet.sync(&report).await.unwrap().members.ok(), Some(1));
}
