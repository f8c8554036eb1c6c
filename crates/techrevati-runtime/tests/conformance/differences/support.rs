//! Helpers of the differences.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use techrevati_runtime::events::{IdSource, ManualClock};
use techrevati_runtime::resilience::{CircuitBreaker, CircuitBreakerConfig};
use techrevati_runtime::usage::{ModelPricing, PricingTable, UsageSnapshot, Usd};
use techrevati_runtime::{BoxError, Turn};

/// The wait of a breaker.
pub(super) const WAIT: Duration = Duration::from_secs(60);

/// A breaker that opens at the first failure.
pub(super) fn breaker(clock: &ManualClock) -> CircuitBreaker {
    let config =
        CircuitBreakerConfig::default().failure_threshold(NonZeroU32::MIN).recovery_timeout(WAIT);
    CircuitBreaker::with_clock("svc", config, Arc::new(clock.clone()))
}

/// A table with a price of one dollar per token for `m`.
pub(super) fn prices() -> PricingTable {
    let prices = PricingTable::new();
    let price = ModelPricing::per_million(Usd::from_dollars(1_000_000), Usd::ZERO);
    prices.register("m", price).unwrap();
    prices
}

/// A turn that costs one dollar at those prices.
pub(super) fn dollar() -> Turn<u8> {
    Turn::model("m").usage(UsageSnapshot::new(1, 0))
}

/// A call with an answer.
#[expect(clippy::unnecessary_wraps, reason = "a call returns a result")]
pub(super) fn fine() -> Result<u8, BoxError> {
    Ok(1)
}

/// A call that must not be made.
pub(super) fn never() -> Result<u8, BoxError> {
    panic!("a refused call was made")
}

/// Draws these ids, and then the last one again and again.
#[derive(Debug)]
pub(super) struct Draws {
    ids: Vec<u128>,
    drawn: AtomicUsize,
}

impl Draws {
    pub(super) const fn new(ids: Vec<u128>) -> Self {
        Self { ids, drawn: AtomicUsize::new(0) }
    }
}

impl IdSource for Draws {
    fn draw(&self) -> u128 {
        // Relaxed: a count, drawn by one thread.
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        self.ids[drawn.min(self.ids.len() - 1)]
    }
}
