//! What replicas of the service share: money, limits, and what they know of providers.

use runtime_fleet::Fleet;
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{RateLimiter, RateLimits};

/// Becomes a member of the fleet whose backend has this URL, which may be away for now.
///
/// # Errors
///
/// If the URL is none.
pub(crate) fn join(url: &str) -> Result<Fleet, BoxError> {
    Ok(if url.starts_with("redis") {
        Fleet::new(RedisFleet::open(url)?)?
    } else {
        Fleet::new(PgFleet::open(url)?)?
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
pub(crate) fn limiter(fleet: Option<&Fleet>, name: &'static str, limits: RateLimits) -> RateLimiter {
    match fleet {
        Some(fleet) => fleet.limiter(name, limits),
        None => RateLimiter::new(name, limits),
    }
}
