//! The breaker: what a call costs that it lets through, and one that it refuses.

use std::hint::black_box;
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use runtime_events::{Clock, ManualClock, SystemClock};
use runtime_resilience::{CircuitBreaker, CircuitBreakerConfig, CircuitWindow, Percent};

const HUNDRED: NonZeroU16 = NonZeroU16::new(100).unwrap();

fn plain() -> CircuitBreakerConfig {
    CircuitBreakerConfig::default()
}

fn of_calls() -> CircuitBreakerConfig {
    plain().window(CircuitWindow::of_calls(HUNDRED))
}

fn of_time() -> CircuitBreakerConfig {
    plain().window(CircuitWindow::of_time(Duration::from_secs(30)).expect("it is long enough"))
}

fn slow_calls() -> CircuitBreakerConfig {
    let window = CircuitWindow::of_calls(HUNDRED);
    plain().window(window.slow_calls(Duration::from_secs(20), Percent::HALF))
}

/// Settings, and what they are called.
type Kind = (&'static str, fn() -> CircuitBreakerConfig);

const KINDS: [Kind; 4] =
    [("closed", plain), ("calls", of_calls), ("time", of_time), ("slow", slow_calls)];

pub(crate) fn all(c: &mut Criterion) {
    for (kind, config) in KINDS {
        let breaker = CircuitBreaker::with_config("svc", config());
        c.bench_function(&format!("breaker/call_{kind}"), |b| {
            b.iter(|| breaker.call(|| Ok::<_, ()>(black_box(1))));
        });
    }
    for (kind, config) in KINDS {
        let breaker = CircuitBreaker::with_config("svc", config());
        c.bench_function(&format!("breaker/call_{kind}_two_threads"), |b| {
            b.iter_custom(|calls| on_two_threads(&breaker, calls));
        });
    }
    permits(c);
    futures(c);
}

/// How long two threads take that make so many calls each.
fn on_two_threads(breaker: &CircuitBreaker, calls: u64) -> Duration {
    let barrier = Barrier::new(2);
    let run = || -> (Instant, Instant) {
        barrier.wait();
        let began = SystemClock.now();
        for _ in 0..calls {
            let _ = black_box(breaker.call(|| Ok::<_, ()>(black_box(1))));
        }
        (began, SystemClock.now())
    };
    thread::scope(|scope| {
        let other = scope.spawn(run);
        let (began, ended) = run();
        let other = other.join().expect("nothing panics");
        ended.max(other.1) - began.min(other.0)
    })
}

fn permits(c: &mut Criterion) {
    let closed = CircuitBreaker::new("svc");
    c.bench_function("breaker/permit", |b| {
        b.iter(|| {
            if let Ok(permit) = closed.try_acquire() {
                permit.success();
            }
        });
    });
    c.bench_function("breaker/check", |b| b.iter(|| closed.check().is_ok()));
    let clock = Arc::new(ManualClock::new());
    let open = CircuitBreaker::with_clock("svc", CircuitBreakerConfig::default(), clock);
    open.trip(None);
    c.bench_function("breaker/refused_manual_clock", |b| b.iter(|| open.try_acquire().is_err()));
    let open = CircuitBreaker::new("svc");
    open.force_open();
    c.bench_function("breaker/refused", |b| b.iter(|| open.try_acquire().is_err()));
}

fn futures(c: &mut Criterion) {
    let closed = CircuitBreaker::new("svc");
    c.bench_function("breaker/call_async_closed", |b| {
        b.iter(|| {
            let call = pin!(closed.call_async(|| async { Ok::<_, ()>(black_box(1)) }));
            let Poll::Ready(value) = call.poll(&mut Context::from_waker(Waker::noop())) else {
                panic!("the call is ready")
            };
            value
        });
    });
    #[cfg(feature = "tower")]
    tower(c, &closed);
}

#[cfg(feature = "tower")]
fn tower(c: &mut Criterion, closed: &CircuitBreaker) {
    use std::future::{Future, Ready, ready};

    use runtime_resilience::tower::BreakerLayer;
    use tower_layer::Layer;
    use tower_service::Service;

    struct Inner;

    impl Service<u32> for Inner {
        type Response = u32;
        type Error = ();
        type Future = Ready<Result<u32, ()>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: u32) -> Self::Future {
            ready(Ok(request))
        }
    }

    let mut service = BreakerLayer::new(closed.clone()).layer(Inner);
    c.bench_function("breaker/tower_closed", |b| {
        b.iter(|| {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(service.poll_ready(&mut cx).is_ready());
            pin!(service.call(black_box(1))).poll(&mut cx).is_ready()
        });
    });
}
