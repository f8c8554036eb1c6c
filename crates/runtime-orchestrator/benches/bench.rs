//! The costs of a session around a call that is ready at once.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail by panicking")]

use std::hint::black_box;
use std::num::{NonZeroU32, NonZeroUsize};
use std::task::{Context, Poll, Waker};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use runtime_orchestrator::{
    BoxError, OrchestrationSession, Orchestrator, TelemetryConfig, ToolCall, Turn,
};
use runtime_policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig};
use runtime_resilience::CircuitBreaker;
use runtime_sinks::{RingBufferEventSink, RingBufferUsageSink};
use runtime_usage::{Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};

/// Small rings and a small log, which are full after a few turns: both early and late turns pay for
/// evictions.
const KEPT: NonZeroUsize = NonZeroUsize::new(16).unwrap();
const USAGE: UsageSnapshot = UsageSnapshot::new(1_000, 200);

fn session() -> OrchestrationSession {
    let prices = PricingTable::new();
    let price = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
    prices.register("m", price).unwrap();
    let breaker = runtime_resilience::CircuitBreakerConfig::default();
    let breaker = breaker.failure_threshold(NonZeroU32::new(5).unwrap());
    Orchestrator::new("writer", "draft")
        .project_id(42)
        .circuit_breaker(CircuitBreaker::with_config("svc", breaker))
        .pricing(prices)
        .budget(Limit::enforced(Usd::from_dollars(8_000_000)))
        .max_iterations(u32::MAX)
        .event_sink(RingBufferEventSink::with_capacity(KEPT))
        .usage_sink(RingBufferUsageSink::with_capacity(KEPT))
        .telemetry(TelemetryConfig::default().event_log(KEPT))
        .session()
        .unwrap()
}

fn ready<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the call is ready at once"),
    }
}

fn turn(session: &OrchestrationSession, model: &std::sync::Arc<str>) {
    let turn = Turn::model(model.clone()).usage(USAGE);
    let answer = ready(session.run_turn(turn, async || Ok::<_, BoxError>(1)));
    black_box(answer.unwrap());
}

fn testing() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

fn turns(c: &mut Criterion) {
    let model = "m".into();
    let mut group = c.benchmark_group("turn");
    group.bench_function("100_at_turn_10", |b| {
        // A session that is at most a few thousand turns old.
        b.iter_batched_ref(
            || {
                let session = session();
                (0..16).for_each(|_| turn(&session, &model));
                session
            },
            |session| (0..100).for_each(|_| turn(session, &model)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("100_at_turn_1000000", |b| {
        let session = session();
        let turns = if testing() { 1_000 } else { 1_000_000 };
        (0..turns).for_each(|_| turn(&session, &model));
        b.iter_batched_ref(
            || (),
            |()| (0..100).for_each(|_| turn(&session, &model)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("one", |b| {
        let session = session();
        (0..64).for_each(|_| turn(&session, &model));
        b.iter(|| turn(&session, &model));
    });
    group.bench_function("one_blocking", |b| {
        let session = session();
        b.iter(|| {
            let turn = Turn::model(std::sync::Arc::clone(&model)).usage(USAGE);
            session.blocking().run_turn(turn, || Ok::<_, BoxError>(1)).unwrap()
        });
    });
    group.bench_function("bare_session", |b| {
        let session = Orchestrator::new("writer", "draft").max_iterations(u32::MAX);
        let session = session.session().unwrap();
        b.iter(|| turn(&session, &model));
    });
    group.bench_function("bare_session_unheard", |b| {
        let session = Orchestrator::new("writer", "draft").max_iterations(u32::MAX);
        let session =
            session.telemetry(TelemetryConfig::default().without_event_log()).session().unwrap();
        b.iter(|| turn(&session, &model));
    });
    group.finish();
}

fn sessions(c: &mut Criterion) {
    let mut group = c.benchmark_group("session");
    group.bench_function("open_and_finish", |b| {
        let orchestrator = Orchestrator::new("writer", "draft");
        b.iter(|| orchestrator.session().unwrap().finish(Ok::<_, BoxError>(1)));
    });
    group.bench_function("tool", |b| {
        let role = RolePermissionConfig::new("writer", PermissionMode::FullAccess).unwrap();
        let policy = PermissionPolicy::new().role(role);
        let session = Orchestrator::new("writer", "draft")
            .permissions(PermissionEnforcer::new(policy))
            .session()
            .unwrap();
        b.iter(|| {
            ready(session.run_tool(ToolCall::new("search"), async || Ok::<_, BoxError>(1))).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, turns, sessions);
criterion_main!(benches);
