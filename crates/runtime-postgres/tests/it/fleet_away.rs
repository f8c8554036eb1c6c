//! A fleet whose database is killed, absent, or silent.

use std::time::Duration;

use runtime_fleet::SharedState as _;
use runtime_fleet::conformance::{self, Thing, refusal, told};
use runtime_postgres::{PgConfig, PgError, PgFleet, PgStore};
use test_postgres::Server;
use test_way::Way;

use crate::common::patient;
use crate::fleet::several;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_money_is_granted_twice_when_the_server_is_killed() {
    let Some(server) = Server::start() else { return };
    let fleets = several(patient(server.url("postgres")), 3).await;
    let kill = || {
        server.kill();
        tokio::task::block_in_place(|| server.begin());
    };
    conformance::one_dollar_and_kills(&fleets, kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_at_the_start_is_there_later() {
    let Some(server) = Server::start() else { return };
    let url = server.url("postgres");
    PgStore::migrate(&url).await.unwrap();
    server.stop();
    let config = PgConfig::new(&url).timeout(Duration::from_millis(300));
    let fleet = PgFleet::connect(config).await.unwrap();
    let begin = || tokio::task::block_in_place(|| server.begin());
    conformance::away_at_the_start(&fleet, || server.kill(), begin).await;
}

/// A standby that is not promoted yet, in the middle of a failover.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_only_reads_is_away_until_it_writes() {
    let Some(primary) = Server::start() else { return };
    PgStore::migrate(&primary.url("postgres")).await.unwrap();
    let standby = tokio::task::block_in_place(|| primary.standby(primary.port()));
    for push in ["yes", "no"] {
        let url = format!("{}?push={push}", standby.url("postgres"));
        let fleet = PgFleet::connect(&url).await.unwrap();
        let away = fleet.pause("api", HOUR).await.unwrap_err();
        let why = told(&away);
        assert!(why.contains("recovery") || why.contains("read-only"), "{why}");
        assert!(away.is_unavailable());
        if push == "no" {
            tokio::task::block_in_place(|| standby.promote());
            while fleet.pause("api", HOUR).await.is_err() {}
        }
    }
}

#[tokio::test]
async fn a_server_that_refuses_is_an_error_at_the_start() {
    let Some(url) = test_postgres::url() else { return };
    let absent = PgFleet::connect(url.replace("/postgres", "/nowhere").as_str()).await.unwrap_err();
    assert!(matches!(absent, PgError::Failed { .. }), "{absent:?}");
    let unmigrated = patient(url).schema(crate::common::schema());
    let unmigrated = PgFleet::connect(unmigrated).await.unwrap_err();
    assert!(matches!(unmigrated, PgError::Unmigrated { found: None, .. }), "{unmigrated:?}");
    let wrong =
        PgFleet::connect("postgres://x:hunter2@localhost/x?push=hunter2").await.unwrap_err();
    assert!(told(&wrong).contains("`push`") && !told(&wrong).contains("hunter2"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_falls_silent_is_noticed_within_the_time_of_a_call() {
    let Some(server) = Server::start() else { return };
    PgStore::migrate(&server.url("postgres")).await.unwrap();
    let way = Way::to(server.port());
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", way.port());
    let config = PgConfig::new(url).timeout(Duration::from_millis(400));
    let fleet = PgFleet::connect(config.clone()).await.unwrap();
    conformance::silent(&fleet, || way.silence()).await;

    // A server that takes connections and says nothing is away at the start as well.
    way.close();
    let silent = PgFleet::connect(config).await.unwrap();
    assert!(silent.pause("api", HOUR).await.unwrap_err().is_unavailable());
    way.open();
    while silent.pause("api", HOUR).await.is_err() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_noticed_when_no_caller_waits_as_long() {
    let Some(server) = Server::start() else { return };
    PgStore::migrate(&server.url("postgres")).await.unwrap();
    let way = Way::to(server.port());
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres?push=no", way.port());
    let fleet = PgFleet::connect(&url).await.unwrap();
    let patience = async || tokio::time::sleep(Duration::from_millis(20)).await;
    conformance::impatient(&fleet, || way.silence(), patience).await;
}

#[tokio::test]
async fn no_text_has_the_password() {
    let Some(server) = Server::start() else { return };
    let admin = crate::common::admin(&server.url("postgres")).await;
    let sql = "create role secret login superuser password 'hunter2'";
    admin.batch_execute(sql).await.unwrap();
    let url = server.url("secret:hunter2");
    PgStore::migrate(&url).await.unwrap();
    let config = PgConfig::new(&url).timeout(Duration::from_millis(300));
    let fleet = PgFleet::connect(config.clone()).await.unwrap();
    let wrong = PgFleet::connect(&server.url("secret:hunter2x")).await.unwrap_err();
    let mut texts = vec![format!("{fleet:?} {config:?}"), told(&wrong)];
    server.stop();
    texts.push(told(&fleet.open("api", 0, HOUR).await.unwrap_err()));
    texts.push(format!("{fleet:?}"));
    for text in &texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_password_that_changes_is_told_and_tried_for_ever() {
    let Some(server) = Server::start() else { return };
    let admin = crate::common::admin(&server.url("postgres")).await;
    let role = async |sql: &str| admin.batch_execute(sql).await.unwrap();
    role("create role secret login superuser password 'hunter2'").await;
    let url = server.url("secret:hunter2");
    PgStore::migrate(&url).await.unwrap();
    let config = PgConfig::new(&url).timeout(Duration::from_secs(1));
    let fleet = PgFleet::connect(config).await.unwrap();
    let pause = async || fleet.pause("api", HOUR).await;
    while pause().await.is_err() {}
    role("alter role secret password 'hunter3'").await;
    // While a connection lasts, nothing happens.
    while pause().await.is_err() {}
    role("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'secret'").await;
    let error = refusal(pause, "password authentication failed").await;
    assert!(error.is_unavailable() && !told(&error).contains("hunter"), "{}", told(&error));
    role("alter role secret password 'hunter2'").await;
    while pause().await.is_err() {}
}

/// Somebody has changed rows by hand: what cannot be read, and what undoes a call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_damaged_harms_no_other() {
    let Some(url) = test_postgres::url() else { return };
    let admin = crate::common::admin(url).await;
    let damages = [
        [
            "fleet_breaker set generation = -1 where name = 'bad'",
            "fleet_share set seq = 9223372036854775807, given = '{1}' where name = 'bad'",
            "fleet_limit set pause_until = 'infinity' where name = 'route bad'",
            "fleet_account set marks = '{-1}' where path = 'bad'",
        ],
        [
            "fleet_breaker set probe_until = 'infinity', probe_wait = 1 where name = 'bad'",
            "fleet_limit set members = 0 where name = 'bad'",
            "fleet_limit set pause_until = 'infinity' where name = 'route bad'",
            "fleet_grant set spent = -9223372036854775808 where account = 'bad'",
        ],
    ];
    for damages in damages {
        let schema = crate::common::schema();
        let fleet = crate::fleet::fresh_in(url, &schema).await;
        let damage = |thing: Thing| {
            let place = Thing::ALL.iter().position(|it| *it == thing).unwrap();
            let sql = format!("update {schema}.{}", damages[place]);
            let handle = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| handle.block_on(admin.batch_execute(&sql))).unwrap();
        };
        conformance::damaged(&fleet, damage).await;
    }
}
