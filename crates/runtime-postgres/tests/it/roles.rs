//! The application's role has no right to change tables.

use runtime_fleet::conformance::told;
use runtime_postgres::{PgConfig, PgError, PgStore};
use runtime_store::{Store, conformance};

use crate::common::{admin, patient, schema, thread};

/// What the guide grants.
pub(crate) fn grants(schema: &str, role: &str) -> String {
    let guide = include_str!("../../../../docs/postgres.md");
    let block = guide.split("```sql\n").find(|block| block.starts_with("GRANT"));
    let grants = block.and_then(|block| block.split("```").next()).unwrap();
    grants
        .replace("SCHEMA techrevati", &format!("SCHEMA {schema}"))
        .replace("TO app", &format!("TO {role}"))
}

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
        let grants = grants(&schema, &role);
        let (all, own) = (patient(url).schema(&schema), patient(&own).schema(&schema));
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

#[tokio::test]
async fn who_owns_the_schema_may_migrate_it() {
    let Some(url) = test_postgres::url() else { return };
    let Some(rest) = url.strip_prefix("postgres://postgres@") else { return };
    let (admin, name) = (admin(url).await, schema());
    let sql = format!("create role {name} login; create schema {name} authorization {name}");
    admin.batch_execute(&sql).await.unwrap();
    let config = PgConfig::new(format!("postgres://{name}@{rest}")).schema(&name);
    PgStore::migrate(config.clone()).await.unwrap();
    PgStore::connect(config).await.unwrap();
}

#[tokio::test]
async fn who_may_not_migrate_is_told_who_may() {
    let Some(url) = test_postgres::url() else { return };
    let Some(rest) = url.strip_prefix("postgres://postgres@") else { return };
    let admin = admin(url).await;
    let [app, owner, name] = std::array::from_fn(|_| schema());
    let config = |role: &str| patient(format!("postgres://{role}@{rest}")).schema(&name);
    let roles = format!("create role {app} login; create role {owner} login");
    admin.batch_execute(&roles).await.unwrap();
    let refused = async |owner: &str| {
        let refused = PgStore::migrate(config(&app)).await.unwrap_err();
        let expected = format!(
            "role `{app}` may not migrate schema `{name}`, and role `{owner}` may: run `techrevati migrate URL` as \
             `{owner}`"
        );
        assert_eq!(refused.to_string(), expected);
    };
    refused("postgres").await;
    admin.batch_execute(&format!("create schema {name} authorization {owner}")).await.unwrap();
    refused(&owner).await;
    PgStore::migrate(config(&owner)).await.unwrap();
    refused(&owner).await;
    admin.batch_execute(&grants(&name, &app)).await.unwrap();
    // With the functions as they are it has nothing to do, and with others it has no right to.
    PgStore::migrate(config(&app)).await.unwrap();
    let older = format!(
        "create or replace function {name}.fleet_functions() returns text language sql as 'select $$0$$'"
    );
    admin.batch_execute(&older).await.unwrap();
    refused(&owner).await;
    PgStore::connect(config(&app)).await.unwrap();
}

#[tokio::test]
async fn a_role_without_rights_is_named_wherever_it_is_refused() {
    let Some(url) = test_postgres::url() else { return };
    let Some(rest) = url.strip_prefix("postgres://postgres@") else { return };
    let (admin, name) = (admin(url).await, schema());
    PgStore::migrate(PgConfig::new(url).schema(&name)).await.unwrap();
    // As a URL has it, and as it is.
    let (written, role) = (format!("a%2Fb%23c%3Ad%40{name}"), format!("a/b#c:d@{name}"));
    let grant = format!(
        "create role \"{role}\" login; grant usage on schema {name} to \"{role}\";
        grant select on {name}.meta to \"{role}\""
    );
    let config = PgConfig::new(format!("postgres://{written}@{rest}")).schema(&name);
    admin.batch_execute(&format!("create role {name} login")).await.unwrap();
    let other = PgConfig::new(format!("postgres://{name}@{rest}")).schema(&name);
    let refused = PgStore::connect(other.clone()).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.starts_with(&format!("role `{name}` cannot read the version")), "{text}");
    let refused = PgStore::migrate(other.schema("not_there")).await.unwrap_err();
    assert!(matches!(refused, PgError::NotOwner { .. }), "{refused:?}");
    admin.batch_execute(&grant).await.unwrap();
    let store = PgStore::connect(config).await.unwrap();
    let refused = store.thread(&thread("t")).await.unwrap_err();
    let text = told(&refused);
    assert!(text.contains(&format!("role `{role}` cannot call the database")), "{text}");
    assert!(text.contains("permission denied for view threads_stuck"), "{text}");

    // `/` and `#` may also be as they are. What follows an `@` would be a host.
    let as_is = format!("postgres://a/b#c%3Ad%40{name}@{rest}");
    PgStore::connect(PgConfig::new(as_is).schema(&name)).await.unwrap();
    let wrong = PgStore::connect("postgres://a@b:secret@127.0.0.1:1/agents").await.unwrap_err();
    let text = told(&wrong);
    assert!(text.contains("`%XX` for an `@`") && !text.contains("secret"), "{text}");
}
