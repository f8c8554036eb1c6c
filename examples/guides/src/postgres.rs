//! The code of `docs/postgres.md`. It runs where `TEST_POSTGRES_URL` names a server.

use std::time::Duration;

use techrevati_runtime::postgres::{PgConfig, PgStore};

// What the guide does not show.
use techrevati_runtime::BoxError;

async fn a_process_connects(owner: &str, application: &str) -> Result<(), BoxError> {
    PgStore::migrate(owner).await?;
    let store = PgStore::connect(application).await?;

    drop(store);
    Ok(())
}

async fn settings(application: &str, password: &str) -> Result<(), BoxError> {
    let config = PgConfig::new(application)
        .schema("agents")
        .password(password)
        .timeout(Duration::from_secs(5));

    PgStore::migrate(config).await?;
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    let Ok(url) = std::env::var("TEST_POSTGRES_URL") else { return Ok(()) };
    a_process_connects(&url, &url).await?;
    settings(&url, "").await
}
