//! The intended differences from the original, one test each.

mod support;

use std::future::{pending, ready};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::json;
use techrevati_runtime::events::{
    AgentEvent, AgentEventName, AgentFailureClass, FailureScenario, ManualClock,
};
use techrevati_runtime::lifecycle::{AgentRegistry, AgentStatus, RegistryConfig};
use techrevati_runtime::orchestrator::{
    Attempt, OrchestrationSession, Orchestrator, RecoveryConfig, TelemetryConfig, Timeout,
    TurnError,
};
use techrevati_runtime::policy::{
    PhaseContext, PolicyAction, PolicyCondition, PolicyEngine, PolicyRule,
};
use techrevati_runtime::resilience::{
    Backoff, CallError, CircuitState, JitterMode, RecoveryOutcome, StepContext, classify_error,
    classify_text,
};
use techrevati_runtime::sinks::{RingBufferEventSink, RingBufferUsageSink};
use techrevati_runtime::usage::{Limit, ModelPricing, PricingTable, UnknownPrice, Usd};
use techrevati_runtime::{BoxError, ToolCall, Turn};

use self::support::{Draws, WAIT, breaker, dollar, fine, never, prices};
use super::support::now;

#[test]
fn difference_1_digits_inside_a_number_are_no_status_code() {
    for (code, meaning) in [
        ("429", FailureScenario::LlmError),
        ("401", FailureScenario::ProviderFailure),
        ("502", FailureScenario::ProviderFailure),
        ("503", FailureScenario::ProviderFailure),
    ] {
        for text in [format!("HTTP {code}"), format!("{code}: sorry"), format!("(code={code})")] {
            assert_eq!(classify_text(&text), meaning, "{text}");
            assert_eq!(classify_error(&*BoxError::from(text)), meaning);
        }
        for text in [format!("file {code}1.txt"), format!("took 1{code} ms"), format!("1.{code} s")]
        {
            // Without other facts it is an error of the model.
            assert_eq!(classify_text(&text), FailureScenario::LlmError, "{text}");
            let beside = format!("{text}: downstream");
            assert_eq!(classify_text(&beside), FailureScenario::DependencyTimeout, "{beside}");
        }
    }
}

#[test]
fn difference_2_stale_result_is_ignored_and_probe_freed() {
    let clock = ManualClock::new();
    let breaker = breaker(&clock);
    let [late_success, late_failure] = [(); 2].map(|()| breaker.try_acquire().unwrap());
    breaker.try_acquire().unwrap().failure();
    clock.advance(WAIT);
    let probe = breaker.try_acquire().unwrap();
    late_success.success();
    late_failure.failure();
    breaker.record_success();
    breaker.record_failure();
    assert_eq!(breaker.state(), CircuitState::HalfOpen);

    assert!(breaker.try_acquire().is_err(), "there is one place");
    drop(probe);
    let mut cancelled = Box::pin(breaker.call_async(pending::<Result<(), BoxError>>));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(cancelled.as_mut().poll(&mut cx).is_pending());
    assert!(breaker.try_acquire().is_err(), "it is taken again");
    drop(cancelled);
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn difference_3_failure_while_open_does_not_extend_the_wait() {
    let clock = ManualClock::new();
    let breaker = breaker(&clock);
    let late = breaker.try_acquire().unwrap();
    breaker.record_failure();
    clock.advance(WAIT / 2);
    breaker.record_failure();
    late.failure();
    let Err(CallError::Open(open)) = breaker.call(fine) else {
        panic!("the breaker admitted a call")
    };
    assert_eq!(open.retry_after, Some(WAIT / 2));
    clock.advance(WAIT / 2);
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn difference_4_timed_out_turn_counts_and_returns_in_time() {
    const LIMIT: Duration = Duration::from_secs(5);
    let clock = ManualClock::new();
    let tasks = breaker(&clock);
    let orchestrator =
        Orchestrator::new("writer", "draft").time(clock.clone()).circuit_breaker(tasks.clone());
    let session = orchestrator.session().unwrap();
    let turn = Turn::model("m").timeout(Timeout::on(LIMIT, Arc::new(clock.clone())));
    let mut call = pin!(session.run_turn(turn, pending::<Result<(), BoxError>>));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    clock.advance(LIMIT / 2);
    assert!(call.as_mut().poll(&mut cx).is_pending(), "before it is due");
    clock.advance(LIMIT / 2);
    let Poll::Ready(Err(error)) = call.as_mut().poll(&mut cx) else { panic!("not when due") };
    assert!(matches!(&error, TurnError::TimedOut(late) if late.timeout == LIMIT));
    assert_eq!(error.to_string(), "turn exceeded timeout of 5.000s");
    assert!(tasks.is_open());

    // A hanging thread does not hold its caller either.
    let clock = ManualClock::skipping();
    let threads = breaker(&clock);
    let session = orchestrator.time(clock.clone()).circuit_breaker(threads.clone());
    let session = session.session().unwrap();
    let (release, hang) = mpsc::channel::<()>();
    let error = session
        .blocking()
        .run_turn_within(Turn::model("m"), LIMIT, move || hang.recv())
        .unwrap_err();
    assert!(matches!(error, TurnError::TimedOut(_)), "{error}");
    assert_eq!(clock.elapsed(), LIMIT);
    assert!(threads.is_open());
    drop(release);
}

#[test]
fn difference_5_overspending_turn_is_answered() {
    let records = RingBufferUsageSink::new();
    let orchestrator = Orchestrator::new("writer", "draft")
        .pricing(prices())
        .usage_sink(records.clone())
        .budget(Limit::enforced(Usd::from_cents(150)));
    let session = orchestrator.session().unwrap();
    assert_eq!(session.blocking().run_turn(dollar(), fine).unwrap().over_budget, None);
    let answer = session.blocking().run_turn(dollar(), fine).unwrap();
    assert_eq!(answer.value, 1);
    let mark = answer.over_budget.unwrap();
    assert_eq!(mark.to_string(), "budget exceeded: $2.0000 > $1.5000");
    for _ in 0..2 {
        let refused = session.blocking().run_turn(dollar(), never);
        assert!(matches!(refused, Err(TurnError::Budget(_))), "{refused:?}");
    }
    assert_eq!(session.tracker().total_cost(), Usd::from_dollars(2));
    assert_eq!(records.records().len(), 2);
}

#[test]
fn difference_6_enforced_budget_refuses_unpriced_models() {
    let orchestrator = Orchestrator::new("writer", "draft").pricing(PricingTable::new());
    let with = |budget: Limit| orchestrator.clone().budget(budget).session().unwrap();
    let strict = Limit::enforced(Usd::from_dollars(1));
    let session = with(strict.clone());
    let refused = session.blocking().run_turn(dollar(), never).unwrap_err();
    assert!(matches!(&refused, TurnError::Unpriced(unpriced) if &*unpriced.model == "m"));

    let session = with(strict.clone().unknown_price(UnknownPrice::Free));
    assert_eq!(session.blocking().run_turn(dollar(), fine).unwrap().cost, Usd::ZERO);

    let price = ModelPricing::per_million(Usd::from_dollars(2_000_000), Usd::ZERO);
    let session = with(strict.unknown_price(UnknownPrice::Assume(price)));
    let answer = session.blocking().run_turn(dollar(), fine).unwrap();
    assert_eq!(answer.cost, Usd::from_dollars(2));
    assert!(answer.over_budget.is_some());

    let session = with(Limit::recorded(Usd::from_dollars(1)));
    assert_eq!(session.blocking().run_turn(dollar(), fine).unwrap().cost, Usd::ZERO);
}

#[test]
fn difference_7_recovered_means_that_an_attempt_succeeded() {
    let clock = ManualClock::skipping();
    let orchestrator = Orchestrator::new("writer", "draft").time(clock.clone());
    let outcomes = |session: &OrchestrationSession| -> Vec<_> {
        session.summary().recovery_events.iter().map(|event| event.result.outcome).collect()
    };
    let said = |session: &OrchestrationSession, name| {
        session.summary().agent_events.iter().filter(|event| event.event == name).count()
    };

    // An attempt that is answered after a failed one.
    let session = orchestrator.session().unwrap();
    let call = async |attempt: Attempt| match attempt.number() {
        1 => Err("HTTP 503"),
        _ => Ok(said(&session, AgentEventName::RecoverySucceeded)),
    };
    let answer = now(session.run_turn_recovering(Turn::model("m"), call)).unwrap();
    assert_eq!((answer.value, answer.attempts), (0, 2), "not before it is answered");
    assert!(clock.elapsed() > Duration::ZERO, "it waited");
    assert_eq!(said(&session, AgentEventName::RecoverySucceeded), 1);
    assert_eq!(outcomes(&session), [RecoveryOutcome::PartialRecovery, RecoveryOutcome::Recovered]);

    // Attempts without an answer.
    let session = orchestrator.session().unwrap();
    let down = || Err::<(), _>("HTTP 503");
    let failed = now(session.run_turn_recovering(Turn::model("m"), async |_| down())).unwrap_err();
    assert!(failed.is_final());
    assert_eq!(failed.recovery().unwrap().outcome, RecoveryOutcome::EscalationRequired);
    assert_eq!(said(&session, AgentEventName::RecoveryFailed), 2);
    assert_eq!(said(&session, AgentEventName::RecoverySucceeded), 0);
    assert!(!outcomes(&session).contains(&RecoveryOutcome::Recovered));
}

#[test]
fn difference_13_plain_turn_reports_no_recovery() {
    let exhausted = PolicyRule::new("retries", PolicyCondition::retry_exhausted(None));
    let never = |_: &StepContext<'_>| -> Result<(), BoxError> { panic!("never asked") };
    let orchestrator = Orchestrator::new("writer", "draft")
        .policy(PolicyEngine::new([exhausted.action(PolicyAction::AbortPhase)]))
        .recovery(RecoveryConfig::default().handler(never));
    let session = orchestrator.session().unwrap();
    for _ in 0..5 {
        let failed = session.blocking().run_turn(Turn::model("m"), || Err::<(), _>("HTTP 503"));
        assert_eq!(failed.unwrap_err().recovery(), None);
    }
    let summary = session.summary();
    assert!(summary.recovery_events.is_empty());
    let names = summary.agent_events.iter().map(|event| event.event.as_str());
    assert!(names.into_iter().all(|name| !name.starts_with("agent.recovery.")));
    let failed = |event: &&Arc<AgentEvent>| event.event == AgentEventName::TurnFailed;
    for event in summary.agent_events.iter().filter(failed) {
        assert_eq!(event.data.as_ref().unwrap().get("scenario").unwrap(), "provider_failure");
    }
    assert!(session.evaluate_policy(PhaseContext::default()).is_empty(), "nothing was retried");
}

#[test]
fn difference_8_delays_stay_within_bounds_at_any_attempt() {
    for &jitter in JitterMode::ALL {
        for base in [1.0, 1.5, 3.0, f64::MAX] {
            for cap in [Duration::ZERO, Duration::from_millis(1), WAIT, Duration::MAX] {
                let backoff = Backoff::with_base(base).unwrap().jitter(jitter).cap(cap);
                for attempt in [0, 1, 40, 1_000, 1_024, u32::MAX] {
                    for previous in [None, Some(Duration::from_nanos(1)), Some(Duration::MAX)] {
                        let [shortest, longest] =
                            [0.0, 1.0].map(|unit| backoff.delay_from(attempt, previous, unit));
                        let drawn = backoff.delay(attempt, previous);
                        let bounds = shortest <= drawn && drawn <= longest && longest <= cap;
                        assert!(bounds, "{jitter} {base} {attempt} {previous:?}: {drawn:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn difference_9_nothing_grows_with_earlier_turns() {
    const FEW: u32 = 2_000;
    const MANY: u32 = 20_000;
    let kept = NonZeroUsize::new(10).unwrap();
    let prices = prices();
    let orchestrator = Orchestrator::new("writer", "draft")
        .max_iterations(u32::MAX)
        .telemetry(TelemetryConfig::default().event_log(kept))
        .event_sink(RingBufferEventSink::with_capacity(kept))
        .pricing(prices.clone());
    let session = orchestrator.session().unwrap();
    let run = |turns| {
        for _ in 0..turns {
            session.blocking().run_turn(dollar(), fine).unwrap();
            let failed = session.blocking().run_turn(dollar(), || Err::<u8, _>("HTTP 503"));
            assert!(failed.is_err());
        }
        serde_json::to_string(&session.summary()).unwrap().len()
    };
    let few = run(FEW);
    let many = run(MANY - FEW);
    assert!(many < few + 200, "the summary grew from {few} to {many} bytes");
    let summary = session.summary();
    assert_eq!(summary.usage.turns, u64::from(MANY));
    assert_eq!(summary.agent_events.len(), kept.get());
    assert!(summary.recovery_events.is_empty(), "plain turns do not recover");
    assert_eq!(summary.per_model_cost.len(), 1);
    // Each turn was billed once, when it was recorded, and is not summed again at another price.
    prices.register("m", ModelPricing::FREE).unwrap();
    assert_eq!(session.tracker().total_cost(), Usd::from_dollars(u64::from(MANY)));
}

#[test]
fn difference_10_ended_session_refuses_turns_and_tools() {
    let open = || Orchestrator::new("writer", "draft").session().unwrap();
    let (handed, completed, failed, cancelled) = (open(), open(), open(), open());
    handed.handoff_to("editor", "polish", json!(null)).unwrap();
    completed.complete().unwrap();
    failed.fail("no", AgentFailureClass::Unknown).unwrap();
    cancelled.cancel("enough").unwrap();
    for (session, status) in [
        (handed, AgentStatus::Completed),
        (completed, AgentStatus::Completed),
        (failed, AgentStatus::Failed),
        (cancelled, AgentStatus::Cancelled),
    ] {
        let turn = || Turn::model("m");
        let tool = || ToolCall::new("search");
        let refused = [
            session.blocking().run_turn(turn(), never).unwrap_err().to_string(),
            session.blocking().run_tool(tool(), never).unwrap_err().to_string(),
            now(session.run_turn(turn(), || ready(never()))).unwrap_err().to_string(),
            now(session.run_tool(tool(), || ready(never()))).unwrap_err().to_string(),
            now(session.begin_turn(Turn::model("m"))).unwrap_err().to_string(),
        ];
        for text in refused {
            assert_eq!(text, format!("the session has ended: its worker is {status}"));
        }
        assert_eq!(session.status(), status);
    }
}

#[test]
fn difference_11_handoff_workers_are_claimable_and_bounded() {
    const ROOM: usize = 3;
    let config = RegistryConfig::default().unclaimed_capacity(NonZeroUsize::new(ROOM).unwrap());
    let registry = AgentRegistry::with_config(config);
    let writer = Orchestrator::new("writer", "draft").project_id(7).registry(registry.clone());
    let editor = Orchestrator::new("editor", "elsewhere").registry(registry.clone());
    let hand_over = || {
        let session = writer.session().unwrap();
        session.handoff_to("editor", "polish", json!({ "draft": 1 })).unwrap()
    };
    let forgotten: Vec<_> = (0..20).map(|_| hand_over()).collect();
    let taken = hand_over();
    assert_eq!(registry.list_unclaimed().len(), ROOM);
    assert_eq!(registry.list_active().len(), ROOM);
    let lost = registry.get(&forgotten[0].target_worker_id).unwrap();
    assert_eq!(lost.status(), AgentStatus::Cancelled);
    assert!(editor.accept(&forgotten[0]).is_err());

    let session = editor.accept(&taken).unwrap();
    assert_eq!(session.worker_id(), &*taken.target_worker_id);
    assert_eq!(session.status(), AgentStatus::Running);
    assert_eq!(session.phase(), "draft", "the handoff's phase");
    assert_eq!(registry.get(session.worker_id()).unwrap().project_id(), Some(7));
    assert!(editor.accept(&taken).is_err(), "only once");
    assert!(session.finish(Ok::<_, BoxError>(())).result.is_ok());
    assert_eq!(registry.list_active().len(), ROOM - 1);
    registry.cancel_unclaimed("shutdown");
    assert!(registry.list_active().is_empty());
    assert!(registry.get_by_role_phase("editor", "draft").is_none());
}

#[test]
fn difference_12_new_worker_never_replaces_another() {
    let registry = |draws| {
        let config = RegistryConfig::default().ids(Arc::new(Draws::new(draws)));
        AgentRegistry::with_config(config)
    };
    // A taken id is drawn again.
    let drawn = registry(vec![7, 7, 7, 8]);
    let first = drawn.create("writer", "draft", Some(1)).unwrap();
    let second = drawn.create("writer", "draft", Some(2)).unwrap();
    assert_eq!((&**first.id(), &**second.id()), ("writer-draft-00000007", "writer-draft-00000008"));
    assert_eq!(drawn.get(first.id()).unwrap().project_id(), Some(1));
    assert_eq!(drawn.get(second.id()).unwrap().project_id(), Some(2));

    // A source with a single id gives one worker, and an error.
    let stuck = registry(vec![7]);
    let first = stuck.create("writer", "draft", Some(1)).unwrap();
    assert!(stuck.create("writer", "draft", Some(2)).is_err());
    assert_eq!((stuck.len(), stuck.get(first.id()).unwrap().project_id()), (1, Some(1)));
}

#[test]
fn difference_14_handoff_takes_account_deadline_and_turns_along() {
    let (clock, registry) = (ManualClock::new(), AgentRegistry::new());
    let of = |role| Orchestrator::new(role, "draft").registry(registry.clone()).pricing(prices());
    let writer = of("writer").time(clock.clone()).deadline(WAIT);
    let session = writer.budget(Limit::enforced(Usd::from_dollars(3))).session().unwrap();
    session.blocking().run_turn(dollar(), fine).unwrap();
    clock.advance(WAIT / 2);
    let handoff = session.handoff_to("editor", "polish", json!(null)).unwrap();

    let editor = of("editor").time(clock.clone()).max_iterations(2);
    let session = editor.accept(&handoff).unwrap();
    session.blocking().run_turn(dollar(), fine).unwrap();
    assert_eq!(session.account().unwrap().balance().spent, Usd::from_dollars(2));
    let capped = session.blocking().run_turn(dollar(), never).unwrap_err();
    assert!(matches!(capped, TurnError::MaxIterations(_)), "{capped}");
    clock.advance(WAIT / 2);
    let late = session.handoff_to("editor", "again", json!(null)).unwrap();
    assert!(editor.accept(&late).is_err(), "too late for the first session");
}

#[test]
fn difference_15_longer_name_has_no_price_of_its_beginning() {
    let known = [PricingTable::new(), PricingTable::by_beginning()].map(|prices| {
        prices.register("gpt-5", ModelPricing::FREE).unwrap();
        ["gpt-5", "gpt-5-2025-08-07", "gpt-5.5-pro"].map(|name| prices.get(name).is_some())
    });
    assert_eq!(known, [[true, true, false], [true; 3]]);
}
