//! Drops at every point: the books stay consistent, and a panic is not a cancellation.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::future::pending;
use std::time::Duration;

use futures_util::{FutureExt, join, select_biased};
use runtime_events::{AgentEventName, AgentEventStatus, AgentFailureClass, SpanOutcome};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{BoxError, OrchestrationSession, Orchestrator, Timeout, ToolCall, Turn};
use runtime_policy::{
    AsyncGuardrail, GuardrailFuture, GuardrailOutcome, Guardrails, PostCheck, PreCheck,
};
use runtime_resilience::CircuitState;
use runtime_usage::{Limit, Usd};
use serde_json::json;

use crate::support::{
    Fixture, assert_books_agree, assert_lawful, assert_lawful_so_far, dollar, last_outcome, limit,
    now, poll_times, yields,
};

/// More polls than any call below needs.
const ENOUGH: usize = 64;

/// Drops the future of `act` after 0, 1, 2 … polls, until it completes, each time on a half-open
/// breaker, and checks the books. Returns the number of polls it took.
fn dropped_everywhere(
    configure: impl Fn(Orchestrator) -> Orchestrator,
    act: &impl AsyncFn(&OrchestrationSession, Timeout),
    check: impl Fn(&Fixture, &OrchestrationSession, bool),
) -> usize {
    for polls in 0..ENOUGH {
        let fixture = Fixture::new().with(&configure);
        fixture.half_open();
        let session = fixture.orchestrator.session().unwrap();
        let completed =
            poll_times(polls, act(&session, limit(&fixture.clock, Duration::from_secs(9))))
                .is_some();

        assert_eq!(session.status(), AgentStatus::Running, "after {polls} polls");
        assert_eq!(fixture.clock.waiting(), 0);
        assert_eq!(assert_lawful_so_far(&fixture.events.events()), 0, "after {polls} polls");
        check(&fixture, &session, completed);
        session.complete().unwrap();
        assert_lawful(&fixture.events.events());
        assert!(fixture.orchestrator.shared_registry().list_active().is_empty());
        fixture.assert_no_probe_is_leaked();
        if completed {
            return polls;
        }
    }
    panic!("still not complete after {ENOUGH} polls");
}

#[test]
fn turn_dropped_at_any_point_is_cancelled_and_frees_its_probe() {
    let polls = dropped_everywhere(
        |orchestrator| orchestrator,
        &async |session, limit| {
            let turn = Turn::model("m").usage(dollar()).timeout(limit);
            let call = async || {
                yields(3).await;
                Ok::<_, BoxError>(())
            };
            session.run_turn(turn, call).await.unwrap();
        },
        |fixture, session, completed| {
            let begun = fixture.events.all(AgentEventName::TurnStarted).len();
            let turns = session.tracker().totals().turns;
            if completed {
                assert_eq!((begun, turns), (1, 1));
                assert_eq!(fixture.breaker.state(), CircuitState::Closed);
            } else {
                assert_eq!(turns, 0, "nothing was answered, and nothing observed");
                assert_eq!(fixture.breaker.state(), CircuitState::HalfOpen);
                assert!(fixture.breaker.check().is_ok(), "the place is free at once");
                assert_eq!(session.summary().iterations, u32::try_from(begun).unwrap());
                let ended = fixture.events.all(AgentEventName::TurnFailed).pop();
                let facts = ended.map(|event| (event.status, event.failure_class, event.outcome));
                let cancelled = (
                    AgentEventStatus::Cancelled,
                    Some(AgentFailureClass::Cancelled),
                    Some(SpanOutcome::Cancelled),
                );
                assert_eq!(facts, (begun == 1).then_some(cancelled));
            }
        },
    );
    assert_eq!(polls, 4);
}

#[test]
fn tool_dropped_at_any_point_is_cancelled() {
    let polls = dropped_everywhere(
        |orchestrator| orchestrator.guardrails(Guardrails::new().with_async(Slow)),
        &async |session, limit| {
            let call = ToolCall::new("search").args(json!({ "q": 1 })).timeout(limit);
            let search = async || {
                yields(2).await;
                Ok::<_, BoxError>(3)
            };
            session.run_tool(call, search).await.unwrap();
        },
        |fixture, _, completed| {
            let called = fixture.events.all(AgentEventName::ToolCalled).len();
            let ended = last_outcome(fixture, AgentEventName::ToolCompleted);
            let expected = if completed { SpanOutcome::Ok } else { SpanOutcome::Cancelled };
            assert_eq!(ended, (called == 1).then_some(expected));
            // A tool that is dropped during guardrails never ran, and its refusal is emitted.
            let blocked = fixture.events.all(AgentEventName::AgentBlocked);
            assert!(blocked.len() + called <= 1);
            let reasons = blocked.iter().map(|event| event.data.as_ref().unwrap().get("reason"));
            assert!(reasons.flatten().all(|reason| reason == "cancelled"));
        },
    );
    assert_eq!(polls, 7, "two yields in each of guardrail, call and guardrail");
}

#[test]
fn turn_dropped_at_any_point_leaves_account_and_events_equal() {
    let polls = dropped_everywhere(
        |o| {
            o.guardrails(Guardrails::new().with_async(Slow))
                .budget(Limit::enforced(Usd::from_dollars(9)))
        },
        &async |session, limit| {
            let turn = Turn::model("m").estimate(dollar()).max_output(0).timeout(limit);
            let call = async || {
                yields(2).await;
                Ok::<_, BoxError>("text")
            };
            session.run_turn(turn.usage(dollar()).guarded("prompt"), call).await.unwrap();
        },
        |fixture, session, completed| {
            assert_books_agree(fixture, session);
            let balance = session.account().unwrap().balance();
            let called = !balance.spent.is_zero();
            assert!(called || !completed);
            assert_eq!(balance.spent, Usd::from_dollars(u64::from(called)));
            let answered = fixture.breaker.state() == CircuitState::Closed;
            assert_eq!(balance.estimated.is_zero(), answered || !called);
        },
    );
    assert_eq!(polls, 7, "two yields in each of guardrail, call and guardrail");
}

#[test]
fn guarded_turn_dropped_at_any_point_is_billed_if_answered() {
    let polls = dropped_everywhere(
        |orchestrator| orchestrator.guardrails(Guardrails::new().with_async(Slow)),
        &async |session, _| {
            let turn = Turn::model("m").usage(dollar()).guarded("prompt");
            let call = async || {
                yields(2).await;
                Ok::<_, BoxError>("text")
            };
            session.run_turn(turn, call).await.unwrap();
        },
        |fixture, session, completed| {
            let answered = fixture.breaker.state() == CircuitState::Closed;
            assert_eq!(session.tracker().totals().turns, u64::from(answered));
            assert!(answered || !completed);
            let expected = if completed { SpanOutcome::Ok } else { SpanOutcome::Cancelled };
            let name =
                if completed { AgentEventName::TurnCompleted } else { AgentEventName::TurnFailed };
            assert!(last_outcome(fixture, name).is_none_or(|outcome| outcome == expected));
        },
    );
    assert_eq!(polls, 7);
}

#[test]
fn pause_dropped_at_any_point_resumes_the_worker() {
    let polls = dropped_everywhere(
        |orchestrator| orchestrator,
        &async |session, _| {
            let late = async {
                yields(3).await;
                session.provide_input("yes").unwrap();
            };
            let (input, ()) = join!(session.pause_for_input("publish?"), late);
            assert_eq!(input.unwrap(), "yes");
        },
        |fixture, session, completed| {
            assert!(session.provide_input("too late").is_err());
            let resumed = fixture.events.all(AgentEventName::AgentResumed);
            assert_eq!(resumed.len(), fixture.events.all(AgentEventName::AgentPaused).len());
            let detail = resumed.last().and_then(|event| event.detail.clone());
            let expected = if completed { "input received" } else { "gave up waiting" };
            assert!(detail.is_none_or(|detail| detail == expected));
        },
    );
    assert_eq!(polls, 5, "the answer comes at the fourth and is taken at the fifth");
}

#[test]
fn active_turn_dropped_at_any_point_bills_observed_usage() {
    let polls = dropped_everywhere(
        |orchestrator| orchestrator,
        &async |session, _| {
            let mut turn = session.begin_turn(Turn::model("m")).await.unwrap();
            for chunk in 1..=3 {
                turn.run(yields(1)).await.unwrap();
                turn.observe(runtime_usage::UsageSnapshot::new(chunk, 0));
            }
            turn.settle(runtime_usage::UsageSnapshot::new(4, 0));
        },
        |fixture, session, completed| {
            let ended = fixture.events.all(AgentEventName::TurnFailed);
            let billed = session.tracker().totals().tokens.input_tokens;
            if completed {
                assert_eq!((billed, ended.len()), (4, 0));
            } else {
                assert!(billed < 4);
                let data = ended.first().and_then(|event| event.data.clone());
                let tokens = data.and_then(|data| data.get("input_tokens")?.as_u64());
                assert_eq!(tokens.unwrap_or(0), billed, "the event says what was billed");
            }
        },
    );
    assert_eq!(polls, 4);
}

#[test]
fn run_dropped_at_any_point_is_cancelled() {
    for polls in 1..ENOUGH {
        let fixture = Fixture::new();
        fixture.half_open();
        let run = fixture.orchestrator.run(async |session| {
            yields(1).await;
            let call = async || {
                yields(2).await;
                Ok::<_, BoxError>(())
            };
            let (turn, tool) = join!(
                session.run_turn(Turn::model("m"), call),
                session.run_tool(ToolCall::new("search"), call)
            );
            turn?;
            tool?;
            Ok(())
        });
        let report = poll_times(polls, run);

        let events = fixture.events.events();
        assert_lawful(&events);
        assert!(fixture.orchestrator.shared_registry().list_active().is_empty());
        let outcome = events.last().unwrap().outcome;
        fixture.assert_no_probe_is_leaked();
        if let Some(report) = report {
            report.result.unwrap();
            assert_eq!(outcome, Some(SpanOutcome::Ok));
            return;
        }
        assert_eq!(outcome, Some(SpanOutcome::Cancelled));
    }
    panic!("still not complete after {ENOUGH} polls");
}

#[test]
fn run_never_polled_opens_no_session() {
    let fixture = Fixture::new();
    drop(fixture.orchestrator.run(async |_| Ok(())));
    assert!(fixture.events.is_empty());
    assert!(fixture.orchestrator.shared_registry().is_empty());
}

#[test]
fn loser_of_a_select_is_cancelled_and_the_session_continues() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let winner = now(async {
        let slow = session.run_turn(Turn::model("m"), async || {
            pending::<()>().await;
            Ok::<_, BoxError>("slow")
        });
        let fast = session.run_turn(Turn::model("m"), async || {
            yields(1).await;
            Ok::<_, BoxError>("fast")
        });
        select_biased! {
            answer = Box::pin(slow).fuse() => answer,
            answer = Box::pin(fast).fuse() => answer,
        }
    });
    assert_eq!(winner.unwrap().value, "fast");
    assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Cancelled));
    assert_eq!(session.status(), AgentStatus::Running);
    session.complete().unwrap();
    assert_lawful(&fixture.events.events());
}

#[test]
fn leaked_turn_does_not_delay_the_last_event() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    std::mem::forget(now(session.begin_turn(Turn::model("m"))).unwrap());
    assert!(session.complete().is_err(), "the leaked turn counts as running");
    drop(session);
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.outcome, Some(SpanOutcome::Cancelled));
}

/// Is pending for two polls in each check.
pub(crate) struct Slow;

impl AsyncGuardrail for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn check_pre<'a>(&'a self, _: &'a PreCheck<'a>) -> GuardrailFuture<'a> {
        Box::pin(async {
            yields(2).await;
            GuardrailOutcome::allow()
        })
    }

    fn check_post<'a>(&'a self, _: &'a PostCheck<'a>) -> GuardrailFuture<'a> {
        Box::pin(async {
            yields(2).await;
            GuardrailOutcome::allow()
        })
    }
}
