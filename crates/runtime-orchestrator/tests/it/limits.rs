//! Ends, deadlines and timeouts of calls that never wait and guardrails that take long.

use std::cell::Cell;
use std::future::{pending, ready};
use std::time::Duration;

use runtime_events::{AgentEventName, ManualClock, SpanOutcome};
use runtime_orchestrator::{BoxError, ToolCall, ToolError, Turn, TurnError};
use runtime_policy::{
    AsyncGuardrail, GuardrailFuture, GuardrailOutcome, Guardrails, PostCheck, PreCheck, guardrail,
};
use runtime_usage::UsageSnapshot;

use crate::support::{Fixture, assert_lawful, limit, now, poll_times};

const SECOND: Duration = Duration::from_secs(1);

async fn hang() -> Result<(), BoxError> {
    pending().await
}

#[test]
fn call_interrupted_by_the_session_is_not_a_refusal() {
    let fixture = Fixture::new().deadline(SECOND);
    let session = fixture.orchestrator.session().unwrap();
    let mut cut = Box::pin(session.run_turn(Turn::model("m"), hang));
    assert!(poll_times(1, &mut cut).is_none());
    fixture.clock.advance(SECOND);
    assert!(!poll_times(1, &mut cut).unwrap().unwrap_err().is_refusal());
    let late = now(session.run_turn(Turn::model("m"), hang)).unwrap_err();
    assert!(matches!(late, TurnError::Deadline(_)) && late.is_refusal());

    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut cut = Box::pin(session.run_turn(Turn::model("m"), hang));
    assert!(poll_times(1, &mut cut).is_none());
    session.cancel("enough").unwrap();
    assert!(!poll_times(1, &mut cut).unwrap().unwrap_err().is_refusal());
    assert!(now(session.run_turn(Turn::model("m"), hang)).unwrap_err().is_refusal());
}

#[test]
fn stream_of_ready_chunks_times_out() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").timeout(limit(&fixture.clock, 3 * SECOND));
    let mut turn = now(session.begin_turn(turn)).unwrap();
    let taken = (0..10)
        .take_while(|_| {
            fixture.clock.advance(SECOND);
            now(turn.run(ready(()))).is_ok()
        })
        .count();
    assert_eq!(taken, 2);
    drop(turn);
    let event = fixture.only(AgentEventName::TurnFailed);
    assert_eq!(event.outcome, Some(SpanOutcome::TimedOut));
}

/// Guardrails that take this long and never wait.
fn slow(clock: &ManualClock, takes: Duration) -> Guardrails {
    let clock = clock.clone();
    Guardrails::new().with(guardrail::pre("slow", move |_| {
        clock.advance(takes);
        GuardrailOutcome::allow()
    }))
}

#[test]
fn call_does_not_begin_once_its_guardrails_have_taken_its_time() {
    let begun = Cell::new(0);
    let call = async || {
        begun.set(begun.get() + 1);
        Ok::<_, BoxError>(1)
    };
    for kind in 0..4 {
        let fixture = Fixture::new().deadline(SECOND);
        let guardrails = slow(&fixture.clock, SECOND);
        let fixture = fixture.with(|o| o.guardrails(guardrails));
        let session = fixture.orchestrator.session().unwrap();
        let turn = || Turn::model("m").guarded("prompt");
        let late = match kind {
            0 => now(session.run_turn(turn(), call)).unwrap_err(),
            1 => now(session.run_turn_recovering(turn(), |_| call())).unwrap_err(),
            2 => now(session.begin_turn(Turn::model("m").guarded("prompt"))).unwrap_err(),
            _ => match now(session.run_tool(ToolCall::new("t"), call)).unwrap_err() {
                ToolError::Deadline(late) => late.into(),
                other => panic!("{other:?}"),
            },
        };
        assert!(matches!(late, TurnError::Deadline(_)) && late.is_refusal(), "{kind}: {late:?}");
        drop(session);
        assert_lawful(&fixture.events.events());
    }
    assert_eq!(begun.get(), 0);
}

#[test]
fn tool_of_ready_steps_ends_in_time() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let tool = ToolCall::new("t").timeout(limit(&fixture.clock, 3 * SECOND));
    let mut tool = now(tool.begin(&session)).unwrap();
    let taken = (0..10)
        .take_while(|_| {
            fixture.clock.advance(SECOND);
            now(tool.run(ready(()))).is_ok()
        })
        .count();
    assert_eq!(taken, 2);
    drop(tool);
    let event = fixture.only(AgentEventName::ToolCompleted);
    assert_eq!(event.outcome, Some(SpanOutcome::TimedOut));
}

#[test]
fn step_after_the_end_of_a_session_says_whether_one_was_made_before() {
    for began in [false, true] {
        let fixture = Fixture::new();
        let session = fixture.orchestrator.session().unwrap();
        let mut tool = now(ToolCall::new("t").begin(&session)).unwrap();
        if began {
            now(tool.run(ready(()))).unwrap();
        }
        session.cancel("enough").unwrap();
        let Err(ToolError::Closed(closed)) = now(tool.run(ready(()))) else { panic!("it is over") };
        assert_eq!(closed.call_began, began);
    }
}

/// A guardrail whose checks never finish.
struct Hanging;

impl AsyncGuardrail for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn check_pre<'a>(&'a self, check: &'a PreCheck<'a>) -> GuardrailFuture<'a> {
        if check.arguments == "pass" {
            return Box::pin(ready(GuardrailOutcome::allow()));
        }
        Box::pin(pending())
    }

    fn check_post<'a>(&'a self, _: &'a PostCheck<'a>) -> GuardrailFuture<'a> {
        Box::pin(pending())
    }
}

#[test]
fn hanging_guardrail_does_not_delay_a_blocking_call() {
    for input in ["hang", "pass"] {
        let fixture = Fixture::new().with(|o| {
            o.guardrails(Guardrails::new().with_async(Hanging)).time(ManualClock::skipping())
        });
        let session = fixture.orchestrator.session().unwrap();
        let tool = ToolCall::new("t").args(input);
        let tool = session.blocking().run_tool_within(tool, SECOND, || Ok::<_, BoxError>(1));
        assert!(matches!(tool, Err(ToolError::TimedOut(_))), "{tool:?}");
        let turn = Turn::model("m").guarded(input);
        let turn = session.blocking().run_turn_within(turn, SECOND, || Ok::<_, BoxError>(1));
        assert!(matches!(turn, Err(TurnError::TimedOut(_))), "{turn:?}");
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn order_of_turn_options_loses_no_guardrail() {
    let deny = |_: &PreCheck<'_>| GuardrailOutcome::deny("no");
    let fixture =
        Fixture::new().with(|o| o.guardrails(Guardrails::new().with(guardrail::pre("deny", deny))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").guarded("secret").usage(UsageSnapshot::new(1, 1));
    let denied = now(session.run_turn(turn, async || Ok::<_, BoxError>(1))).unwrap_err();
    assert!(matches!(denied, TurnError::Guardrail(_)), "{denied:?}");
}
