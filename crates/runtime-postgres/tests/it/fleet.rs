//! What the processes of a fleet share: the suite, pushes, and many at once.

use std::time::Duration;

use futures_util::future::{join, join_all};
use runtime_fleet::conformance::{self, told};
use runtime_fleet::{
    AccountPath, Accounts as _, Booking, OnLoss, Rules, SharedState as _, StateError,
};
use runtime_postgres::{PgConfig, PgError, PgFleet, PgStore};
use runtime_usage::Usd;
use test_postgres::{Bouncer, Server};

use crate::common::{admin, block_on, patient, schema};
use crate::roles::grants;

/// A fleet in a schema of its own.
async fn fresh(url: &str) -> PgFleet {
    fresh_with(patient(url)).await
}

async fn fresh_with(config: PgConfig) -> PgFleet {
    let config = config.schema(schema());
    PgStore::migrate(config.clone()).await.unwrap();
    PgFleet::connect(config).await.unwrap()
}

pub(crate) async fn fresh_in(url: &str, schema: &str) -> PgFleet {
    let config = patient(url).schema(schema);
    PgStore::migrate(config.clone()).await.unwrap();
    PgFleet::connect(config).await.unwrap()
}

/// Connections to one schema.
pub(crate) async fn several(config: PgConfig, count: usize) -> Vec<PgFleet> {
    let config = config.schema(schema());
    PgStore::migrate(config.clone()).await.unwrap();
    let fleets = join_all((0..count).map(|_| PgFleet::connect(config.clone()))).await;
    fleets.into_iter().map(Result::unwrap).collect()
}

#[test]
fn it_passes_the_suite_on_a_plain_thread() {
    let Some(url) = test_postgres::url() else { return };
    block_on(conformance::run(|| fresh(url)));
}

#[tokio::test]
async fn it_passes_the_suite_in_a_runtime_with_a_prepared_heartbeat() {
    let Some(url) = test_postgres::url() else { return };
    conformance::run(|| fresh_with(patient(url).prepared(true))).await;
}

#[tokio::test]
async fn many_go_on_where_transactions_are_serializable() {
    let Some(server) = Server::start() else { return };
    let strict = "alter database postgres set default_transaction_isolation to serializable";
    let url = server.url("postgres");
    admin(&url).await.batch_execute(strict).await.unwrap();
    let fleets = several(patient(&url), 8).await;
    conformance::one_probe_each_time(&fleets).await;
    conformance::parts_of_a_whole(&fleets).await;
    conformance::one_dollar(&fleets[..3], || {}).await;
}

#[tokio::test]
async fn it_passes_the_suite_through_pgbouncer_without_pushes() {
    let Some(server) = Server::start() else { return };
    let Some(bouncer) = Bouncer::start(&server) else { return };
    let url = format!("{}?push=no", bouncer.url());
    conformance::run(|| fresh(&url)).await;
    // More connections than the server has sessions for; and with pushes that nobody has switched off.
    for url in [url, bouncer.url()] {
        let fleets = several(patient(&url), 8).await;
        conformance::one_probe_each_time(&fleets).await;
        conformance::one_dollar(&fleets[..3], || {}).await;
    }
}

#[tokio::test]
async fn two_fleets_in_one_database_do_not_see_each_other() {
    let Some(url) = test_postgres::url() else { return };
    let (one, other) = (fresh(url).await, fresh(url).await);
    conformance::apart(&one, &other, &["api", "b:breaker:api", "a.b"]).await;
}

#[tokio::test]
async fn it_passes_the_suite_with_the_rights_of_the_guide() {
    let Some(url) = test_postgres::url() else { return };
    let admin = admin(url).await;
    let role = schema();
    admin.batch_execute(&format!("create role {role} login")).await.unwrap();
    let own = url.replacen("postgres://postgres@", &format!("postgres://{role}@"), 1);
    conformance::run(|| async {
        let schema = schema();
        PgStore::migrate(patient(url).schema(&schema)).await.unwrap();
        admin.batch_execute(&grants(&schema, &role)).await.unwrap();
        PgFleet::connect(patient(&own).schema(&schema)).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn many_get_one_probe_and_no_more_money_than_there_is() {
    let Some(url) = test_postgres::url() else { return };
    let fleets = several(patient(url), 10).await;
    conformance::one_probe_each_time(&fleets).await;
    conformance::parts_of_a_whole(&fleets).await;
    conformance::one_dollar(&fleets[..3], || {}).await;
}

pub(crate) fn account(path: &str) -> AccountPath {
    AccountPath::new(path).unwrap()
}

pub(crate) fn enforced(amount: Usd) -> Rules {
    Rules { amount, enforced: true, strict: false, marks: vec![80], on_loss: OnLoss::Spend }
}

#[tokio::test]
async fn changes_are_pushed_to_the_others() {
    let Some(url) = test_postgres::url() else { return };
    conformance::pushes(&several(patient(url), 2).await).await;
}

#[tokio::test]
async fn what_is_switched_off_is_not_pushed() {
    let Some(url) = test_postgres::url() else { return };
    let schema = schema();
    let config = patient(url).schema(&schema);
    PgStore::migrate(config.clone()).await.unwrap();
    let one = PgFleet::connect(config.clone()).await.unwrap();
    let two = PgFleet::connect(config.push(false)).await.unwrap();
    conformance::no_pushes(&one, &two).await;
}

#[tokio::test]
async fn the_disk_is_waited_for_where_money_is_granted() {
    let Some(url) = test_postgres::url() else { return };
    let schema = schema();
    let config = patient(url).schema(&schema);
    PgStore::migrate(config.clone()).await.unwrap();
    let fleet = PgFleet::connect(config).await.unwrap();
    fleet.set(&account("c"), &enforced(Usd::from_cents(100))).await.unwrap();
    let admin = admin(url).await;
    for (most, setting) in [(5, "on"), (0, "off")] {
        // The setting is seen from within the transaction alone.
        let call = format!(
            "begin; select {schema}.fleet_book('{{\"account\": \"c\", \"member\": \"x\", \"seq\": 1, \"heard\": 0, \
             \"granted\": 0, \"spent\": 1, \"estimated\": 0, \"returned\": 0, \"least\": 0, \"most\": {most}, \
             \"ttl\": 1000000}}')"
        );
        admin.batch_execute(&call).await.unwrap();
        let row = admin.query_one("show synchronous_commit", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), setting, "granted {most}");
        admin.batch_execute("rollback").await.unwrap();
    }
}

/// What a report looks at does not grow with the fleet: its own share and the sums, and never all shares.
#[tokio::test]
async fn a_report_looks_at_as_many_rows_in_a_fleet_of_any_size() {
    let Some(url) = test_postgres::url() else { return };
    let admin = admin(url).await;
    let mut looked_at = Vec::new();
    for members in [10, 100, 500] {
        let schema = schema();
        let config = patient(url).schema(&schema);
        PgStore::migrate(config.clone()).await.unwrap();
        let fleet = PgFleet::connect(config).await.unwrap();
        conformance::members_report(&fleet, members, 1).await;
        // Counts of tables, as of any moment, come late and are of all: those of a transaction are its own.
        let call = format!(
            "begin; select {schema}.fleet_sync('{{\"member\": \"m3\", \"seq\": 2, \"ttl\": 3600000000, \
             \"breakers\": [], \"pauses\": [], \"bookings\": [], \"wants\": [{{\"limit\": \"api\", \
             \"limits\": [1000000, null, null, null], \"applied\": [1, null, null, null], \
             \"demand\": [9984, null, null, null]}}]}}')"
        );
        admin.batch_execute(&call).await.unwrap();
        let rows = format!(
            "select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint \
             from pg_stat_xact_user_tables where schemaname = '{schema}'"
        );
        looked_at.push(admin.query_one(&rows, &[]).await.unwrap().get::<_, i64>(0));
        admin.batch_execute("rollback").await.unwrap();
    }
    // From 0 to 10,000 there are about 160 demands. A small table is read as a whole.
    assert!(looked_at.iter().all(|rows| *rows < 400), "rows looked at: {looked_at:?}");
}

/// Somebody has deleted its row: nothing would limit the money of those below any more.
#[tokio::test]
async fn an_account_that_is_not_there_limits_nobody_and_gives_nobody_money() {
    let Some(url) = test_postgres::url() else { return };
    let schema = schema();
    let fleet = fresh_in(url, &schema).await;
    let admin = admin(url).await;
    for (deleted, path) in [("c", "c/x"), ("d", "d")] {
        for path in [deleted, path] {
            fleet.set(&account(path), &enforced(Usd::from_cents(10))).await.unwrap();
        }
        let cents = Usd::from_cents(4);
        let mut one = Booking { seq: 1, ..conformance::booking(path, "one") };
        (one.least, one.most) = (cents, cents);
        one.granted = fleet.book(&one).await.unwrap().granted;
        let delete = format!("delete from {schema}.fleet_account where path = '{deleted}'");
        admin.batch_execute(&delete).await.unwrap();
        for more in [0, 1] {
            (one.seq, one.least) = (one.seq + 1, Usd::from_cents(more));
            one.most = one.least;
            let refused = fleet.book(&one).await.unwrap_err();
            assert!(matches!(refused, StateError::NoAccount { .. }), "{refused:?}");
        }
        // Set again, it has what its members hold.
        let state = fleet.set(&account(deleted), &enforced(Usd::from_cents(10))).await.unwrap();
        assert_eq!(state.granted, cents);
    }
}

/// Others that hold the account above wait for nobody who waits for them.
#[tokio::test]
async fn rules_are_changed_with_locks_from_the_top_to_the_bottom() {
    let Some(url) = test_postgres::url() else { return };
    let schema = schema();
    let config = patient(url).schema(&schema);
    PgStore::migrate(config.clone()).await.unwrap();
    let fleet = PgFleet::connect(config).await.unwrap();
    let (cents, below) = (Usd::from_cents(10), account("c/x"));
    for path in ["c", "c/x"] {
        fleet.set(&account(path), &enforced(cents)).await.unwrap();
    }
    // A grant whose time is over, which the change ends.
    let (least, most, ttl) = (cents, cents, Duration::ZERO);
    let over = Booking { least, most, ttl, seq: 1, ..conformance::booking("c/x", "one") };
    fleet.book(&over).await.unwrap();

    let (holder, admin) = (admin(url).await, admin(url).await);
    let lock = |path| {
        format!(
            "select 1 from {schema}.fleet_account where path = '{path}' for no key update nowait"
        )
    };
    holder.batch_execute(&format!("begin; {}", lock("c"))).await.unwrap();
    let meanwhile = async {
        let waits = format!(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' \
             and query like '%{schema}%fleet_set_account%'"
        );
        while admin.query_one(&waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {}
        let locked = holder.batch_execute(&lock("c/x")).await;
        holder.batch_execute("commit").await.unwrap();
        locked
    };
    let rules = enforced(Usd::from_cents(20));
    let (set, locked) = join(fleet.set(&below, &rules), meanwhile).await;
    locked.unwrap();
    assert_eq!(set.unwrap().rules, rules);
}

#[tokio::test]
async fn an_older_schema_says_what_to_do() {
    let Some(url) = test_postgres::url() else { return };
    let name = schema();
    let config = patient(url).schema(&name);
    PgStore::migrate(config.clone()).await.unwrap();
    admin(url).await.batch_execute(&format!("update {name}.meta set schema = 1")).await.unwrap();
    let older = PgFleet::connect(config).await.unwrap_err();
    let expected = PgError::Unmigrated { schema: name, found: Some(1), needed: 2 };
    assert_eq!(told(&older), told(&expected));
}

#[tokio::test]
async fn an_account_that_was_deleted_has_what_was_spent_once_it_is_set_anew() {
    let Some(url) = test_postgres::url() else { return };
    let (admin, name) = (admin(url).await, schema());
    let fleet = fresh_in(url, &name).await;
    let rules = || enforced(Usd::from_dollars(9));
    let path = |path: &str| path.parse::<AccountPath>().unwrap();
    let sums = async |account: &str| {
        let it = fleet.account(&path(account)).await.unwrap().unwrap();
        [it.spent, it.granted, Usd::from_dollars(it.members.into())]
    };
    let dollars = |all: [u64; 3]| all.map(Usd::from_dollars);
    let accounts = ["c", "c/x", "c/y"];
    for account in accounts {
        fleet.set(&path(account), &rules()).await.unwrap();
    }
    let mut one = conformance::booking("c/x", "one");
    (one.seq, one.granted, one.spent) = (1, Usd::from_dollars(3), Usd::from_dollars(2));
    fleet.book(&one).await.unwrap();
    for lost in ["path = 'c/x'", "true"] {
        admin
            .batch_execute(&format!("delete from {name}.fleet_account where {lost}"))
            .await
            .unwrap();
        for account in accounts {
            fleet.set(&path(account), &rules()).await.unwrap();
        }
        one.seq += 1;
        fleet.book(&one).await.unwrap();
        assert_eq!(sums("c").await, dollars([2, 1, 1]), "{lost}");
        assert_eq!(sums("c/x").await, dollars([2, 1, 1]), "{lost}");
        assert_eq!(sums("c/y").await, dollars([0, 0, 0]), "{lost}");
    }
    (one.seq, one.spent) = (one.seq + 1, Usd::from_dollars(1));
    fleet.book(&one).await.unwrap();
    assert_eq!(sums("c").await, dollars([1, 2, 1]), "a correction");
}

#[tokio::test]
async fn a_member_that_was_away_for_days_is_counted_once() {
    let Some(url) = test_postgres::url() else { return };
    let (admin, name) = (admin(url).await, schema());
    let fleet = fresh_in(url, &name).await;
    let company = "c".parse::<AccountPath>().unwrap();
    fleet.set(&company, &enforced(Usd::from_dollars(9))).await.unwrap();
    let mut one = conformance::booking("c", "one");
    (one.seq, one.granted, one.spent) = (1, Usd::from_dollars(2), Usd::from_dollars(2));
    fleet.book(&one).await.unwrap();
    let sleep = format!("update {name}.fleet_grant set until = until - interval '3 days'");
    admin.batch_execute(&sleep).await.unwrap();
    for seq in 1..=2 {
        fleet.book(&Booking { seq, ..conformance::booking("c", "two") }).await.unwrap();
    }
    one.seq += 1;
    fleet.book(&one).await.unwrap();
    let spent = async || fleet.account(&company).await.unwrap().unwrap().spent;
    assert_eq!(spent().await, Usd::from_dollars(2));

    // Of one that said farewell, nothing is kept after a day.
    (one.seq, one.ttl) = (one.seq + 1, Duration::ZERO);
    fleet.book(&one).await.unwrap();
    admin.batch_execute(&sleep).await.unwrap();
    assert_eq!(spent().await, Usd::from_dollars(2));
    let rows = format!("select count(*) from {name}.fleet_grant where member = 'one'");
    assert_eq!(admin.query_one(&rows, &[]).await.unwrap().get::<_, i64>(0), 0);
}
