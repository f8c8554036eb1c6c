//! The suite that every backend runs, on a plain thread and in a runtime, and many at once.

use futures_executor::block_on;
use runtime_fleet::conformance::{self, told};
use runtime_fleet::{Accounts as _, SharedState as _};
use runtime_redis::RedisFleet;
use runtime_usage::Usd;
use test_redis::Server;

use crate::common::{HOUR, account, enforced, fresh, patient, prefix, several};

#[test]
fn it_passes_the_suite_on_a_plain_thread() {
    let Some(url) = test_redis::url() else { return };
    block_on(conformance::run(|| fresh(url)));
}

#[tokio::test]
async fn it_passes_the_suite_in_a_runtime_without_pushes() {
    let Some(url) = test_redis::url() else { return };
    conformance::run(|| async {
        let config = patient(url).prefix(prefix()).push(false);
        RedisFleet::connect(config).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn many_get_one_probe_and_no_more_money_than_there_is() {
    let Some(url) = test_redis::url() else { return };
    let fleets = several(url, 10).await;
    conformance::one_probe_each_time(&fleets).await;
    conformance::parts_of_a_whole(&fleets).await;
    conformance::one_dollar(&fleets[..3], || {}).await;
}

/// Commands that an ACL lists for the application, from the guide.
fn rights(prefix: &str) -> String {
    let guide = include_str!("../../../../docs/fleet-backends.md");
    let block = guide.split("```text\n").find(|block| block.starts_with("ACL SETUSER"));
    let rights = block.and_then(|block| block.split("```").next()).unwrap();
    let rights = rights.split_once("on >PASSWORD").unwrap().1;
    rights
        .replace("techrevati:", &format!("{prefix}:"))
        .replace("&techrevati", &format!("&{prefix}"))
}

#[tokio::test]
async fn it_passes_the_suite_with_the_rights_of_the_guide() {
    let Some(server) = Server::start(&[]) else { return };
    let prefix = prefix();
    let rights = rights(&prefix);
    let mut set = vec!["ACL", "SETUSER", "app", "reset", "on", ">hunter2"];
    set.extend(rights.split_whitespace());
    assert_eq!(server.cli(&set), "OK\n");
    let url = format!("redis://app:hunter2@127.0.0.1:{}", server.port());
    let config = patient(&url).prefix(&prefix);
    let clean = || {
        server.cli(&["FLUSHALL"]);
        RedisFleet::connect(config.clone())
    };
    conformance::run(|| async { clean().await.unwrap() }).await;

    let other = RedisFleet::connect(config.prefix("other")).await.unwrap_err();
    assert!(
        told(&other).contains("no permissions") && !told(&other).contains("hunter2"),
        "{}",
        told(&other)
    );
}

#[tokio::test]
async fn sums_are_exact_beyond_what_a_number_of_lua_is() {
    let Some(url) = test_redis::url() else { return };
    let fleet = fresh(url).await;
    let amount = runtime_fleet::LARGEST_SUM;
    let state = fleet.set(&account("c"), &enforced(amount)).await.unwrap();
    assert_eq!(state.rules.amount, amount);
    let [some, more] = [9_007_199_254_740_993, 1].map(Usd::from_nanos);
    let booking = |seq, spent| {
        let booking = conformance::booking("c", "one");
        runtime_fleet::Booking { seq, spent, ..booking }
    };
    fleet.book(&booking(1, some)).await.unwrap();
    let booked = fleet.book(&booking(2, some.saturating_add(more))).await.unwrap();
    assert_eq!(booked.path[0].state.spent.nanos(), 9_007_199_254_740_994);
}

/// A heartbeat is a command for the member, and one for each breaker, limit, pause and account.
#[tokio::test]
async fn a_heartbeat_has_as_many_commands_as_it_has_parts() {
    let Some(server) = Server::start(&[]) else { return };
    let fleet = fresh(&server.url()).await;
    fleet.set(&account("c"), &enforced(Usd::from_cents(1))).await.unwrap();
    let calls = || {
        let stats = server.cli(&["INFO", "commandstats"]);
        let fcall = stats.lines().find_map(|line| line.strip_prefix("cmdstat_fcall:calls="));
        fcall.and_then(|rest| rest.split(',').next()?.parse::<u32>().ok()).unwrap()
    };
    let report = runtime_fleet::MemberReport {
        member: runtime_fleet::MemberId::new("one"),
        seq: 1,
        ttl: HOUR,
        breakers: vec!["a".into(), "b".into()],
        wants: Vec::new(),
        pauses: vec!["route".into()],
        bookings: Vec::new(),
    };
    let before = calls();
    fleet.sync(&report).await.unwrap();
    assert_eq!(calls() - before, 4);
}

/// What a report looks at does not grow with the fleet: its own member and the sums, and never all members.
#[tokio::test]
async fn a_report_looks_at_as_much_in_a_fleet_of_any_size() {
    let Some(server) = Server::start(&[]) else { return };
    let mut looked_at = Vec::new();
    for members in [10, 100, 1_000] {
        let prefix = prefix();
        let fleet = RedisFleet::connect(patient(server.url()).prefix(&prefix)).await.unwrap();
        conformance::members_report(&fleet, members, 1).await;
        server.cli(&["CONFIG", "RESETSTAT"]);
        conformance::members_report(&fleet, members, 2).await;
        let stats = server.cli(&["INFO", "commandstats"]);
        let calls = |command: &str| {
            let stat = format!("cmdstat_{command}:calls=");
            let line = stats.lines().find_map(|line| line.strip_prefix(&*stat));
            line.map_or(0, |rest| rest.split(',').next().unwrap().parse::<u64>().unwrap())
        };
        let sums = server.cli(&["HSTRLEN", &format!("{prefix}:limit:api"), "sums"]);
        looked_at.push(sums.trim().parse::<u64>().unwrap());
        assert_eq!((calls("hgetall"), calls("hget")), (0, 3 * members), "of {members} members");
    }
    // They have a number for each demand that there is, and from 0 to 10,000 there are about 160.
    assert!(looked_at.iter().all(|bytes| *bytes < 1_200), "bytes of the sums: {looked_at:?}");
}

#[tokio::test]
async fn functions_that_were_lost_are_loaded_again() {
    let Some(server) = Server::start(&[]) else { return };
    let fleet = fresh(&server.url()).await;
    fleet.pause("api", HOUR).await.unwrap();
    server.cli(&["FUNCTION", "FLUSH"]);
    fleet.pause("api", HOUR * 2).await.unwrap();
}

#[tokio::test]
async fn a_tree_whose_accounts_were_thrown_away_is_set_anew() {
    let Some(server) = Server::start(&[]) else { return };
    let prefix = prefix();
    let fleet = RedisFleet::connect(patient(&*server.url()).prefix(&prefix)).await.unwrap();
    let (company, below) = (account("c"), account("c/x"));
    let set = async |path| fleet.set(path, &enforced(Usd::from_dollars(9))).await.unwrap();
    let mut one = conformance::booking("c/x", "one");
    let mut dead = conformance::booking("c/x", "dead");
    (one.seq, dead.seq, dead.ttl) = (1, 1, std::time::Duration::from_micros(1));
    (dead.least, dead.most) = (Usd::from_dollars(1), Usd::from_dollars(1));
    for lost in ["accounts", "grants"] {
        set(&company).await;
        set(&below).await;
        one.spent = one.spent.saturating_add(Usd::from_dollars(1));
        (one.granted, one.seq) = (one.spent, one.seq + 1);
        fleet.book(&one).await.unwrap();
        // Its time is over with the next call.
        fleet.book(&dead).await.unwrap();
        server.cli(&["DEL", &format!("{prefix}:{lost}:{{c}}")]);
    }
    // Grants that were lost are told again, and an end without a grant harms nobody.
    one.seq += 1;
    fleet.book(&one).await.unwrap();
    server.cli(&["DEL", &format!("{prefix}:accounts:{{c}}")]);
    set(&company).await;
    set(&below).await;
    one.seq += 1;
    fleet.book(&one).await.unwrap();
    let state = fleet.account(&company).await.unwrap().unwrap();
    assert_eq!(state.spent, Usd::from_dollars(2), "what its member tells, once");
}

/// Somebody takes an account out of its tree by hand, and it is set again.
#[tokio::test]
async fn a_deleted_account_has_what_was_spent_once_it_is_set_anew() {
    let Some(server) = Server::start(&[]) else { return };
    let prefix = prefix();
    let fleet = RedisFleet::connect(patient(&*server.url()).prefix(&prefix)).await.unwrap();
    let rules = || enforced(Usd::from_dollars(9));
    let accounts = ["c", "c/x", "c/x/z", "c/y"].map(account);
    let set = async || {
        for account in &accounts {
            fleet.set(account, &rules()).await.unwrap();
        }
    };
    let sums = async |path: &str| {
        let it = fleet.account(&account(path)).await.unwrap().unwrap();
        [it.spent, it.granted, Usd::from_dollars(it.members.into())]
    };
    let dollars = |all: [u64; 3]| all.map(Usd::from_dollars);
    set().await;
    let mut one = conformance::booking("c/x/z", "one");
    (one.seq, one.granted, one.spent) = (1, Usd::from_dollars(3), Usd::from_dollars(2));
    fleet.book(&one).await.unwrap();
    for lost in [&["c/x/z"][..], &["c/x"], &["c/x", "c/y"], &["c"], &["c", "c/x", "c/x/z", "c/y"]] {
        let key = format!("{prefix}:accounts:{{c}}");
        server.cli(&[&["HDEL", &key], lost].concat());
        // Another one comes meanwhile, as the first of them.
        if !lost.contains(&"c") {
            fleet.set(&account("c/new"), &rules()).await.unwrap();
            assert_eq!(sums("c/new").await, dollars([0, 0, 0]), "{lost:?}");
        }
        set().await;
        for path in ["c", "c/x", "c/x/z"] {
            assert_eq!(sums(path).await, dollars([2, 1, 1]), "{lost:?}: {path}");
        }
        one.seq += 1;
        fleet.book(&one).await.unwrap();
        for (path, held) in [("c", 1), ("c/x", 1), ("c/x/z", 1), ("c/y", 0)] {
            assert_eq!(sums(path).await, dollars([2 * held, held, held]), "{lost:?}: {path}");
        }
    }
    // Its member is lost while the account is not there.
    (one.seq, one.ttl) = (one.seq + 1, std::time::Duration::from_micros(1));
    fleet.book(&one).await.unwrap();
    server.cli(&["HDEL", &format!("{prefix}:accounts:{{c}}"), "c/x"]);
    assert_eq!(sums("c").await, dollars([3, 0, 0]));
    set().await;
    assert_eq!(sums("c/x").await, dollars([3, 0, 0]));
}

/// As a server does that is short of memory and may throw away any key.
#[tokio::test]
async fn money_of_a_member_does_not_stay_held_if_its_end_was_thrown_away() {
    let Some(server) = Server::start(&[]) else { return };
    let prefix = prefix();
    let fleet = RedisFleet::connect(patient(&*server.url()).prefix(&prefix)).await.unwrap();
    let (company, dollar) = (account("c"), Usd::from_dollars(1));
    fleet.set(&company, &enforced(Usd::from_dollars(9))).await.unwrap();
    let mut dead = conformance::booking("c", "dead");
    (dead.seq, dead.least, dead.most) = (1, dollar, dollar);
    dead.ttl = std::time::Duration::from_millis(50);
    let mut one = conformance::booking("c", "one");
    one.seq = 1;
    fleet.book(&dead).await.unwrap();
    server.cli(&["DEL", &format!("{prefix}:ends:{{c}}")]);
    // Others go on, with ends of their own.
    while fleet.book(&one).await.unwrap().path[0].state.granted > Usd::ZERO {
        one.seq += 1;
    }
    let state = fleet.account(&company).await.unwrap().unwrap();
    assert_eq!((state.spent, state.estimated), (dollar, dollar));
}

#[tokio::test]
async fn a_member_that_was_away_for_days_is_counted_once() {
    let Some(server) = Server::start(&[]) else { return };
    let prefix = prefix();
    let fleet = RedisFleet::connect(patient(&*server.url()).prefix(&prefix)).await.unwrap();
    let company = account("c");
    fleet.set(&company, &enforced(Usd::from_dollars(9))).await.unwrap();
    let mut one = conformance::booking("c", "one");
    (one.seq, one.granted, one.spent) = (1, Usd::from_dollars(2), Usd::from_dollars(2));
    fleet.book(&one).await.unwrap();
    let sleep = "for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
        local grant = cmsgpack.unpack(redis.call('HGET', KEYS[1], id))
        grant.ends = grant.ends - 3 * 24 * 3600 * 1000000
        redis.call('HSET', KEYS[1], id, cmsgpack.pack(grant))
        redis.call('ZADD', KEYS[2], string.format('%.0f', grant.ends), id)
    end";
    let [grants, ends] = ["grants", "ends"].map(|part| format!("{prefix}:{part}:{{c}}"));
    let sleep = || server.cli(&["EVAL", sleep, "2", &grants, &ends]);
    sleep();
    let spent = async || fleet.account(&company).await.unwrap().unwrap().spent;
    // Its time ends with this call, and it would be forgotten with the next one.
    assert_eq!((spent().await, spent().await), (one.spent, one.spent));
    one.seq += 1;
    fleet.book(&one).await.unwrap();
    assert_eq!(spent().await, one.spent);

    // Of one that said farewell, nothing is kept after a day.
    (one.seq, one.ttl) = (one.seq + 1, std::time::Duration::ZERO);
    fleet.book(&one).await.unwrap();
    sleep();
    assert_eq!((spent().await, spent().await), (one.spent, one.spent));
    assert_eq!(server.cli(&["HLEN", &grants]), "0\n");
}
