//! What the processes of a fleet share: the suite, pushes, and many at once.

use futures_util::future::join_all;
use runtime_fleet::conformance::{self, told};
use runtime_fleet::{AccountPath, Accounts as _, OnLoss, Rules, StateError};
use runtime_postgres::{PgConfig, PgError, PgFleet, PgStore};
use runtime_usage::Usd;
use test_postgres::{Bouncer, Server};

use crate::common::{admin, block_on, schema};
use crate::roles::grants;

/// A fleet in a schema of its own.
async fn fresh(url: &str) -> PgFleet {
    fresh_with(PgConfig::new(url)).await
}

async fn fresh_with(config: PgConfig) -> PgFleet {
    let config = config.schema(schema());
    PgStore::migrate(config.clone()).await.unwrap();
    PgFleet::connect(config).await.unwrap()
}

/// Connections to one schema.
pub(crate) async fn several(url: &str, count: usize) -> Vec<PgFleet> {
    let config = PgConfig::new(url).schema(schema());
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
    conformance::run(|| fresh_with(PgConfig::new(url).prepared(true))).await;
}

#[tokio::test]
async fn it_passes_the_suite_through_pgbouncer_without_pushes() {
    let Some(server) = Server::start() else { return };
    let Some(bouncer) = Bouncer::start(&server) else { return };
    let url = format!("{}?push=no", bouncer.url());
    conformance::run(|| fresh(&url)).await;
    let fleets = several(&url, 8).await;
    conformance::one_probe_each_time(&fleets).await;
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
        PgStore::migrate(PgConfig::new(url).schema(&schema)).await.unwrap();
        admin.batch_execute(&grants(&schema, &role)).await.unwrap();
        PgFleet::connect(PgConfig::new(&own).schema(&schema)).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn many_get_one_probe_and_no_more_money_than_there_is() {
    let Some(url) = test_postgres::url() else { return };
    let fleets = several(url, 10).await;
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
    conformance::pushes(&several(url, 2).await).await;
}

#[tokio::test]
async fn what_is_switched_off_is_not_pushed() {
    let Some(url) = test_postgres::url() else { return };
    let schema = schema();
    let config = PgConfig::new(url).schema(&schema);
    PgStore::migrate(config.clone()).await.unwrap();
    let one = PgFleet::connect(config.clone()).await.unwrap();
    let two = PgFleet::connect(config.push(false)).await.unwrap();
    conformance::no_pushes(&one, &two).await;
}

#[tokio::test]
async fn the_disk_is_waited_for_where_money_is_granted() {
    let Some(url) = test_postgres::url() else { return };
    let schema = schema();
    let config = PgConfig::new(url).schema(&schema);
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

#[tokio::test]
async fn an_amount_that_the_database_cannot_keep_is_refused() {
    let Some(url) = test_postgres::url() else { return };
    let fleet = fresh(url).await;
    let refused = fleet.set(&account("c"), &enforced(Usd::MAX)).await.unwrap_err();
    assert!(matches!(refused, StateError::TooLarge { .. }), "{refused:?}");
    assert!(refused.to_string().contains("account `c`"), "{refused}");
}

#[tokio::test]
async fn an_older_schema_says_what_to_do() {
    let Some(url) = test_postgres::url() else { return };
    let name = schema();
    let config = PgConfig::new(url).schema(&name);
    PgStore::migrate(config.clone()).await.unwrap();
    admin(url).await.batch_execute(&format!("update {name}.meta set schema = 1")).await.unwrap();
    PgStore::connect(config.clone()).await.unwrap();
    let older = PgFleet::connect(config).await.unwrap_err();
    let expected = PgError::Unmigrated { schema: name, found: Some(1), needed: 2 };
    assert_eq!(told(&older), told(&expected));
}
