//! Back-off: waited in full, at least as long as asked, and never beyond cap or deadline.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{AgentEventName, SpanOutcome};
use runtime_orchestrator::{BoxError, Turn, TurnError};
use runtime_resilience::{
    Backoff, Demand, FaultKind, GaveUp, NoRetry, RateLimiter, RateLimits, RetryBudget,
    RetryBudgetConfig, Route, Routes, TimeoutPhase,
};
use runtime_usage::{Limit, Usd};

use super::{
    BOTH, SECOND, Script, asking, assert_recovery_agrees, fixture, patiently, poll, quick, timed,
    told,
};
use crate::support::{
    assert_books_agree, assert_lawful, assert_lawful_so_far, dollar, last_outcome, limit, yields,
};

fn gave_up(error: TurnError) -> GaveUp {
    let TurnError::Unrecovered(unrecovered) = error else { panic!("{error:?}") };
    unrecovered.gave_up
}

#[test]
fn turn_does_not_call_a_place_that_another_one_was_asked_to_leave_alone() {
    // A failure that is no reason for a rest, and one that is a reason for a shorter one.
    let failures =
        [Script::of([FaultKind::Server]), Script::new([asking(FaultKind::RateLimit, SECOND)])];
    for script in failures {
        let fixture = fixture();
        let routes = Routes::ordered([Route::new("openai", "m")]);
        let routes = routes.with_clock(Arc::new(fixture.clock.clone()));
        let fixture = fixture.recovery(|recovery| recovery.routes(routes.clone()));
        let session = fixture.orchestrator.session().unwrap();
        let mut turn = Box::pin(session.run_turn_recovering(Turn::model("m"), async |attempt| {
            yields(1).await;
            script.play(attempt)
        }));
        assert!(poll(&mut turn).is_pending());
        // While the call is under way, another turn is asked to leave the place alone.
        let openai = routes.iter().next().unwrap();
        routes.apply(openai, &asking(FaultKind::RateLimit, 5 * SECOND).fault).unwrap();
        assert!(poll(&mut turn).is_pending());
        fixture.clock.advance(2 * SECOND);
        for _ in 0..3 {
            assert!(poll(&mut turn).is_pending());
        }
        assert_eq!(script.calls(), 1, "its own wait is over, and the place rests");
        assert_eq!(patiently(&fixture.clock, turn).unwrap().attempts, 2);
        assert!(fixture.clock.elapsed() >= 5 * SECOND);
    }
}

#[test]
fn back_off_is_waited_in_full_and_holds_nothing() {
    let fixture = fixture().with(|o| o.budget(Limit::enforced(Usd::from_dollars(2))));
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Server]);
    let turn = Turn::model("m").reserve(Usd::from_dollars(1)).usage(dollar());
    let mut call = Box::pin(session.run_turn_recovering(turn, async |it| script.play(it)));
    assert!(poll(&mut call).is_pending());
    assert_eq!((script.calls(), fixture.clock.waiting()), (1, 1));
    let balance = session.account().unwrap().balance();
    assert_eq!(balance.reserved, Usd::ZERO, "the next attempt reserves separately");
    assert_eq!(assert_lawful_so_far(&fixture.events.events()), 2, "the turn, and its wait");
    fixture.clock.advance(SECOND.saturating_sub(Duration::from_nanos(1)));
    for _ in 0..3 {
        assert!(poll(&mut call).is_pending());
    }
    assert_eq!(script.calls(), 1);
    fixture.clock.advance(Duration::from_nanos(1));
    assert!(poll(&mut call).is_ready());
    assert_eq!((script.calls(), fixture.clock.waiting()), (2, 0));
    drop(call);
    assert_books_agree(&fixture, &session);
}

#[test]
fn asked_wait_is_waited_in_full() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::new([asking(FaultKind::RateLimit, 20 * SECOND)]);
        way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!(fixture.clock.elapsed(), 21 * SECOND, "the delay is added");
    }
}

#[test]
fn jitter_does_not_shorten_an_asked_wait() {
    for _ in 0..20 {
        let fixture = quick().recovery(|recovery| recovery.backoff(Backoff::default()));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::new([asking(FaultKind::RateLimit, 20 * SECOND)]);
        BOTH[0].run(&session, Turn::model("m"), &script).unwrap();
        let waited = fixture.clock.elapsed();
        assert!((20 * SECOND..=60 * SECOND).contains(&waited), "{waited:?}");
    }
}

#[test]
fn wait_beyond_the_cap_is_not_begun() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let asked = 61 * SECOND;
        let script = Script::new([asking(FaultKind::RateLimit, asked)]);
        let why = gave_up(way.run(&session, Turn::model("m"), &script).unwrap_err());
        assert_eq!(why, GaveUp::NothingHelps(NoRetry::TooLong { asked, cap: 60 * SECOND }));
        assert_eq!((script.calls(), fixture.clock.elapsed()), (1, Duration::ZERO));
        assert_eq!(super::books(&session), ["escalated llm_error"]);
    }
}

#[test]
fn wait_beyond_the_clocks_range_is_not_skipped() {
    let fixture =
        fixture().recovery(|recovery| recovery.backoff(Backoff::default().cap(Duration::MAX)));
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::new([asking(FaultKind::RateLimit, Duration::MAX)]);
    let call = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
    let mut call = Box::pin(call);
    assert!(poll(&mut call).is_pending());
    fixture.clock.advance(1_000_000 * SECOND);
    assert!(poll(&mut call).is_pending());
    assert_eq!(script.calls(), 1);
}

#[test]
fn wait_beyond_the_session_deadline_is_not_begun() {
    for way in BOTH {
        let fixture = quick().deadline(20 * SECOND);
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::new([asking(FaultKind::RateLimit, 20 * SECOND)]);
        let why = gave_up(way.run(&session, Turn::model("m"), &script).unwrap_err());
        let none = NoRetry::Deadline { wait: 20 * SECOND, left: 20 * SECOND };
        assert_eq!(why, GaveUp::NothingHelps(none));
        assert_eq!(fixture.clock.elapsed(), Duration::ZERO);
    }
}

#[test]
fn wait_beyond_the_turns_time_is_not_begun() {
    let fixture = quick().deadline(60 * SECOND);
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").within(limit(&fixture.clock, 20 * SECOND));
    let script = Script::new([asking(FaultKind::RateLimit, 20 * SECOND)]);
    let why = gave_up(timed(&session, turn, &script).unwrap_err());
    assert!(matches!(why, GaveUp::NothingHelps(NoRetry::Deadline { .. })), "{why:?}");
}

#[test]
fn all_waits_together_end_before_the_turn() {
    let fixture = quick().recovery(|recovery| {
        let steps = [runtime_resilience::RecoveryStep::RetryWithBackoff];
        let scenario = runtime_events::FailureScenario::LlmError;
        recovery.recipes(super::recipe(scenario, &steps, u32::MAX))
    });
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").within(limit(&fixture.clock, 20 * SECOND));
    let script = Script::of([FaultKind::Server; 99]);
    let error = timed(&session, turn, &script).unwrap_err();
    assert!(matches!(gave_up(error), GaveUp::NothingHelps(NoRetry::Deadline { .. })));
    // 1, 2, 4, 8; the next wait would be 16, and 5 are left.
    assert_eq!((script.calls(), fixture.clock.elapsed()), (5, 15 * SECOND));
}

#[test]
fn turn_dropped_in_its_wait_is_cancelled() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Server]);
    let call = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
    assert!(crate::support::poll_times(3, call).is_none());
    assert_eq!(fixture.clock.waiting(), 0);
    assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Cancelled));
    let failed = fixture.only(AgentEventName::RecoveryFailed);
    assert_eq!(failed.detail.as_deref(), Some("llm_error: the turn was dropped"));
    assert_recovery_agrees(&fixture, &session);
    session.complete().unwrap();
    assert_lawful(&fixture.events.events());
}

#[test]
fn session_end_wakes_a_waiting_turn() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Server]);
    let call = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
    let mut call = Box::pin(call);
    assert!(poll(&mut call).is_pending());
    session.handle().cancel("enough").unwrap();
    let std::task::Poll::Ready(Err(error)) = poll(&mut call) else { panic!("it was woken") };
    assert!(matches!(error, TurnError::Closed(_)), "{error:?}");
    assert!(!error.is_refusal(), "a call was made");
    drop(call);
    assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Cancelled));
    assert_recovery_agrees(&fixture, &session);
    drop(session);
    assert_lawful(&fixture.events.events());
}

#[test]
fn turn_polled_too_late_makes_no_further_call() {
    // By the turn's own time, and by the session's.
    for own in [true, false] {
        let fixture = if own { fixture() } else { fixture().deadline(10 * SECOND) };
        let session = fixture.orchestrator.session().unwrap();
        let ten = limit(&fixture.clock, if own { 10 * SECOND } else { 99 * SECOND });
        let turn = Turn::model("m").within(ten);
        let script = Script::of([FaultKind::Server]);
        let mut call = Box::pin(session.run_turn_recovering(turn, async |it| script.play(it)));
        assert!(poll(&mut call).is_pending());
        fixture.clock.advance(20 * SECOND);
        let std::task::Poll::Ready(Err(error)) = poll(&mut call) else { panic!("it is over") };
        assert_eq!(script.calls(), 1, "no call begins after the time is over");
        assert!(!error.is_refusal(), "a call was made: {error:?}");
        match error {
            TurnError::TimedOut(timeout) if own => assert_eq!(timeout.phase, TimeoutPhase::Total),
            TurnError::Deadline(_) if !own => {}
            other => panic!("{other:?}"),
        }
        drop(call);
        let outcome = last_outcome(&fixture, AgentEventName::TurnFailed);
        assert_eq!(outcome, Some(SpanOutcome::TimedOut));
        assert_recovery_agrees(&fixture, &session);
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn wait_has_its_length_in_events_and_a_switch_has_none() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::ContextLength, FaultKind::Server]);
    let call = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
    patiently(&fixture.clock, call).unwrap();
    let waits: Vec<_> = fixture
        .events
        .all(AgentEventName::RecoveryAttempted)
        .iter()
        .map(|event| event.data.as_ref().unwrap().get("wait_seconds").cloned())
        .collect();
    assert_eq!(waits, [None, Some(1.0.into())], "{:#?}", told(&fixture.events.events()));
    session.finish(Ok::<_, BoxError>(())).result.unwrap();
}

#[test]
fn rest_that_the_turn_has_waited_for_refuses_nothing_on_another_clock() {
    for way in BOTH {
        // Their rests are on the system's clock.
        let routes = Routes::ordered([Route::new("only", "m")]);
        let fixture = quick().recovery(|recovery| recovery.routes(routes));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::new([asking(FaultKind::RateLimit, 20 * SECOND)]);
        let answer = way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!((answer.attempts, fixture.clock.elapsed()), (2, 21 * SECOND));
    }
}

#[test]
fn retry_that_is_not_made_is_given_back() {
    let budget = RetryBudget::new(RetryBudgetConfig::default().percent(0).reserve(1));
    let fixture = fixture().recovery(|recovery| recovery.retry_budget(budget.clone()));
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Server; 3]);
    let turn =
        || Box::pin(session.run_turn_recovering(Turn::model("m"), async |it| script.play(it)));
    // The user leaves while it waits.
    let mut left = turn();
    assert!(poll(&mut left).is_pending());
    assert_eq!(budget.balance(), 0);
    drop(left);
    assert_eq!(budget.balance(), 1);

    let made = turn();
    let GaveUp::RetryBudget = gave_up(patiently(&fixture.clock, made).unwrap_err()) else {
        panic!("the one retry is made")
    };
    assert_eq!((budget.balance(), script.calls()), (0, 3));
}

#[test]
fn turn_that_waits_for_room_goes_elsewhere_if_its_route_rests_by_then() {
    let fixture = fixture();
    let clock = Arc::new(fixture.clock.clone());
    let one_a_minute = RateLimits::default().requests_per_minute(NonZeroU32::MIN);
    let limiter = RateLimiter::with_clock("openai", one_a_minute.burst(60 * SECOND), clock.clone());
    let _sent = limiter.try_reserve(Demand::request()).unwrap();
    let openai = Route::new("openai", "m").rate_limiter(limiter.clone());
    // The other one has no room for longer.
    let other = RateLimiter::with_clock("azure", one_a_minute, clock.clone());
    other.pause(90 * SECOND);
    let azure = Route::new("azure", "m").rate_limiter(other);
    let routes = Routes::ordered([openai.clone(), azure]).with_clock(clock);
    let fixture = fixture.recovery(|recovery| recovery.routes(routes.clone()));
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([]);
    let mut turn = Box::pin(
        session.run_turn_recovering(Turn::model("m"), async |attempt| script.play(attempt)),
    );
    assert!(poll(&mut turn).is_pending());
    // Another turn is asked to leave it alone.
    routes.apply(&openai, &asking(FaultKind::Overload, 300 * SECOND).fault).unwrap();
    fixture.clock.advance(60 * SECOND);
    assert!(poll(&mut turn).is_pending());
    assert_eq!(script.calls(), 0, "there is room, and the place rests");
    assert!(limiter.check(Demand::request()).is_ok(), "nothing was sent");
    let answer = patiently(&fixture.clock, turn).unwrap();
    assert_eq!((answer.attempts, answer.provider.as_deref()), (1, Some("azure")));
}
