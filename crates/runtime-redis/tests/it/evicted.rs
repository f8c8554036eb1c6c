//! A server that is short of memory throws keys away.

use std::time::Duration;

use runtime_fleet::{Accounts as _, Booking, SharedState as _, conformance};
use runtime_redis::RedisFleet;
use runtime_usage::Usd;
use test_redis::Server;

use crate::common::{account, enforced, patient, prefix};

const PARTS: [&str; 3] = ["accounts", "grants", "ends"];

fn dollars(count: u64) -> Usd {
    Usd::from_dollars(count)
}

/// A member that holds one dollar and has spent two.
fn one() -> Booking {
    let one = conformance::booking("c", "one");
    Booking { seq: 1, granted: dollars(3), spent: dollars(2), ..one }
}

/// Whatever goes of a tree, no more is left of it than there is: but for what only members knew that are gone, if nothing
/// has it any more.
#[tokio::test]
async fn what_is_thrown_away_of_a_tree_is_still_known_or_counts_twice() {
    let Some(server) = Server::start(&[]) else { return };
    // What is spent and held in the end, after `one` has told its books again, and `gone` does not.
    for (lost, spent, held) in [
        (&["ends"][..], 2, 2),
        (&["accounts"], 2, 2),
        (&["accounts", "ends"], 2, 2),
        (&["grants"], 4, 3),
        (&["grants", "ends"], 4, 3),
        // What `gone` held.
        (&["accounts", "grants"], 2, 1),
        (&PARTS, 2, 1),
    ] {
        let prefix = prefix();
        let fleet = RedisFleet::connect(patient(server.url()).prefix(&prefix)).await.unwrap();
        let (company, mut one) = (account("c"), one());
        let set = async || fleet.open_account(&company, &enforced(dollars(9))).await.unwrap();
        set().await;
        fleet.book(&one).await.unwrap();
        let gone = conformance::booking("c", "gone");
        fleet.book(&Booking { seq: 1, granted: dollars(1), ..gone }).await.unwrap();
        for part in lost {
            assert_eq!(server.cli(&["DEL", &format!("{prefix}:{part}:{{c}}")]).trim(), "1");
        }
        set().await;
        one.seq += 1;
        fleet.book(&one).await.unwrap();
        let state = fleet.account(&company).await.unwrap().unwrap();
        assert_eq!((state.spent, state.granted), (dollars(spent), dollars(held)), "{lost:?}");
    }
}

/// With a real server that is full.
#[tokio::test]
async fn a_server_that_evicts_forgets_nothing_that_its_members_tell() {
    let options = [
        "--maxmemory",
        "6mb",
        "--maxmemory-policy",
        "allkeys-lru",
        "--enable-debug-command",
        "yes",
    ];
    let Some(server) = Server::start(&options) else { return };
    let prefix = prefix();
    let fleet = RedisFleet::connect(patient(server.url()).prefix(&prefix)).await.unwrap();
    let (company, mut one) = (account("c"), one());
    let mut gone = 0;
    for round in 1..=20 {
        fleet.open_account(&company, &enforced(dollars(9))).await.unwrap();
        one.ttl = Duration::from_secs(3_600);
        one.seq += 1;
        fleet.book(&one).await.unwrap();
        let state = fleet.account(&company).await.unwrap().unwrap();
        assert!(state.spent >= dollars(2) && state.granted >= dollars(1), "{state:?}");
        let keys = PARTS.map(|part| format!("{prefix}:{part}:{{c}}"));
        for filler in 0..20 {
            let name = format!("filler-{round}-{filler}");
            server.cli(&["DEBUG", "POPULATE", "2000", &name, "1000"]);
            let there = server.cli(&["EXISTS", &keys[0], &keys[1], &keys[2]]);
            if there.trim() != "3" {
                gone += 1;
                break;
            }
        }
    }
    assert!(gone > 5, "hardly anything was thrown away");
}
