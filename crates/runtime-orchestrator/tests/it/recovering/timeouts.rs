//! Timeouts of streams: first token, idle, attempt, total.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_events::{AgentEventName, FailureScenario, Sleeper, SpanOutcome};
use runtime_orchestrator::{Answer, Attempt, BoxError, Turn, TurnError};
use runtime_resilience::{CircuitState, GaveUp, TimeoutPhase};
use runtime_usage::{UsageSnapshot, Usd};

use super::{SECOND, assert_recovery_agrees, books, fixture, patiently, poll};
use crate::support::{
    CountingWaker, Fixture, assert_lawful, breaker, last_outcome, limit, now, poll_times,
};

fn timed_out(error: &TurnError) -> TimeoutPhase {
    match error {
        TurnError::TimedOut(timeout) => timeout.phase,
        TurnError::Unrecovered(unrecovered) => timed_out(&unrecovered.error),
        other => panic!("{other:?}"),
    }
}

/// Reports a token after each number of seconds, then hangs or answers.
async fn stream(
    fixture: &Fixture,
    attempt: &Attempt,
    tokens: &[u32],
    answers: bool,
) -> Result<&'static str, BoxError> {
    for &after in tokens {
        fixture.clock.sleep(after * SECOND).await;
        attempt.token();
    }
    if answers { Ok("fine") } else { pending().await }
}

#[test]
fn each_timeout_reports_its_phase() {
    // First token 5 s, idle 2 s, attempt 10 s.
    for (tokens, answers, ends_at, phase) in [
        (&[][..], false, 5, Some(TimeoutPhase::FirstToken)),
        (&[6], true, 5, Some(TimeoutPhase::FirstToken)),
        (&[1], false, 3, Some(TimeoutPhase::Idle)),
        (&[1, 1, 1], false, 5, Some(TimeoutPhase::Idle)),
        (&[4, 3], true, 6, Some(TimeoutPhase::Idle)),
        (&[4, 1, 1, 1, 1, 1, 1], true, 10, None),
        (&[4, 1, 1, 1, 1, 1, 1, 1], true, 10, Some(TimeoutPhase::Attempt)),
        (&[4, 1, 1, 1, 1], true, 8, None),
    ] {
        let fixture = fixture().recovery(|recovery| {
            recovery.recipes(super::recipe(FailureScenario::LlmTimeout, &[], 0))
        });
        let session = fixture.orchestrator.session().unwrap();
        let times = |seconds: u32| limit(&fixture.clock, seconds * SECOND);
        let turn = Turn::model("m")
            .first_token_timeout(times(5))
            .idle_timeout(times(2))
            .timeout(times(10));
        let call = async |it| stream(&fixture, &it, tokens, answers).await;
        let ended = patiently(&fixture.clock, session.run_turn_recovering(turn, call));
        assert_eq!(fixture.clock.elapsed(), ends_at * SECOND, "{tokens:?}: {ended:?}");
        assert_eq!(ended.as_ref().err().map(timed_out), phase, "{tokens:?}");
        if phase.is_some() {
            let outcome = last_outcome(&fixture, AgentEventName::AttemptFailed);
            assert_eq!(outcome, Some(SpanOutcome::TimedOut));
            let outcome = last_outcome(&fixture, AgentEventName::TurnFailed);
            assert_eq!(outcome, Some(SpanOutcome::TimedOut));
        }
        drop(session);
        assert_lawful(&fixture.events.events());
        assert_eq!(fixture.clock.waiting(), 0);
    }
}

#[test]
fn timed_out_attempt_is_retried_with_fresh_timeouts() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let times = |seconds: u32| limit(&fixture.clock, seconds * SECOND);
    let turn = Turn::model("m").first_token_timeout(times(5)).idle_timeout(times(2));
    let phases = RefCell::new(Vec::new());
    let call = async |it: Attempt| {
        phases.borrow_mut().push((it.number(), it.cause()));
        let tokens: &[u32] = if it.number() == 1 { &[] } else { &[1] };
        stream(&fixture, &it, tokens, it.number() == 3).await
    };
    let answer = patiently(&fixture.clock, session.run_turn_recovering(turn, call)).unwrap();
    assert_eq!(answer.attempts, 3);
    let timeout = Some(FailureScenario::LlmTimeout);
    assert_eq!(*phases.borrow(), [(1, None), (2, timeout), (3, timeout)]);
    let again = ["attempted llm_timeout", "failed llm_timeout"];
    let told = [&again[..], &["attempted llm_timeout", "succeeded llm_timeout"]].concat();
    assert_eq!(books(&session), told);
    let details: Vec<_> = fixture
        .events
        .all(AgentEventName::AttemptFailed)
        .iter()
        .map(|event| event.detail.clone().unwrap().into_owned())
        .collect();
    assert_eq!(
        details,
        ["turn exceeded first-token timeout of 5.000s", "turn exceeded idle timeout of 2.000s"]
    );
    assert_recovery_agrees(&fixture, &session);
}

#[test]
fn attempt_timeouts_are_breaker_failures_and_within_is_not() {
    for (attempt, state) in [(true, CircuitState::Open), (false, CircuitState::Closed)] {
        let fixture = fixture();
        let breaker = breaker(&fixture.clock, 1);
        let fixture = fixture
            .with(|o| o.circuit_breaker(breaker.clone()))
            .recovery(|it| it.recipes(super::recipe(FailureScenario::LlmTimeout, &[], 0)));
        let session = fixture.orchestrator.session().unwrap();
        let two = limit(&fixture.clock, 2 * SECOND);
        let turn = Turn::model("m");
        let turn = if attempt { turn.timeout(two) } else { turn.within(two) };
        let call = async |_| pending::<Result<(), BoxError>>().await;
        let error = patiently(&fixture.clock, session.run_turn_recovering(turn, call)).unwrap_err();
        assert_eq!(breaker.state(), state);
        assert_eq!(error.is_final(), attempt, "{error:?}");
        assert_eq!(
            timed_out(&error),
            if attempt { TimeoutPhase::Attempt } else { TimeoutPhase::Total }
        );
    }
}

#[test]
fn within_interrupts_an_attempt_and_ends_the_turn() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let times = |seconds: u32| limit(&fixture.clock, seconds * SECOND);
    let turn = Turn::model("m").timeout(times(4)).within(times(7));
    let calls = Cell::new(0);
    let call = async |_| {
        calls.set(calls.get() + 1);
        pending::<Result<(), BoxError>>().await
    };
    let error = patiently(&fixture.clock, session.run_turn_recovering(turn, call)).unwrap_err();
    // Four seconds, a wait of one, and two left.
    assert_eq!((calls.get(), fixture.clock.elapsed()), (2, 7 * SECOND));
    assert_eq!(timed_out(&error), TimeoutPhase::Total);
    assert_eq!(error.to_string(), "turn exceeded total timeout of 7.000s");
    assert!(!error.is_refusal());
    assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::TimedOut));
    assert_recovery_agrees(&fixture, &session);
    drop(session);
    assert_lawful(&fixture.events.events());
}

#[test]
fn attempt_that_ends_with_the_turn_leaves_no_retry() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let times = |seconds: u32| limit(&fixture.clock, seconds * SECOND);
    let turn = Turn::model("m").timeout(times(4)).within(times(4));
    let call = async |_| pending::<Result<(), BoxError>>().await;
    let error = patiently(&fixture.clock, session.run_turn_recovering(turn, call)).unwrap_err();
    let TurnError::Unrecovered(unrecovered) = error else { panic!("{error:?}") };
    assert!(matches!(unrecovered.gave_up, GaveUp::NothingHelps(_)));
    assert_eq!(fixture.clock.elapsed(), 4 * SECOND);
}

#[test]
fn broken_stream_is_billed_by_its_observed_usage() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").idle_timeout(limit(&fixture.clock, 2 * SECOND));
    let call = async |it: Attempt| {
        it.token();
        it.observe(UsageSnapshot::new(1_000_000, 1));
        it.observe(UsageSnapshot::new(1_000_000, 500_000));
        if it.number() == 1 {
            pending::<()>().await;
        }
        Ok::<_, BoxError>(())
    };
    let answer = patiently(&fixture.clock, session.run_turn_recovering(turn, call)).unwrap();
    assert_eq!((answer.attempts, answer.cost), (2, Usd::from_dollars(4)));
    assert!(answer.estimated);
}

#[test]
fn token_reported_elsewhere_starts_the_idle_timeout() {
    // The reader is another task, which the turn's task does not await: nothing polls the turn when
    // a token comes.
    for first in [None, Some(30)] {
        let fixture = fixture();
        let session = fixture.orchestrator.session().unwrap();
        let turn = Turn::model("m").idle_timeout(limit(&fixture.clock, 2 * SECOND));
        let turn = match first {
            None => turn,
            Some(first) => turn.first_token_timeout(limit(&fixture.clock, first * SECOND)),
        };
        let reader = RefCell::new(None);
        let call = async |it: Attempt| {
            *reader.borrow_mut() = Some(it);
            pending::<Result<(), BoxError>>().await
        };
        let counted = Arc::new(CountingWaker::default());
        let waker = Waker::from(Arc::clone(&counted));
        let mut turn = pin!(session.run_turn_recovering(turn, call));
        // Polls only woken tasks, like an executor.
        let mut polled = 0;
        let mut run = |turn: std::pin::Pin<&mut _>| {
            let turn: std::pin::Pin<&mut dyn Future<Output = Result<Answer<()>, TurnError>>> = turn;
            if polled > counted.wakes() {
                return Poll::Pending;
            }
            polled = counted.wakes() + 1;
            turn.poll(&mut Context::from_waker(&waker))
        };
        assert!(run(turn.as_mut()).is_pending());
        fixture.clock.advance(SECOND);
        assert!(run(turn.as_mut()).is_pending());
        reader.borrow().as_ref().unwrap().token();
        assert!(run(turn.as_mut()).is_pending());
        fixture.clock.advance(2 * SECOND);
        let _ = run(turn.as_mut());
        let failed = fixture.events.all(AgentEventName::AttemptFailed).pop();
        let detail = failed.map(|event| event.detail.clone().unwrap().into_owned());
        let expected = "turn exceeded idle timeout of 2.000s";
        assert_eq!(detail.as_deref(), Some(expected), "first token: {first:?}");
    }
}

#[test]
fn active_turn_keeps_each_timeout() {
    for (tokens, ends_at, phase) in [
        (&[][..], 5, TimeoutPhase::FirstToken),
        (&[1], 3, TimeoutPhase::Idle),
        (&[4, 1, 1], 8, TimeoutPhase::Idle),
        (&[4, 1, 1, 1, 1, 1, 1], 10, TimeoutPhase::Attempt),
    ] {
        let fixture = fixture();
        let session = fixture.orchestrator.session().unwrap();
        let times = |seconds: u32| limit(&fixture.clock, seconds * SECOND);
        let turn = Turn::model("m")
            .first_token_timeout(times(5))
            .idle_timeout(times(2))
            .timeout(times(10));
        let error = patiently(&fixture.clock, async {
            let mut turn = session.begin_turn(turn).await?;
            for &after in tokens {
                turn.run(fixture.clock.sleep(after * SECOND)).await?;
                turn.token();
            }
            turn.run(pending::<()>()).await
        })
        .unwrap_err();
        assert_eq!(fixture.clock.elapsed(), ends_at * SECOND, "{tokens:?}");
        assert_eq!(timed_out(&error), phase, "{tokens:?}");
        assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::TimedOut));
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn step_after_the_idle_timeout_does_not_begin() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").idle_timeout(limit(&fixture.clock, 2 * SECOND));
    let mut turn = now(session.begin_turn(turn)).unwrap();
    fixture.clock.advance(99 * SECOND);
    now(turn.run(async {})).unwrap();
    turn.token();
    fixture.clock.advance(2 * SECOND);
    let error = now(turn.run(async {})).unwrap_err();
    assert_eq!(timed_out(&error), TimeoutPhase::Idle);
}

#[test]
fn plain_turn_beyond_within_is_no_provider_failure() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").within(limit(&fixture.clock, 2 * SECOND));
    let call = session.run_turn(turn, async || pending::<Result<(), BoxError>>().await);
    let error = patiently(&fixture.clock, call).unwrap_err();
    assert_eq!(timed_out(&error), TimeoutPhase::Total);
    assert_eq!(fixture.breaker.state(), CircuitState::Closed);
}

#[test]
fn call_ready_at_once_needs_no_timer() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let zero = || limit(&fixture.clock, Duration::ZERO);
    let turn = Turn::model("m").first_token_timeout(zero()).idle_timeout(zero());
    let call = async |_| Ok::<_, BoxError>(());
    assert!(poll_times(1, session.run_turn_recovering(turn, call)).unwrap().is_ok());
    // Times that no clock can represent never come.
    let never = || limit(&fixture.clock, Duration::MAX);
    let turn = Turn::model("m")
        .first_token_timeout(never())
        .idle_timeout(never())
        .timeout(never())
        .within(never());
    let call = async |it: Attempt| {
        it.token();
        pending::<Result<(), BoxError>>().await
    };
    let mut call = Box::pin(session.run_turn_recovering(turn, call));
    assert!(poll(&mut call).is_pending());
    fixture.clock.advance(1_000_000 * SECOND);
    assert!(poll(&mut call).is_pending());
}
