//! Which backend a URL means.

use runtime_fleet::Accounts;

use super::arguments::Place;
use crate::error::Error;

/// Connects to a backend of a fleet: a Postgres database, or Redis.
pub(super) fn open_backend(place: &Place) -> Result<Box<dyn Accounts>, Error> {
    let (scheme, _) = place.url.split_once("://").unwrap_or_default();
    match scheme {
        "postgres" | "postgresql" => postgres(place),
        "redis" | "rediss" | "valkey" | "valkeys" => redis(place),
        // The rest could have a password.
        _ => {
            let urls = "the URL of a fleet begins with `postgres://`, `redis://` or `rediss://`";
            Err(Error::Store(urls.to_owned()))
        }
    }
}

#[cfg(feature = "postgres")]
fn postgres(place: &Place) -> Result<Box<dyn Accounts>, Error> {
    use runtime_postgres::PgFleet;

    let config = crate::migrate::config(&place.url, place.schema.as_deref()).push(false);
    let backend = futures_executor::block_on(PgFleet::connect(config));
    // The error names the database without its password.
    Ok(Box::new(backend.map_err(|error| Error::store(&error))?))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &Place) -> Result<Box<dyn Accounts>, Error> {
    Err(Error::Store("this command was built without feature `postgres`".to_owned()))
}

#[cfg(feature = "redis")]
fn redis(place: &Place) -> Result<Box<dyn Accounts>, Error> {
    use runtime_redis::{RedisConfig, RedisFleet};

    let mut config = RedisConfig::new(&place.url).push(false);
    if let Ok(password) = std::env::var("REDISCLI_AUTH") {
        config = config.password(password);
    }
    let backend = futures_executor::block_on(RedisFleet::connect(config));
    Ok(Box::new(backend.map_err(|error| Error::store(&error))?))
}

#[cfg(not(feature = "redis"))]
fn redis(_: &Place) -> Result<Box<dyn Accounts>, Error> {
    Err(Error::Store("this command was built without feature `redis`".to_owned()))
}
