//! The code of `docs/fleet-backends.md`. It runs where `TEST_POSTGRES_URL` and `TEST_REDIS_URL` name servers.

use std::time::Duration;

use techrevati_runtime::postgres::{PgConfig, PgFleet};
use techrevati_runtime::redis::{RedisConfig, RedisFleet};

// What the guide does not show.
use techrevati_runtime::BoxError;
use techrevati_runtime::postgres::PgStore;

async fn postgres(url: &str) -> Result<(), BoxError> {
    let backend = PgFleet::connect(url).await?;

    drop(backend);
    Ok(())
}

async fn postgres_with_settings(url: &str) -> Result<(), BoxError> {
    let config = PgConfig::new(url).timeout(Duration::from_secs(1)).push(false);
    let backend = PgFleet::connect(config).await?;

    drop(backend);
    Ok(())
}

async fn redis() -> Result<(), BoxError> {
    let backend = RedisFleet::connect("rediss://app:secret@cache.example.org").await?;

    drop(backend);
    Ok(())
}

async fn cluster(password: &str) -> Result<(), BoxError> {
    let config = RedisConfig::new("redis://one.example.org,two.example.org")
        .cluster(true)
        .prefix("agents")
        .password(password);
    let backend = RedisFleet::connect(config).await?;

    drop(backend);
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
        PgStore::migrate(&url).await?;
        postgres(&url).await?;
        postgres_with_settings(&url).await?;
    }
    if std::env::var("TEST_REDIS_URL").is_ok() {
        // The host does not exist, so the server is away.
        redis().await?;
        cluster("secret").await?;
    }
    Ok(())
}
