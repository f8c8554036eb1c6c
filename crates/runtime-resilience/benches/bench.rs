//! Benchmarks of this crate.

use std::hint::black_box;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use runtime_events::ManualClock;
use runtime_resilience::breaker::Config;
use runtime_resilience::{
    Backoff, CircuitBreaker, RecoveryContext, attempt_recovery, classify_error,
};

fn breaker(c: &mut Criterion) {
    let closed = CircuitBreaker::new("svc");
    c.bench_function("breaker/call_closed", |b| {
        b.iter(|| closed.call(|| Ok::<_, ()>(black_box(1))));
    });
    c.bench_function("breaker/call_async_closed", |b| {
        b.iter(|| {
            let call = pin!(closed.call_async(|| async { Ok::<_, ()>(black_box(1)) }));
            let Poll::Ready(value) = call.poll(&mut Context::from_waker(Waker::noop())) else {
                panic!("the call is ready")
            };
            value
        });
    });
    c.bench_function("breaker/permit", |b| {
        b.iter(|| {
            if let Ok(permit) = closed.try_acquire() {
                permit.success();
            }
        });
    });
    c.bench_function("breaker/refused", |b| {
        let open =
            CircuitBreaker::with_clock("svc", Config::default(), Arc::new(ManualClock::new()));
        (0..5).for_each(|_| open.record_failure());
        b.iter(|| open.try_acquire().is_err());
    });
}

fn classify(c: &mut Criterion) {
    c.bench_function("classify/type", |b| {
        let error = io::Error::from(io::ErrorKind::ConnectionReset);
        b.iter(|| classify_error(black_box(&error)));
    });
    c.bench_function("classify/text_first_rule", |b| {
        let error = io::Error::other("Request timed out after 30 s");
        b.iter(|| classify_error(black_box(&error)));
    });
    c.bench_function("classify/text_no_rule", |b| {
        let error = io::Error::other("Error code: 529 - {'type': 'overloaded_error'}");
        b.iter(|| classify_error(black_box(&error)));
    });
}

fn backoff(c: &mut Criterion) {
    c.bench_function("backoff/delay", |b| {
        let backoff = Backoff::default();
        let mut rng = fastrand::Rng::with_seed(1);
        let previous = Some(Duration::from_secs(4));
        b.iter(|| backoff.delay_with(black_box(3), black_box(previous), &mut rng));
    });
}

fn recovery(c: &mut Criterion) {
    c.bench_function("recovery/attempt", |b| {
        b.iter(|| {
            let mut books = RecoveryContext::default();
            attempt_recovery(black_box(runtime_events::FailureScenario::LlmError), &mut books)
        });
    });
}

criterion_group!(benches, breaker, classify, backoff, recovery);
criterion_main!(benches);
