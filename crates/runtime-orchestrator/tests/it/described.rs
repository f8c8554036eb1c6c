//! Turns and tool calls as plain values.

use std::time::Duration;

use runtime_events::AgentEventName;
use runtime_orchestrator::{Attempt, BoxError, ToolCall, ToolError, Turn, TurnError};
use runtime_usage::{FinishReason, Limit, UsageFormat, UsageSnapshot, Usd};
use serde_json::json;

use crate::support::{Fixture, dollar, limit, now};

async fn fine() -> Result<&'static str, BoxError> {
    Ok("fine")
}

/// The caller's own configuration, as from a file.
struct Planned {
    turn: Turn<&'static str>,
}

#[test]
fn turn_is_a_value_with_conditional_options() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    for seconds in [None, Some(1)] {
        let mut turn = Turn::model("m").usage(dollar());
        if let Some(seconds) = seconds {
            turn = turn.timeout(limit(&fixture.clock, Duration::from_secs(seconds)));
        }
        let planned = Planned { turn };
        assert_eq!(now(session.run_turn(planned.turn, fine)).unwrap().cost, Usd::from_dollars(1));
    }
}

#[test]
fn failed_usage_reader_does_not_cost_the_answer() {
    let budget = Limit::enforced(Usd::from_dollars(9));
    let fixture = Fixture::new().with(|o| o.budget(budget));
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("m").reserve(Usd::from_dollars(2));
    let failed = turn().usage_from(|_: &&str| Err::<UsageSnapshot, _>("no usage in the reply"));
    let missing = turn().usage_from(|_: &&str| None::<UsageSnapshot>);
    for turn in [failed, missing] {
        let answer = now(session.run_turn(turn, fine)).unwrap();
        assert_eq!(answer.value, "fine");
        assert!(answer.estimated, "the usage is unread");
        assert_eq!(answer.cost, Usd::from_dollars(2), "billed by its reservation");
    }
    let read = turn().usage_from(|_: &&str| Ok::<_, BoxError>(Some(dollar())));
    assert_eq!(now(session.run_turn(read, fine)).unwrap().cost, Usd::from_dollars(1));
}

#[test]
fn blocking_turn_with_a_timeout_is_refused_uncounted() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let before = fixture.events.len();
    let second = || limit(&fixture.clock, Duration::from_secs(1));
    let called = || -> Result<(), BoxError> { panic!("a refused call was made") };

    let refused = [
        session.blocking().run_turn(Turn::model("m").timeout(second()), called).unwrap_err(),
        session.blocking().begin_turn(Turn::model("m").within(second())).unwrap_err(),
        session
            .blocking()
            .run_turn_recovering(Turn::model("m").idle_timeout(second()), |_| called())
            .unwrap_err(),
    ];
    let instead = ["blocking().run_turn_within", "begin_turn", "run_turn_recovering"];
    for (error, instead) in refused.iter().zip(instead) {
        let TurnError::Uninterruptible(told) = error else { panic!("{error:?}") };
        assert_eq!(told.instead, instead);
        assert!(error.is_refusal() && error.to_string().contains(&format!("use `{instead}`")));
    }
    let tool = ToolCall::new("search").timeout(second());
    let error = session.blocking().run_tool(tool, called).unwrap_err();
    let ToolError::Uninterruptible(told) = &error else { panic!("{error:?}") };
    assert_eq!(told.instead, "blocking().run_tool_within");

    assert_eq!(session.summary().iterations, 0);
    assert_eq!(fixture.events.len(), before, "no event is emitted");
    assert!(fixture.events.all(AgentEventName::AgentBlocked).is_empty());
}

#[test]
fn answer_and_its_events_say_why_it_ended() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let cut = |(): &()| {
        UsageFormat::OpenAiChat.read(&json!({
            "choices": [{"finish_reason": "length"}, {"finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }))
    };
    let ended = [Some(FinishReason::Length), Some(FinishReason::ToolCall)];
    let nothing = || async { Ok::<_, BoxError>(()) };
    let answer = now(session.run_turn(Turn::model("m").usage_from(cut), nothing)).unwrap();
    assert_eq!(answer.finish_reasons[..2], ended);
    let recovered = Turn::model("m").usage_from(cut);
    let call = |_: Attempt| nothing();
    let answer = now(session.run_turn_recovering(recovered, call)).unwrap();
    assert_eq!(answer.finish_reasons[..2], ended);
    for name in [AgentEventName::AttemptCompleted, AgentEventName::TurnCompleted] {
        for event in fixture.events.all(name) {
            let data = serde_json::to_value(&event.data).unwrap();
            assert_eq!(data["finish_reasons"], json!(["length", "tool_call"]), "{name}");
        }
    }
    assert_eq!(fixture.events.all(AgentEventName::TurnCompleted).len(), 2);

    now(session.run_turn(Turn::model("m").usage(dollar()), nothing)).unwrap();
    let events = fixture.events.all(AgentEventName::TurnCompleted);
    let told = serde_json::to_value(&events.last().unwrap().data).unwrap();
    assert_eq!(told.get("finish_reasons"), None, "nobody said");
}
