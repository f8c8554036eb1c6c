//! Limits: reserve and settle of two dimensions, alone and against another thread; the budget of
//! retries; when to hedge.

use std::hint::black_box;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use criterion::{Bencher, Criterion};
use runtime_events::ManualClock;
use runtime_resilience::{Demand, FirstTokens, Hedge, RateLimiter, RateLimits, RetryBudget};

const ASK: Demand = Demand::request().input_tokens(700).output_tokens(300);
const USED: Demand = Demand::request().input_tokens(500).output_tokens(200);

fn limits() -> RateLimits {
    RateLimits::default().requests_per_minute(NonZeroU32::MAX).tokens_per_minute(NonZeroU64::MAX)
}

fn reserve_and_settle(bencher: &mut Bencher<'_>, limiter: &RateLimiter) {
    bencher.iter(|| {
        let reserved = black_box(limiter).try_reserve(black_box(ASK));
        reserved.map(|reservation| reservation.adjust(black_box(USED))).is_ok()
    });
}

/// While `measure` runs, another thread does `work` over and over.
fn contended(work: impl Fn() + Sync, measure: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Relaxed: a flag that guards nothing else.
            while !done.load(Ordering::Relaxed) {
                work();
            }
        });
        measure();
        done.store(true, Ordering::Relaxed);
    });
}

pub(crate) fn rate(c: &mut Criterion) {
    let limiter = RateLimiter::new("openai", limits());
    c.bench_function("rate/reserve_settle_2_dimensions", |b| reserve_and_settle(b, &limiter));
    c.bench_function("rate/reserve_settle_2_dimensions_manual_clock", |b| {
        let clock = Arc::new(ManualClock::new());
        reserve_and_settle(b, &RateLimiter::with_clock("openai", limits(), clock));
    });
    c.bench_function("rate/reserve_settle_2_dimensions_contended", |b| {
        let work = || drop(limiter.try_reserve(ASK).map(|reservation| reservation.adjust(USED)));
        contended(work, || reserve_and_settle(b, &limiter));
    });
    c.bench_function("rate/refused", |b| {
        let one = RateLimits::default().requests_per_minute(NonZeroU32::MIN);
        let limiter = RateLimiter::new("openai", one);
        drop(limiter.try_reserve(ASK));
        b.iter(|| black_box(&limiter).try_reserve(black_box(ASK)).is_err());
    });
}

pub(crate) fn retry_budget(c: &mut Criterion) {
    c.bench_function("retry_budget/succeeded_full", |b| {
        let budget = RetryBudget::default();
        b.iter(|| black_box(&budget).succeeded());
    });
    c.bench_function("retry_budget/withdraw_give_back", |b| {
        let budget = RetryBudget::default();
        b.iter(|| {
            let taken = black_box(&budget).try_withdraw().is_ok();
            budget.give_back();
            taken
        });
    });
    c.bench_function("retry_budget/withdraw_refused", |b| {
        let budget = RetryBudget::default();
        while budget.try_withdraw().is_ok() {}
        b.iter(|| black_box(&budget).try_withdraw().is_err());
    });
}

pub(crate) fn hedge(c: &mut Criterion) {
    let times = FirstTokens::new();
    (0..500).for_each(|n| times.observe(Duration::from_millis(400 + n * 7)));
    c.bench_function("hedge/observe", |b| {
        b.iter(|| times.observe(black_box(Duration::from_millis(900))));
    });
    c.bench_function("hedge/delay", |b| b.iter(|| Hedge::default().delay(black_box(&times))));
}
