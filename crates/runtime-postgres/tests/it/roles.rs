//! The application's role has no right to change tables.

use runtime_postgres::{PgConfig, PgStore};
use runtime_store::conformance;

use crate::common::{admin, schema, told};

/// As docs/postgres.md has it.
const GRANTS: &str = "
    grant usage on schema techrevati to app;
    grant select, insert, update, delete on all tables in schema techrevati to app;
    grant execute on all functions in schema techrevati to app;
    alter default privileges in schema techrevati grant select, insert, update, delete on tables to app;
    alter default privileges in schema techrevati grant execute on functions to app;
    alter default privileges in schema techrevati revoke execute on functions from public;
";

#[tokio::test]
async fn it_passes_the_suite_with_the_rights_of_the_guide() {
    let Some(url) = test_postgres::url() else { return };
    let admin = admin(url).await;
    let role = schema();
    admin.batch_execute(&format!("create role {role} login")).await.unwrap();
    let own = url.replacen("postgres://postgres@", &format!("postgres://{role}@"), 1);
    if own == url {
        eprintln!("skipped: TEST_POSTGRES_URL does not begin with `postgres://postgres@`");
        return;
    }
    let config = || {
        let schema = schema();
        let grants = GRANTS.replace("techrevati", &schema).replace(" app", &format!(" {role}"));
        let (all, own) = (PgConfig::new(url).schema(&schema), PgConfig::new(&own).schema(&schema));
        (schema, grants, all, own)
    };
    conformance::run(|| {
        let (_, grants, all, own) = config();
        let admin = &admin;
        async move {
            PgStore::migrate(all).await.unwrap();
            admin.batch_execute(&grants).await.unwrap();
            PgStore::connect(own).await.unwrap()
        }
    })
    .await;

    let (schema, grants, all, own) = config();
    let refused = PgStore::migrate(own.clone()).await.unwrap_err();
    assert!(told(&refused).contains("permission denied"), "{refused:?}");
    PgStore::migrate(all).await.unwrap();
    let refused = PgStore::connect(own.clone()).await.unwrap_err();
    assert!(told(&refused).contains("permission denied"), "without grants: {refused:?}");
    admin.batch_execute(&grants).await.unwrap();
    PgStore::connect(own).await.unwrap();
    for sql in ["create table @.x ()", "drop table @.entry", "alter table @.thread add x int"] {
        let sql = sql.replace("@.", &format!("{schema}."));
        let refused = admin.batch_execute(&format!("begin; set local role {role}; {sql}")).await;
        let code = refused.unwrap_err().code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
        admin.batch_execute("rollback").await.unwrap();
    }
}
