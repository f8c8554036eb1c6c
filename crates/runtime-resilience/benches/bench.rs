//! Benchmarks of this crate.

#[path = "parts/routes.rs"]
mod routes;

use std::hint::black_box;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use runtime_events::ManualClock;
use runtime_resilience::breaker::Config;
use runtime_resilience::fault::{Fault, Provider};
use runtime_resilience::{
    Backoff, CircuitBreaker, RecoveryContext, attempt_recovery, classify_error,
};
use serde_json::Value;

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

fn fault(c: &mut Criterion) {
    let now = DateTime::UNIX_EPOCH;
    // As `OpenAI` sends them.
    let headers: Vec<(&str, &str)> = vec![
        ("date", "Wed, 01 Jul 2026 12:00:00 GMT"),
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", "342"),
        ("openai-organization", "org-x"),
        ("openai-processing-ms", "14"),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-limit-tokens", "30000"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-reset-tokens", "634ms"),
        ("retry-after", "1"),
        ("retry-after-ms", "634"),
        ("x-request-id", "req_8d1e"),
    ];
    let text = r#"{"error":{"message":"Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM)",
        "type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;
    let body: Value = serde_json::from_str(text).expect("it is JSON");
    c.bench_function("resilience/fault_from_response", |b| {
        b.iter(|| {
            Fault::from_json(
                black_box(Provider::OpenAi),
                black_box(429),
                black_box(&headers),
                black_box(&body),
                now,
            )
        });
    });
    c.bench_function("resilience/fault_from_response_bytes", |b| {
        let text = text.as_bytes();
        b.iter(|| {
            Fault::from_response(
                black_box(Provider::OpenAi),
                black_box(429),
                black_box(&headers),
                black_box(text),
                now,
            )
        });
    });
    c.bench_function("resilience/fault_from_status", |b| {
        b.iter(|| {
            Fault::from_json(
                black_box(Provider::Other),
                black_box(500),
                black_box(&headers),
                &Value::Null,
                now,
            )
        });
    });
    c.bench_function("resilience/fault_from_error", |b| {
        let error = io::Error::from(io::ErrorKind::ConnectionReset);
        b.iter(|| Fault::from_error(black_box(&error)));
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

criterion_group!(benches, breaker, classify, fault, backoff, recovery, routes::select);
criterion_main!(benches);
