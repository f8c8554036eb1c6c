//! Schemas that are absent, older, newer.

use futures_util::future::{join_all, try_join};
use runtime_postgres::{PgConfig, PgError, PgStore};
use runtime_store::Store;

use crate::common::{admin, append, hold, schema, thread};

#[tokio::test]
async fn an_absent_schema_says_how_it_is_made() {
    let Some(url) = test_postgres::url() else { return };
    let config = PgConfig::new(url).schema(schema());
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
    let config = PgConfig::new(url).schema(schema());
    for migrated in join_all((0..5).map(|_| PgStore::migrate(config.clone()))).await {
        migrated.unwrap();
    }
    PgStore::connect(config).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_used_if_it_allows_that() {
    let Some(url) = test_postgres::url() else { return };
    let name = schema();
    let config = PgConfig::new(url).schema(&name);
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
    assert_eq!(version().await, (2, 1));

    // The older half of a rolling deploy writes while the newer one migrates.
    let additive = "begin;
        alter table @.thread add column note text not null default '';
        alter table @.entry add column note text;
        create function @.append_noted(p_thread text) returns void language sql as 'select';
        update @.meta set schema = 3, min_reader = 1;
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
    assert_eq!(version().await, (3, 1), "an older program leaves it");

    run("update @.meta set min_reader = 3").await;
    for refused in
        [PgStore::connect(config.clone()).await.map(drop), PgStore::migrate(config.clone()).await]
    {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, PgError::Newer { found: 3, known: 2, .. }), "{refused:?}");
        assert!(refused.to_string().contains("update this program"), "{refused}");
    }

    run("update @.meta set schema = 0, min_reader = 0").await;
    let older = PgStore::connect(config.clone()).await.unwrap_err();
    assert!(matches!(older, PgError::Unmigrated { found: Some(0), .. }), "{older:?}");
    assert!(older.to_string().contains("techrevati migrate"), "{older}");
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
