//! The limiter in a program that has only this crate in its manifest: every name is the standard
//! library's or the crate's.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use runtime_resilience::{
    Clock, DateTime, Demand, RateDimension, RateLimiter, RateLimits, RateQuota, RateSnapshot,
    SystemClock, ThreadSleeper, Utc,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A limiter that admits a call every millisecond.
fn quick() -> RateLimiter {
    let per_minute = NonZeroU32::new(60_000).expect("not zero");
    let limits = RateLimits::default().requests_per_minute(per_minute).burst(Duration::ZERO);
    RateLimiter::new("openai", limits)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn threads_wait_on_the_system_clock() {
    let limiter = quick();
    for _ in 0..5 {
        drop(limiter.reserve_blocking(Demand::request(), MINUTE).unwrap());
    }
    let two = NonZeroU32::new(2).expect("not zero");
    let slow = RateLimiter::new("slow", RateLimits::default().requests_per_minute(two));
    for _ in 0..2 {
        drop(slow.reserve_blocking(Demand::request(), Duration::ZERO).unwrap());
    }
    let refused = slow.reserve_blocking(Demand::request(), Duration::from_secs(1)).unwrap_err();
    assert_eq!(refused.dimension, RateDimension::Requests);
    assert!(refused.retry_after.unwrap() > Duration::from_secs(1), "refused at once: {refused}");
}

#[test]
fn tasks_wait_without_a_runtime() {
    let limiter = quick();
    for _ in 0..5 {
        let until = Some(SystemClock.now() + MINUTE);
        drop(block_on(limiter.reserve(Demand::request(), &ThreadSleeper, until)).unwrap());
    }
    assert_eq!(limiter.available().waiting, 0);
}

#[test]
fn headers_are_read_without_other_crates() {
    let now: DateTime<Utc> = SystemClock.utc_now();
    let headers = [("x-ratelimit-limit-requests", "50"), ("x-ratelimit-remaining-requests", "7")];
    let told = RateSnapshot::from_headers(&headers, now);
    let requests = RateQuota::default().limit(50).remaining(7);
    assert_eq!(told, RateSnapshot::default().requests(requests));
}
