//! A request and its tokens, taken from two limits before the call and settled after it.

use std::hint::black_box;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use governor::clock::{Clock as _, DefaultClock, MonotonicClock, Reference};
use governor::{Quota, RateLimiter as Governor};
use runtime_events::{Clock, SystemClock};
use runtime_resilience::{Demand, RateLimiter, RateLimits};

use crate::measure::{Work, now};
use crate::suite::Suite;

pub(super) fn add(suite: &mut Suite) {
    let ours =
        suite.ours("RateLimiter reserve and settle, two limits", Work::alone(ours(SystemClock)));
    let governor = suite
        .case("governor 0.10 check_n, twice, Instant::now", Work::alone(governor(MonotonicClock)));
    suite.ratio("rate limiter, one thread", ours, governor, 1.5);

    // Governor's own clock reads the processor's counter, at a third of the cost of `Instant::now`.
    let ours = suite.ours(
        "RateLimiter reserve and settle, two limits, governor's clock",
        Work::alone(self::ours(Counter::default())),
    );
    let governor = suite.case(
        "governor 0.10 check_n, twice, its own clock",
        Work::alone(self::governor(DefaultClock::default())),
    );
    suite.ratio("rate limiter, one thread, governor's own clock", ours, governor, 2.0);

    let ours = suite.ours(
        "RateLimiter reserve and settle, two limits, two threads",
        Work::shared(self::ours(Counter::default())),
    );
    let governor = suite.case(
        "governor 0.10 check_n, twice, two threads",
        Work::shared(self::governor(DefaultClock::default())),
    );
    // Ours writes each limit twice, and two threads compete for every write.
    suite.ratio("rate limiter, two threads", ours, governor, 4.0);
}

/// The clock of governor, as one of ours.
#[derive(Debug)]
struct Counter {
    clock: DefaultClock,
    began: <DefaultClock as governor::clock::Clock>::Instant,
    origin: Instant,
}

impl Default for Counter {
    fn default() -> Self {
        let clock = DefaultClock::default();
        Self { began: clock.now(), clock, origin: now() }
    }
}

impl Clock for Counter {
    fn now(&self) -> Instant {
        self.origin + self.clock.now().duration_since(self.began)
    }

    fn utc_now(&self) -> DateTime<Utc> {
        SystemClock.utc_now()
    }
}

/// More than a loop can use up, so that every call is admitted.
const REQUESTS: NonZeroU32 = NonZeroU32::MAX;
const TOKENS: NonZeroU64 = NonZeroU64::new(1 << 50).unwrap();

const ESTIMATE: u64 = 1_000;
const USED: u64 = 700;

fn ours(clock: impl Clock + 'static) -> impl Fn() -> bool + Send + Sync {
    let limits =
        RateLimits::default().requests_per_minute(REQUESTS).input_tokens_per_minute(TOKENS);
    let limiter = RateLimiter::with_clock("peers", limits, Arc::new(clock));
    let admitted = move || {
        let demand = Demand::request().input_tokens(black_box(ESTIMATE));
        let used = Demand::request().input_tokens(black_box(USED));
        limiter.try_borrow(demand).map(|reservation| reservation.adjust(used)).is_ok()
    };
    assert!(admitted(), "the limits are out of reach");
    admitted
}

/// Governor has no settlement: tokens that were not used stay taken.
fn governor(
    clock: impl governor::clock::Clock + Clone + Send + Sync,
) -> impl Fn() -> bool + Send + Sync {
    let quota = Quota::per_second(NonZeroU32::MAX);
    let requests = Governor::direct_with_clock(quota, clock.clone());
    let tokens = Governor::direct_with_clock(quota, clock);
    let count = |count| NonZeroU32::new(black_box(count)).unwrap_or(NonZeroU32::MIN);
    move || {
        let request = requests.check_n(count(1));
        matches!(request, Ok(Ok(()))) && matches!(tokens.check_n(count(1_000)), Ok(Ok(())))
    }
}
