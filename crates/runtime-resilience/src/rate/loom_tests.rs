//! Loom models: every interleaving of a few calls, as far as the memory model lets them differ.
//!
//! `cargo xtask loom` runs them.

use std::future::Future;
use std::num::{NonZeroU32, NonZeroU64};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loom::sync::Notify;
use loom::thread;
use runtime_events::{ManualClock, Sleep, Sleeper};

use super::{Demand, RateLimiter, RateLimits};

/// A limiter for three requests and ten tokens, on a clock that stands still.
fn limiter() -> RateLimiter {
    const REQUESTS: NonZeroU32 = NonZeroU32::new(3).unwrap();
    const TOKENS: NonZeroU64 = NonZeroU64::new(10).unwrap();
    let limits = RateLimits::default().requests_per_minute(REQUESTS).tokens_per_minute(TOKENS);
    RateLimiter::with_clock("loom", limits, Arc::new(ManualClock::new()))
}

fn tokens(tokens: u64) -> Demand {
    Demand::request().input_tokens(tokens)
}

/// Runs both at once. Both on threads of their own: loom does not interrupt the first one.
fn both<A: 'static, B: 'static>(
    one: impl FnOnce() -> A + 'static,
    other: impl FnOnce() -> B + 'static,
) -> (A, B) {
    let (one, other) = (thread::spawn(one), thread::spawn(other));
    (one.join().unwrap(), other.join().unwrap())
}

/// Never over: a waiting call has to be woken.
#[derive(Debug)]
struct Endless;

impl Sleeper for Endless {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Polls again each time it is woken. A wake-up that is lost is a deadlock, which loom reports.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    let bell = Arc::new(Bell(Notify::new()));
    let waker = Waker::from(bell.clone());
    loop {
        match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => bell.0.wait(),
        }
    }
}

#[test]
fn refusal_by_one_dimension_never_hinders_another_call() {
    loom::model(|| {
        let limiter = limiter();
        (0..2).for_each(|_| drop(limiter.try_reserve(tokens(1)).unwrap()));
        let (one, other) = (limiter.clone(), limiter.clone());
        // One request is left, and eight tokens: the first asks for too many.
        let (refused, fits) = both(
            move || one.try_reserve(tokens(9)).is_err(),
            move || other.try_reserve(tokens(8)).is_ok(),
        );
        assert!(refused && fits);
        let left = limiter.available();
        assert_eq!((left.requests, left.tokens), (Some(0), Some(0)));
    });
}

#[test]
fn two_calls_never_overdraw_and_one_succeeds() {
    loom::model(|| {
        let limiter = limiter();
        let (one, other) = (limiter.clone(), limiter.clone());
        let take = |limiter: &RateLimiter| limiter.try_reserve(tokens(6)).ok();
        let (one, other) = both(move || take(&one), move || take(&other));
        assert!(one.is_some() ^ other.is_some());
        one.or(other).unwrap().adjust(tokens(1));
        let left = limiter.available();
        assert_eq!((left.requests, left.tokens), (Some(2), Some(9)));
    });
}

#[test]
fn concurrent_settling_equals_settling_in_turn() {
    loom::model(|| {
        let limiter = limiter();
        let [one, other] = [5, 5].map(|ask| limiter.try_reserve(tokens(ask)).unwrap());
        both(move || one.adjust(tokens(2)), move || other.adjust(tokens(7)));
        assert_eq!(limiter.available().tokens, Some(1));
    });
}

#[test]
fn waiting_call_is_woken_by_returned_units() {
    loom::model(|| {
        let limiter = limiter();
        let all = limiter.try_reserve(tokens(10)).unwrap();
        let waits = limiter.clone();
        let (_, got) = both(
            move || all.cancel(),
            move || block_on(waits.reserve(tokens(10), &Endless, None)).is_ok(),
        );
        assert!(got);
        assert_eq!(limiter.available().waiting, 0);
    });
}

#[test]
fn two_waiting_calls_are_woken_in_turn() {
    loom::model(|| {
        let limiter = limiter();
        let all = limiter.try_reserve(tokens(10)).unwrap();
        let (one, other) = (limiter.clone(), limiter.clone());
        let wait = |limiter: &RateLimiter| {
            block_on(limiter.reserve(tokens(5), &Endless, None)).map(drop).is_ok()
        };
        let (one, other) = (thread::spawn(move || wait(&one)), thread::spawn(move || wait(&other)));
        let gives = thread::spawn(move || all.cancel());
        gives.join().unwrap();
        assert!(one.join().unwrap() && other.join().unwrap());
        let left = limiter.available();
        assert_eq!((left.tokens, left.waiting), (Some(0), 0));
    });
}

#[test]
fn call_dropped_while_woken_passes_its_place_on() {
    loom::model(|| {
        let limiter = limiter();
        let all = limiter.try_reserve(tokens(10)).unwrap();
        let (first, second) = (limiter.clone(), limiter.clone());
        let first = thread::spawn(move || {
            let mut future = first.reserve(tokens(10), &Endless, None);
            let mut cx = Context::from_waker(Waker::noop());
            // Asks once, and gives up; units that it got meanwhile return.
            if let Poll::Ready(Ok(got)) = Pin::new(&mut future).poll(&mut cx) {
                got.cancel();
            }
        });
        let second = thread::spawn(move || {
            block_on(second.reserve(tokens(10), &Endless, None)).map(drop).is_ok()
        });
        let gives = thread::spawn(move || all.cancel());
        gives.join().unwrap();
        first.join().unwrap();
        assert!(second.join().unwrap());
        assert_eq!(limiter.available().waiting, 0);
    });
}
