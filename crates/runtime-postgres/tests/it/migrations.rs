//! Schemas that are absent, older, newer.

use std::time::Duration;

use futures_util::future::{join_all, try_join};
use runtime_fleet::{AccountPath, Accounts as _, Rules, SharedState as _};
use runtime_postgres::{PgConfig, PgError, PgFleet, PgStore};
use runtime_store::{Append, Entry, EntryKind, Lease, Leave, Store, Stuck};
use runtime_usage::{Limit, Usd};
use tokio_postgres::Client;

use crate::common::{admin, append, claim, hold, note, patient, schema, thread};

#[tokio::test]
async fn an_absent_schema_says_how_it_is_made() {
    let Some(url) = test_postgres::url() else { return };
    let config = patient(url).schema(schema());
    let absent = PgStore::connect(config.clone()).await.unwrap_err();
    assert!(matches!(absent, PgError::Unmigrated { found: None, .. }), "{absent:?}");
    assert!(absent.to_string().contains("techrevati migrate"), "{absent}");
    // The option of the URL names it, too.
    PgStore::migrate(config).await.unwrap();
    let named = format!("{url}?schema={}", schema());
    let absent = PgStore::connect(&named).await.unwrap_err();
    assert!(matches!(absent, PgError::Unmigrated { found: None, .. }), "{absent:?}");
    PgStore::migrate(&named).await.unwrap();
    PgStore::connect(&named).await.unwrap();
}

#[tokio::test]
async fn many_migrate_at_once_and_one_of_them_does_it() {
    let Some(url) = test_postgres::url() else { return };
    let config = patient(url).schema(schema());
    for migrated in join_all((0..5).map(|_| PgStore::migrate(config.clone()))).await {
        migrated.unwrap();
    }
    PgStore::connect(config).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_used_if_it_allows_that() {
    let Some(url) = test_postgres::url() else { return };
    let name = schema();
    let config = patient(url).schema(&name);
    PgStore::migrate(config.clone()).await.unwrap();
    let store = PgStore::connect(config.clone()).await.unwrap();
    let lease = hold(&store, "t").await;
    let admin = admin(url).await;
    let run = async |sql: &str| {
        admin.batch_execute(&sql.replace("@.", &format!("{name}."))).await.unwrap();
    };
    let version = async || {
        let sql = format!("select schema, min_reader from {name}.meta");
        let row = admin.query_one(&sql, &[]).await.unwrap();
        (row.get::<_, i32>(0), row.get::<_, i32>(1))
    };
    assert_eq!(version().await, (8, 1));

    // The older half of a rolling deploy writes while the newer one migrates.
    let additive = "begin;
        alter table @.thread add column note text not null default '';
        alter table @.entry add column note text;
        create function @.append_noted(p_thread text) returns void language sql as 'select';
        update @.meta set schema = 9, min_reader = 1;
        commit";
    let writing = async {
        for head in 0..50 {
            append(&store, &lease, head, "old").await?;
        }
        Ok::<_, runtime_store::StoreError>(())
    };
    try_join(writing, async {
        run(additive).await;
        Ok(())
    })
    .await
    .unwrap();
    let again = PgStore::connect(config.clone()).await.unwrap();
    append(&again, &lease, 50, "new").await.unwrap();
    assert_eq!(again.read(&thread("t"), 0, 100).await.unwrap().len(), 51);
    assert_eq!(again.thread(&thread("t")).await.unwrap().unwrap().head, 51);
    PgStore::migrate(config.clone()).await.unwrap();
    assert_eq!(version().await, (9, 1), "an older program leaves it");

    run("update @.meta set min_reader = 9").await;
    for refused in
        [PgStore::connect(config.clone()).await.map(drop), PgStore::migrate(config.clone()).await]
    {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, PgError::Newer { found: 9, known: 8, .. }), "{refused:?}");
        assert!(refused.to_string().contains("update this program"), "{refused}");
    }

    run("update @.meta set schema = 0, min_reader = 0").await;
    let older = PgStore::connect(config.clone()).await.unwrap_err();
    assert!(matches!(older, PgError::Unmigrated { found: Some(0), .. }), "{older:?}");
    assert!(older.to_string().contains("techrevati migrate"), "{older}");
}

#[tokio::test]
async fn a_schema_may_have_the_name_of_a_word_of_sql() {
    let Some(url) = test_postgres::url() else { return };
    for name in ["order", "user", "authorization"] {
        let config = patient(url).schema(name);
        PgStore::migrate(config.clone()).await.unwrap();
        hold(&PgStore::connect(config).await.unwrap(), "t").await;
        let drop = format!("drop schema \"{name}\" cascade");
        admin(url).await.batch_execute(&drop).await.unwrap();
    }
}

#[tokio::test]
async fn names_of_schemas_are_checked() {
    for name in ["", "Agents", "a b", "a\"b", "1a", "pg_x", "a;drop", "ä", &"a".repeat(64)] {
        let config = PgConfig::new("postgres://x@localhost:1/x").schema(name);
        let error = PgStore::connect(config).await.unwrap_err();
        let named = error.to_string().contains(&format!("{name:?}"));
        assert!(matches!(error, PgError::Config { .. }) && named, "{error}");
    }
}

/// A schema of version 2 as it was before threads had roles.
async fn schema_2(admin: &Client, name: &str) {
    let sql = [
        include_str!("../../src/schema/v1.sql"),
        include_str!("../../src/schema/v2.sql"),
        include_str!("../../src/schema/fleet.sql"),
        include_str!("../../src/schema/fleet_accounts.sql"),
        "insert into @.meta (schema, min_reader, written_by) values (2, 1, 'an earlier program')",
    ];
    let sql = sql.join("\n").replace("@.", &format!("{name}."));
    admin.batch_execute(&format!("create schema {name};\n{sql}")).await.unwrap();
}

/// Appends as programs of that version do.
async fn append_as_before(admin: &Client, name: &str, (head, kind): (i64, i16)) {
    let sql = format!(
        "select {name}.append('draft', 1, 60000000, $1, array[$2]::smallint[], array[1]::smallint[], \
         array[null]::bytea[], array[null]::bytea[], array['{{}}']::bytea[], null, null, false)"
    );
    admin.query(&sql, &[&head, &kind]).await.unwrap();
}

/// The threads that an agent of this role can take.
async fn runnable(store: &PgStore, role: &str) -> Vec<String> {
    store.runnable(Some(role), None, 9).await.unwrap().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_schema_without_roles_is_migrated_while_older_programs_go_on() {
    let Some(url) = test_postgres::url() else { return };
    let admin = admin(url).await;
    // For a while, the schema had the column, under the same number.
    for had in ["select", "alter table @.thread add column role text"] {
        let name = schema();
        let config = patient(url).schema(&name);
        schema_2(&admin, &name).await;
        admin.batch_execute(&had.replace("@.", &format!("{name}."))).await.unwrap();
        let hold = format!("select * from {name}.acquire('draft', 'older', '1', 60000000)");
        admin.query(&hold, &[]).await.unwrap();
        append_as_before(&admin, &name, (0, 1)).await;

        let older = PgStore::connect(config.clone()).await.unwrap_err();
        assert!(matches!(older, PgError::Unmigrated { found: Some(2), .. }), "{older:?}");
        assert!(older.to_string().contains("techrevati migrate"), "{older}");
        PgStore::migrate(config.clone()).await.unwrap();
        let store = PgStore::connect(config.clone()).await.unwrap();
        assert_eq!(store.read(&thread("draft"), 0, 9).await.unwrap().len(), 1);
        append_as_before(&admin, &name, (1, 1)).await;
        assert_eq!(store.thread(&thread("draft")).await.unwrap().unwrap().head, 2);

        let give_back = format!("select {name}.release('draft', 1, 1::smallint, null)");
        admin.query(&give_back, &[]).await.unwrap();
        assert_eq!(runnable(&store, "clerk").await, ["draft"]);
        let lease = hold_and_hand_over(&store, "editor").await;
        store.release(&lease, Leave::Runnable).await.unwrap();
        assert_eq!(runnable(&store, "clerk").await, [""; 0]);
        assert_eq!(runnable(&store, "editor").await, ["draft"]);
    }
}

async fn hold_and_hand_over(store: &PgStore, role: &str) -> Lease {
    let lease = hold(store, "draft").await;
    let entries = [Entry { kind: EntryKind::CHECKPOINT, ..note("{}") }];
    let role = Some(role);
    let append = Append { head: 2, entries: &entries, approval: None, relaxed: false, role };
    store.append(&lease, append).await.unwrap();
    lease
}

/// What a fleet does that the functions of an earlier build did not.
async fn lowered_limit_is_told(fleet: &PgFleet, account: &str) -> Vec<u16> {
    let path: AccountPath = account.parse().unwrap();
    let set = async |dollars| {
        let rules = Rules::of(&Limit::enforced(Usd::from_dollars(dollars)));
        fleet.set(&path, &rules).await.unwrap();
    };
    let mut booking = runtime_fleet::conformance::booking(account, "one");
    set(100).await;
    (booking.seq, booking.granted) = (1, Usd::from_dollars(60));
    booking.spent = booking.granted;
    fleet.book(&booking).await.unwrap();
    set(70).await;
    (booking.seq, booking.heard) = (2, 1);
    fleet.book(&booking).await.unwrap().path.remove(0).marks
}

#[tokio::test]
async fn functions_of_an_earlier_build_are_replaced() {
    let Some(url) = test_postgres::url() else { return };
    let (admin, name) = (admin(url).await, schema());
    let config = patient(url).schema(&name);
    PgStore::migrate(config.clone()).await.unwrap();
    let run = async |sql: &str| {
        admin.batch_execute(&sql.replace("@.", &format!("{name}."))).await.unwrap();
    };
    let older = "create or replace function @.fleet_set_account(
            p_path text, p_amount bigint, p_enforced boolean, p_strict boolean, p_marks integer[], p_on_loss smallint,
            p_changes boolean
        ) returns jsonb language plpgsql as $$
        begin
          insert into @.fleet_account (path, amount, enforced, strict, marks, on_loss)
            values (p_path, p_amount, p_enforced, p_strict, p_marks, p_on_loss)
            on conflict (path) do update set amount = p_amount;
          return (select told from @.fleet_accounts(p_path) as told);
        end $$;";
    // One that said nothing of its functions, and one that did.
    for (account, said) in [
        ("a", "drop function @.fleet_functions()"),
        (
            "b",
            "create or replace function @.fleet_functions() returns text language sql as 'select $$0$$'",
        ),
    ] {
        run(&format!("{older} {said}")).await;
        let fleet = PgFleet::connect(config.clone()).await.unwrap();
        assert_eq!(lowered_limit_is_told(&fleet, &format!("{account}1")).await, [0; 0]);
        PgStore::migrate(config.clone()).await.unwrap();
        // On the same connection, while programs go on.
        assert_eq!(lowered_limit_is_told(&fleet, &format!("{account}2")).await, [80]);
    }

    // A migration that finds them as they are replaces nothing, so who may not replace them may migrate.
    let made =
        "select max(xmin::text::bigint) from pg_proc where pronamespace = '@.'::regnamespace";
    let made = made.replace("@.", &name);
    let before: i64 = admin.query_one(&made, &[]).await.unwrap().get(0);
    PgStore::migrate(config.clone()).await.unwrap();
    assert_eq!(admin.query_one(&made, &[]).await.unwrap().get::<_, i64>(0), before);

    // Those of a newer version are left alone.
    run(&format!("{older} update @.meta set schema = 8, min_reader = 1")).await;
    PgStore::migrate(config.clone()).await.unwrap();
    let fleet = PgFleet::connect(config).await.unwrap();
    assert_eq!(lowered_limit_is_told(&fleet, "c").await, [0; 0]);
}

#[tokio::test]
async fn programs_of_schema_4_go_on_and_leave_a_stuck_thread_alone() {
    let Some(url) = test_postgres::url() else { return };
    let (admin, name) = (admin(url).await, schema());
    let config = PgConfig::new(url).schema(&name);
    let sql = [
        include_str!("../../src/schema/v1.sql"),
        include_str!("../../src/schema/v2.sql"),
        include_str!("../../src/schema/v3.sql"),
        include_str!("../../src/schema/v4.sql"),
        include_str!("../../src/schema/fleet.sql"),
        include_str!("../../src/schema/fleet_accounts.sql"),
        "insert into @.meta (schema, min_reader, written_by) values (4, 1, 'an earlier program')",
    ];
    let sql = sql.join("\n").replace("@.", &format!("{name}."));
    admin.batch_execute(&format!("create schema {name};\n{sql}")).await.unwrap();
    let older = async |call: &str| {
        let rows = admin.query(&format!("select * from {name}.{call}"), &[]).await.unwrap();
        rows.len()
    };
    assert_eq!(older("acquire('t', 'older', '1', 60000000)").await, 1);
    PgStore::migrate(config.clone()).await.unwrap();
    let store = PgStore::connect(config).await.unwrap();
    assert_eq!(store.thread(&thread("t")).await.unwrap().unwrap().stuck, None);
    older("release('t', 1, 1::smallint, null)").await;
    assert_eq!(older("runnable(null, 9)").await, 1);

    for stuck in [true, false] {
        let (lease, _) =
            store.acquire(&thread("t"), &claim(Duration::from_secs(60))).await.unwrap();
        let once = Stuck::again(None, &"1".into(), "it differs");
        let waits_long = Stuck { times: 12, ..once };
        store.release(&lease, Leave::Stuck(waits_long)).await.unwrap();
        assert_eq!((older("runnable(null, 9)").await, older("runnable(9)").await), (0, 0));
        assert_eq!(
            older("thread_of('t')").await + older("threads(array[]::smallint[], null, 9)").await,
            2
        );
        if stuck {
            // By its name, it takes it, and leaves nothing of it.
            assert_eq!(older("acquire('t', 'older', '1', 60000000)").await, 1);
            older("release('t', 3, 1::smallint, null)").await;
            assert_eq!(store.thread(&thread("t")).await.unwrap().unwrap().stuck, None);
        }
    }
}
