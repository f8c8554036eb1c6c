//! The code of `docs/fleet-backends.md`. It runs where `TEST_POSTGRES_URL` and `TEST_REDIS_URL` name servers.

use std::time::Duration;

use techrevati_runtime::BoxError;
use techrevati_runtime::postgres::{PgConfig, PgFleet, PgStore};
use techrevati_runtime::redis::{RedisConfig, RedisFleet};

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

fn cluster(password: &str) -> RedisConfig {
    let config = RedisConfig::new("redis://one.example.org,two.example.org")
        .cluster(true)
        .prefix("agents")
        .password(password);

    config
}

pub(crate) async fn run() -> Result<(), BoxError> {
    let _ = cluster("secret");
    if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
        PgStore::migrate(&url).await?;
        postgres(&url).await?;
        postgres_with_settings(&url).await?;
    }
    if std::env::var("TEST_REDIS_URL").is_ok() {
        // The host does not exist, so the server is away.
        redis().await?;
    }
    Ok(())
}
