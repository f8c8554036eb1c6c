//! Sessions around calls that are ready at once.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use runtime_orchestrator::{
    BoxError, OrchestrationSession, Orchestrator, TelemetryConfig, ToolCall, Turn,
};
use runtime_policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig};
use runtime_resilience::CircuitBreaker;
use runtime_sinks::{RingBufferEventSink, RingBufferUsageSink};
use runtime_usage::{Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};

use crate::Work;

/// Small rings and a small log: early and late turns pay for evictions alike.
const KEPT: NonZeroUsize = NonZeroUsize::new(16).unwrap();

pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the call is ready at once"),
    }
}

fn turns(session: OrchestrationSession) -> Work {
    let model: Arc<str> = "m".into();
    Box::new(move || {
        let turn = Turn::model(Arc::clone(&model)).usage(UsageSnapshot::new(1_000, 200));
        let answer = ready(session.run_turn(turn, async || Ok::<_, BoxError>(1)));
        black_box(answer.unwrap());
    })
}

pub(crate) fn bare() -> Work {
    turns(Orchestrator::new("writer", "draft").max_iterations(u32::MAX).session().unwrap())
}

pub(crate) fn whole() -> Work {
    let prices = PricingTable::new();
    let price = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
    prices.register("m", price).unwrap();
    let session = Orchestrator::new("writer", "draft")
        .project_id(42)
        .circuit_breaker(CircuitBreaker::new("openai"))
        .pricing(prices)
        .budget(Limit::enforced(Usd::from_dollars(8_000_000)))
        .max_iterations(u32::MAX)
        .event_sink(RingBufferEventSink::with_capacity(KEPT))
        .usage_sink(RingBufferUsageSink::with_capacity(KEPT))
        .telemetry(TelemetryConfig::default().event_log(KEPT));
    turns(session.session().unwrap())
}

pub(crate) fn tool() -> Work {
    let role = RolePermissionConfig::new("writer", PermissionMode::FullAccess).unwrap();
    let session = Orchestrator::new("writer", "draft")
        .permissions(PermissionEnforcer::new(PermissionPolicy::new().role(role)))
        .session()
        .unwrap();
    Box::new(move || {
        let call = session.run_tool(ToolCall::new("search"), async || Ok::<_, BoxError>(1));
        black_box(ready(call).unwrap());
    })
}

pub(crate) fn session() -> Work {
    let orchestrator = Orchestrator::new("writer", "draft");
    Box::new(move || {
        let session = orchestrator.session().unwrap();
        drop(black_box(session.finish(Ok::<_, BoxError>(1))));
    })
}
