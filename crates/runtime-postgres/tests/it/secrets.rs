//! A password is in no error and in no `Debug`.

use std::time::Duration;

use runtime_fleet::conformance::told;
use runtime_postgres::{PgConfig, PgStore};
use runtime_store::Store;
use test_postgres::Server;

use crate::common::admin;

#[tokio::test]
async fn a_password_is_in_no_text() {
    const PASSWORD: &str = "hunter2-and-more";

    let Some(server) = Server::start() else { return };
    let admin = admin(&server.url("postgres")).await;
    let create = format!("create role secret login superuser password '{PASSWORD}'");
    admin.batch_execute(&create).await.unwrap();
    let url = server.url(&format!("secret:{PASSWORD}"));
    let config = PgConfig::new(&url).timeout(Duration::from_secs(3));
    PgStore::migrate(config.clone()).await.unwrap();
    let store = PgStore::connect(config.clone()).await.unwrap();
    let apart = PgConfig::new(server.url("secret")).password(PASSWORD);
    PgStore::connect(apart.clone()).await.unwrap();

    let mut texts = vec![format!("{store:?} {config:?} {apart:?}")];
    admin.batch_execute("alter role secret password 'another'").await.unwrap();
    let wrong = PgStore::connect(config.clone()).await.unwrap_err();
    assert!(told(&wrong).contains("password authentication failed"), "{}", told(&wrong));
    texts.push(told(&wrong));
    server.stop();
    texts.push(told(&store.runnable(None, None, 1).await.unwrap_err()));
    texts.push(told(&PgStore::migrate(config).await.unwrap_err()));
    for text in &texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(texts[0].contains(&format!("127.0.0.1:{}", server.port())), "{}", texts[0]);
}

#[tokio::test]
async fn a_url_that_is_not_understood_is_not_quoted() {
    for url in [
        "hunter2",
        "host=localhost password=hunter2 hunter2=x",
        "mysql://x:hunter2@localhost/x",
        "postgres://x:hunter2@localhost:hunter2/x",
        "postgres://x:p@hunter2@localhost/x",
        "postgres://x:p@ss?hunter2=x@localhost/x",
        "postgres://x:hunter2@localhost/x?hunter2=hunter2",
        "postgres://x:hunter2@localhost/x?connect_timeout=hunter2",
        "postgres://x:hunter2@localhost/x?sslmode=hunter2",
        "postgres://x:hunter2@/x?schema=%zz",
        "postgres://x:hunter2@",
    ] {
        let error = PgStore::connect(url).await.unwrap_err();
        let told = told(&error);
        assert!(matches!(error, runtime_postgres::PgError::Config { .. }), "{url}: {told}");
        assert!(!told.contains("hunter2"), "{url}: {told}");
    }
}
