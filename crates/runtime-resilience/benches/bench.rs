//! Benchmarks of this crate.

#[path = "parts/breaker.rs"]
mod breaker;
#[path = "parts/rate.rs"]
mod rate;
#[path = "parts/routes.rs"]
mod routes;

use std::hint::black_box;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use runtime_resilience::{
    Backoff, Fault, JitterMode, Provider, RecoveryContext, attempt_recovery, classify_error,
};
use serde_json::Value;

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
        b.iter(|| Fault::from_error(black_box(&error), UNIX_EPOCH));
    });
}

fn backoff(c: &mut Criterion) {
    c.bench_function("backoff/delay", |b| {
        let backoff = Backoff::default();
        let mut rng = fastrand::Rng::with_seed(1);
        let previous = Some(Duration::from_secs(4));
        b.iter(|| backoff.delay_with(black_box(3), black_box(previous), &mut rng));
    });
    for jitter in [JitterMode::None, JitterMode::Full] {
        c.bench_function(&format!("backoff/delay_{jitter}"), |b| {
            let backoff = Backoff::default().jitter(jitter);
            let mut rng = fastrand::Rng::with_seed(1);
            b.iter(|| backoff.delay_with(black_box(4), black_box(None), &mut rng));
        });
    }
    c.bench_function("backoff/delay_full_thread_generator", |b| {
        let backoff = Backoff::default().jitter(JitterMode::Full);
        b.iter(|| backoff.delay(black_box(4), black_box(None)));
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

criterion_group!(
    benches,
    breaker::all,
    classify,
    fault,
    backoff,
    recovery,
    rate::rate,
    rate::retry_budget,
    rate::hedge,
    routes::select
);
criterion_main!(benches);
