//! Fleets of the tests' own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use runtime_fleet::{AccountPath, OnLoss, Rules};
use runtime_redis::{RedisConfig, RedisFleet};
use runtime_usage::Usd;

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// The beginning of names that no other test has.
pub(crate) fn prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A server that has time for each call, on whatever machine this is. A test of what happens when the time is over has
/// its own.
pub(crate) fn patient(url: impl Into<String>) -> RedisConfig {
    RedisConfig::new(url).timeout(Duration::from_secs(60))
}

/// A fleet of its own.
pub(crate) async fn fresh(url: &str) -> RedisFleet {
    RedisFleet::connect(patient(url).prefix(prefix())).await.unwrap()
}

/// Connections of one fleet.
pub(crate) async fn several(url: &str, count: usize) -> Vec<RedisFleet> {
    let config = patient(url).prefix(prefix());
    let fleets = join_all((0..count).map(|_| RedisFleet::connect(config.clone()))).await;
    fleets.into_iter().map(Result::unwrap).collect()
}

pub(crate) fn account(path: &str) -> AccountPath {
    AccountPath::new(path).unwrap()
}

pub(crate) fn enforced(amount: Usd) -> Rules {
    Rules { amount, enforced: true, strict: false, marks: vec![80], on_loss: OnLoss::Spend }
}
