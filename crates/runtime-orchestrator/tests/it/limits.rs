//! Ends, deadlines and timeouts of streams that never wait and guardrails that hang.

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
