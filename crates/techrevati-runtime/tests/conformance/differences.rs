//! The twelve ways in which the port is meant to differ from the original, one test each.

use std::future::pending;
use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::json;
use techrevati_runtime::events::{AgentEventName, FailureScenario, IdSource, ManualClock};
use techrevati_runtime::lifecycle::{AgentRegistry, AgentStatus, registry};
use techrevati_runtime::orchestrator::{Orchestrator, Timeout, TurnError};
use techrevati_runtime::resilience::breaker::Config;
use techrevati_runtime::resilience::{
    Backoff, CircuitBreaker, CircuitState, JitterMode, classify_text,
};
use techrevati_runtime::sinks::RingBufferEventSink;
use techrevati_runtime::usage::{
    Budget, ModelPricing, PricingTable, UnknownPrice, UsageSnapshot, Usd,
};
use techrevati_runtime::{BoxError, ToolCall, Turn};

const WAIT: Duration = Duration::from_mins(1);

fn breaker(clock: &ManualClock) -> CircuitBreaker {
    let config = Config::default().failure_threshold(NonZeroU32::MIN).recovery_timeout(WAIT);
    CircuitBreaker::with_clock("svc", config, Arc::new(clock.clone()))
}

fn prices() -> PricingTable {
    let prices = PricingTable::new();
    let price = ModelPricing::per_million(Usd::from_dollars(1_000_000), Usd::ZERO);
    prices.register("m", price).unwrap();
    prices
}

/// A turn that costs one dollar.
fn dollar() -> Turn<UsageSnapshot> {
    Turn::model("m").usage(UsageSnapshot::new(1, 0))
}

#[expect(clippy::unnecessary_wraps, reason = "a call returns a result")]
fn fine() -> Result<u8, BoxError> {
    Ok(1)
}

#[test]
fn difference_1_a_status_code_inside_a_longer_number_is_not_one() {
    assert_eq!(classify_text("cannot read file 5031.txt"), FailureScenario::LlmError);
    assert_eq!(classify_text("HTTP 503"), FailureScenario::ProviderFailure);
}

#[test]
fn difference_2_a_stale_result_changes_nothing_and_a_cancelled_probe_frees_its_place() {
    let clock = ManualClock::new();
    let breaker = breaker(&clock);
    let stale = breaker.try_acquire().unwrap();
    breaker.try_acquire().unwrap().failure();
    clock.advance(WAIT);
    let probe = breaker.try_acquire().unwrap();
    stale.failure();
    breaker.record_success();
    breaker.record_failure();
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    assert!(breaker.try_acquire().is_err());
    drop(probe);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn difference_3_a_failure_while_open_does_not_lengthen_the_wait() {
    let clock = ManualClock::new();
    let breaker = breaker(&clock);
    breaker.record_failure();
    clock.advance(WAIT / 2);
    breaker.record_failure();
    clock.advance(WAIT / 2);
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn difference_4_a_timed_out_turn_counts_for_the_breaker_and_returns_when_due() {
    let clock = ManualClock::new();
    let breaker = breaker(&clock);
    let orchestrator =
        Orchestrator::new("writer", "draft").time(clock.clone()).circuit_breaker(breaker.clone());
    let session = orchestrator.session().unwrap();
    let limit = Timeout::on(Duration::from_secs(5), Arc::new(clock.clone()));
    let mut call = pin!(
        session.run_turn(Turn::model("m").timeout(limit), || { pending::<Result<(), BoxError>>() })
    );
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    clock.advance(Duration::from_secs(5));
    let Poll::Ready(Err(error)) = call.as_mut().poll(&mut cx) else { panic!("not when due") };
    assert_eq!(error.to_string(), "turn exceeded timeout of 5.000s");
    assert!(breaker.is_open());
}

#[test]
fn difference_5_the_turn_that_crosses_an_enforced_budget_is_answered_and_the_next_refused() {
    let orchestrator = Orchestrator::new("writer", "draft")
        .pricing(prices())
        .budget(Budget::enforced(Usd::from_cents(50)));
    let session = orchestrator.session().unwrap();
    let answer = session.run_turn_blocking(dollar(), fine).unwrap();
    assert_eq!(answer.value, 1);
    let mark = answer.over_budget.unwrap();
    assert_eq!(mark.to_string(), "budget exceeded: $1.0000 > $0.5000");
    let refused = session.run_turn_blocking(dollar(), || -> Result<u8, BoxError> {
        panic!("a refused turn was called")
    });
    assert!(matches!(refused, Err(TurnError::Budget(_))), "{refused:?}");
    assert_eq!(session.tracker().turns(), 1);
}

#[test]
fn difference_6_an_enforced_budget_refuses_a_model_without_a_price_unless_told_otherwise() {
    let strict = Budget::enforced(Usd::from_dollars(1));
    let orchestrator = Orchestrator::new("writer", "draft").pricing(PricingTable::new());
    let session = orchestrator.clone().budget(strict.clone()).session().unwrap();
    let refused = session.run_turn_blocking(dollar(), fine).unwrap_err();
    assert!(matches!(&refused, TurnError::Unpriced(unpriced) if &*unpriced.model == "m"));

    let told = strict.unknown_price(UnknownPrice::Free);
    let session = orchestrator.budget(told).session().unwrap();
    assert_eq!(session.run_turn_blocking(dollar(), fine).unwrap().cost, Usd::ZERO);
}

#[test]
fn difference_7_plain_turns_keep_the_originals_books_and_say_no_more() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let failed = session.run_turn_blocking(Turn::model("m"), || Err::<(), _>("HTTP 503"));
    // `recovered` is what the books say of the steps; the turn itself still failed, and no
    // event says that recovery succeeded.
    let recovery = failed.as_ref().unwrap_err().recovery().unwrap();
    assert_eq!(recovery.outcome.as_str(), "recovered");
    let said = session.summary().agent_events;
    assert!(said.iter().all(|event| event.event != AgentEventName::RecoverySucceeded));
}

#[test]
fn difference_8_delays_never_leave_their_bounds_at_any_attempt() {
    for &jitter in JitterMode::ALL {
        let backoff = Backoff::with_base(3.0).unwrap().jitter(jitter);
        for attempt in [0, 1, 40, 1_000, u32::MAX] {
            for previous in [None, Some(Duration::MAX)] {
                let delay = backoff.delay(attempt, previous);
                assert!(delay <= WAIT, "{jitter} {attempt} {previous:?}: {delay:?}");
            }
        }
    }
}

#[test]
fn difference_9_nothing_grows_with_the_turns_before_it() {
    const TURNS: u32 = 20_000;
    let kept = NonZeroUsize::new(10).unwrap();
    let orchestrator = Orchestrator::new("writer", "draft")
        .max_iterations(TURNS)
        .event_log(kept)
        .event_sink(RingBufferEventSink::with_capacity(kept))
        .pricing(prices());
    let session = orchestrator.session().unwrap();
    for _ in 0..TURNS {
        session.run_turn_blocking(dollar(), fine).unwrap();
    }
    let summary = session.summary();
    assert_eq!(summary.usage.turns, u64::from(TURNS));
    assert_eq!(summary.agent_events.len(), kept.get());
    assert_eq!(summary.events_emitted, u64::from(TURNS) * 2 + 1);
    assert_eq!(summary.per_model_cost.len(), 1);
}

#[test]
fn difference_10_a_session_that_is_over_refuses_turns_and_tools() {
    let open = || Orchestrator::new("writer", "draft").session().unwrap();
    let (handed, completed, failed, cancelled) = (open(), open(), open(), open());
    handed.handoff_to("editor", "polish", json!(null)).unwrap();
    completed.complete().unwrap();
    failed.fail("no", techrevati_runtime::events::AgentFailureClass::Unknown).unwrap();
    cancelled.cancel("enough").unwrap();
    for session in [handed, completed, failed, cancelled] {
        let turn = session.run_turn_blocking(Turn::model("m"), fine).unwrap_err();
        assert!(turn.to_string().starts_with("the session is over"), "{turn}");
        let tool = session.run_tool_blocking(ToolCall::new("search"), fine).unwrap_err();
        assert!(tool.to_string().starts_with("the session is over"), "{tool}");
    }
}

#[test]
fn difference_11_a_handoffs_worker_can_be_adopted_and_does_not_haunt_the_registry() {
    let one = NonZeroUsize::MIN;
    let registry = AgentRegistry::with_config(registry::Config::default().unclaimed_capacity(one));
    let writer = Orchestrator::new("writer", "draft").registry(registry.clone());
    let editor = Orchestrator::new("editor", "draft").registry(registry.clone());
    let hand_over = || {
        let session = writer.session().unwrap();
        session.handoff_to("editor", "polish", json!({ "draft": 1 })).unwrap()
    };
    let (forgotten, taken) = (hand_over(), hand_over());
    let lost = registry.get(&forgotten.target_worker_id).unwrap();
    assert_eq!(lost.status(), AgentStatus::Cancelled);
    assert!(editor.accept(&forgotten).is_err());

    let session = editor.accept(&taken).unwrap();
    assert_eq!(session.worker_id(), &*taken.target_worker_id);
    assert_eq!(session.status(), AgentStatus::Running);
    assert!(editor.accept(&taken).is_err());
    assert!(session.finish(Ok::<_, BoxError>(())).result.is_ok());
    assert_eq!(registry.list_active().len(), 0);
}

#[test]
fn difference_12_a_new_worker_never_replaces_another_with_its_id() {
    #[derive(Debug)]
    struct Same;
    impl IdSource for Same {
        fn draw(&self) -> u128 {
            7
        }
    }
    let registry = AgentRegistry::with_config(registry::Config::default().ids(Arc::new(Same)));
    let first = registry.create("writer", "draft", Some(1)).unwrap();
    assert_eq!(&**first.id(), "writer-draft-00000007");
    assert!(registry.create("writer", "draft", Some(2)).is_err());
    assert_eq!(registry.get(first.id()).unwrap().project_id(), Some(1));
}
