//! What replicas of the service share: money, limits, and what they know of providers.

use techrevati_runtime::fleet::{Fleet, FleetConfig};
use techrevati_runtime::postgres::PgFleet;
use techrevati_runtime::prelude::*;
use techrevati_runtime::redis::RedisFleet;
use techrevati_runtime::resilience::{RateLimiter, RateLimits};

/// Becomes a member of the fleet whose backend has this URL. The backend may be away for now: that is an event,
/// which `sink` gets.
///
/// # Errors
///
/// If the URL is none, or the backend refuses it.
pub(crate) async fn join(url: &str, sink: impl EventSink + 'static) -> Result<Fleet, BoxError> {
    let config = FleetConfig::default().name("agent_service").event_sink(sink);
    Ok(if url.starts_with("redis") {
        Fleet::with_config(RedisFleet::connect(url).await?, config)?
    } else {
        Fleet::with_config(PgFleet::connect(url).await?, config)?
    })
}

/// An account of all replicas, or of this one below another.
pub(crate) async fn account(
    fleet: Option<&Fleet>,
    above: Option<&Account>,
    path: &str,
    limit: Limit,
) -> Result<Account, BoxError> {
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    let limit = limit.named(name);
    Ok(match (fleet, above) {
        (Some(fleet), _) => fleet.account(path, limit).await?,
        (None, Some(above)) => above.child(limit),
        (None, None) => Account::new(limit),
    })
}

/// A limiter of all replicas, or of this one.
pub(crate) fn limiter(
    fleet: Option<&Fleet>,
    name: &'static str,
    limits: RateLimits,
) -> Result<RateLimiter, BoxError> {
    Ok(match fleet {
        Some(fleet) => fleet.limiter(name, limits)?,
        None => RateLimiter::new(name, limits),
    })
}
