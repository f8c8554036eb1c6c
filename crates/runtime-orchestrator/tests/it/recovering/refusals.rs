//! Refusals of turns and attempts.

use runtime_events::{AgentEventName, SpanOutcome};
use runtime_orchestrator::{BoxError, Turn, TurnError};
use runtime_resilience::{FaultKind, GaveUp, RetryBudget, RetryBudgetConfig};
use runtime_usage::{Limit, Usd};

use super::{BOTH, SECOND, Script, assert_recovery_agrees, books, fixture, poll, quick};
use crate::support::{WAIT, assert_lawful, breaker, last_outcome};

#[test]
fn recovering_turn_counts_as_one_iteration() {
    for way in BOTH {
        let fixture = quick().with(|o| o.max_iterations(2));
        let session = fixture.orchestrator.session().unwrap();
        let run = |script: &Script| way.run(&session, Turn::model("m"), script);
        run(&Script::of([FaultKind::Server; 2])).unwrap();
        run(&Script::of([FaultKind::Server; 2])).unwrap();
        let script = Script::of([]);
        let error = run(&script).unwrap_err();
        assert!(matches!(error, TurnError::MaxIterations(_)), "{error:?}");
        assert!(error.is_refusal());
        assert_eq!(script.calls(), 0);
        assert_eq!(session.summary().iterations, 3);
        let blocked = fixture.only(AgentEventName::AgentBlocked);
        assert_eq!(blocked.data.as_ref().unwrap().get("reason").unwrap(), "max_iterations");
        session.complete().unwrap();
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn unrecoverable_refusal_is_returned_like_a_plain_turns() {
    for way in BOTH {
        // Spent already.
        let fixture = quick().with(|o| o.budget(Limit::enforced(Usd::ZERO)));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([]);
        let turn = Turn::model("m").reserve(Usd::from_dollars(1));
        let error = way.run(&session, turn, &script).unwrap_err();
        assert!(matches!(error, TurnError::Budget(_)) && error.is_refusal(), "{error:?}");
        let blocked = fixture.only(AgentEventName::AgentBlocked);
        assert_eq!(blocked.data.as_ref().unwrap().get("reason").unwrap(), "budget");
        assert!(fixture.events.all(AgentEventName::TurnStarted).is_empty());
        assert!(session.summary().recovery_events.is_empty());
        session.complete().unwrap();

        // Over already.
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert!(matches!(error, TurnError::Closed(_)) && error.is_refusal(), "{error:?}");
        assert_eq!(script.calls(), 0);
        assert_lawful(&fixture.events.events());

        // Out of time.
        let fixture = quick().deadline(SECOND);
        let session = fixture.orchestrator.session().unwrap();
        fixture.clock.advance(SECOND);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert!(matches!(error, TurnError::Deadline(_)) && error.is_refusal(), "{error:?}");
        let blocked = fixture.only(AgentEventName::AgentBlocked);
        assert_eq!(blocked.data.as_ref().unwrap().get("reason").unwrap(), "deadline");
    }
}

#[test]
fn open_breaker_is_waited_for_and_the_call_is_its_probe() {
    for way in BOTH {
        let fixture = quick();
        (0..9).for_each(|_| fixture.breaker.record_failure());
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([]);
        let answer = way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!((answer.attempts, fixture.clock.elapsed()), (1, WAIT + SECOND));
        assert_eq!(books(&session), ["attempted provider_failure", "succeeded provider_failure"]);
        assert_recovery_agrees(&fixture, &session);
        fixture.assert_no_probe_is_leaked();
        session.complete().unwrap();
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn turn_refused_to_the_end_made_no_call() {
    for way in BOTH {
        let fixture = quick().deadline(WAIT / 2);
        (0..9).for_each(|_| fixture.breaker.record_failure());
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert!(error.is_final() && error.is_refusal(), "{error:?}");
        assert_eq!(script.calls(), 0);
        let TurnError::Unrecovered(unrecovered) = &error else { panic!("{error:?}") };
        assert_eq!(unrecovered.attempts, 0);
        assert!(matches!(unrecovered.error, TurnError::CircuitOpen(_)));
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn refused_and_awaited_retry_is_charged_once() {
    for way in BOTH {
        let budget = RetryBudget::new(RetryBudgetConfig::default().percent(0).reserve(1));
        let fixture = quick();
        let opens_at_once = breaker(&fixture.clock, 1);
        let fixture = fixture
            .with(|o| o.circuit_breaker(opens_at_once))
            .recovery(|recovery| recovery.retry_budget(budget));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server]);
        let answer = way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!(answer.attempts, 2);
        let told = books(&session);
        let refused = told.iter().filter(|it| *it == "attempted provider_failure").count();
        assert_eq!(refused, 1, "{told:?}");
    }
}

#[test]
fn retry_budget_is_shared_by_all_sessions() {
    for way in BOTH {
        let config = RetryBudgetConfig::default().percent(0).reserve(3);
        let budget = RetryBudget::new(config);
        let fixture = quick().recovery(|recovery| recovery.retry_budget(budget.clone()));
        let other = fixture.orchestrator.clone().session().unwrap();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server; 9]);
        way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert_eq!(script.calls(), 3, "two of the three retries");

        let script = Script::of([FaultKind::Server; 9]);
        let error = way.run(&other, Turn::model("m"), &script).unwrap_err();
        assert_eq!(script.calls(), 2, "the third");
        let TurnError::Unrecovered(unrecovered) = error else { panic!("{error:?}") };
        assert_eq!(unrecovered.gave_up, GaveUp::RetryBudget);
        assert_eq!(unrecovered.recovery.reason, "the retry budget is used up");
        assert!(budget.try_withdraw().is_err());
        assert_eq!(books(&other).last().unwrap(), "escalated llm_error");

        // The first attempt needs no retry budget.
        way.run(&other, Turn::model("m"), &Script::of([])).unwrap();
    }
}

#[test]
fn answers_refill_the_retry_budget() {
    for way in BOTH {
        let config = RetryBudgetConfig::default().percent(50).reserve(1);
        let fixture = quick()
            .recovery(|recovery| recovery.retry_budget(RetryBudget::new(config)))
            .with(|o| o.max_iterations(99));
        let session = fixture.orchestrator.session().unwrap();
        let run = |faults: usize| {
            let script = Script::of(vec![FaultKind::Server; faults]);
            way.run(&session, Turn::model("m"), &script)
        };
        run(1).unwrap();
        run(1).unwrap_err();
        run(0).unwrap();
        run(1).unwrap();
        run(1).unwrap_err();
    }
}

#[test]
fn wait_for_a_breaker_before_the_first_call_is_no_retry() {
    let config = RetryBudgetConfig::default().percent(0).reserve(1);
    let budget = RetryBudget::new(config);
    let fixture = quick().recovery(|recovery| recovery.retry_budget(budget.clone()));
    (0..9).for_each(|_| fixture.breaker.record_failure());
    let session = fixture.orchestrator.session().unwrap();
    BOTH[0].run(&session, Turn::model("m"), &Script::of([])).unwrap();
    assert!(budget.try_withdraw().is_ok(), "nothing was taken");
}

#[test]
fn session_end_between_attempts_reports_that_a_call_began() {
    // The session ends inside the call, which then fails: the next attempt is not begun.
    for way in BOTH {
        for kind in [FaultKind::ContextLength, FaultKind::Server] {
            let fixture = quick();
            let session = fixture.orchestrator.session().unwrap();
            let handle = session.handle();
            let calls = std::cell::Cell::new(0);
            let call = |_| {
                calls.set(calls.get() + 1);
                let _ = handle.cancel("enough");
                Err::<(), _>(super::fault(kind))
            };
            let turn = Turn::model("m");
            let error = match way {
                super::Way::Task => {
                    crate::support::now(session.run_turn_recovering(turn, async |it| call(it)))
                }
                super::Way::Thread => session.blocking().run_turn_recovering(turn, call),
            };
            let error = error.unwrap_err();
            assert_eq!(calls.get(), 1, "{way:?} {kind}");
            assert!(matches!(error, TurnError::Closed(_)), "{error:?}");
            assert!(!error.is_refusal(), "a call was made: {way:?} {kind}");
            let outcome = last_outcome(&fixture, AgentEventName::TurnFailed);
            assert_eq!(outcome, Some(SpanOutcome::Cancelled));
            assert_recovery_agrees(&fixture, &session);
            drop(session);
            assert_lawful(&fixture.events.events());
            fixture.assert_no_probe_is_leaked();
        }
    }
}

#[test]
fn session_with_a_waiting_turn_does_not_complete() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Server]);
    let call = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
    let mut call = Box::pin(call);
    assert!(poll(&mut call).is_pending());
    assert!(session.complete().is_err());
    drop(call);
    session.finish(Ok::<_, BoxError>(())).result.unwrap();
    assert_lawful(&fixture.events.events());
}
