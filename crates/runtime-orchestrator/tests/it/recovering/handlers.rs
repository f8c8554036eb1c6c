//! The recovery handler, which runs before the attempt that its steps are for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime_events::{AgentEventName, FailureScenario, ManualClock, Sleeper, SpanOutcome};
use runtime_orchestrator::{BoxError, Turn, TurnError};
use runtime_resilience::{
    FaultKind, GaveUp, RecoveryHandler, RecoveryStep, StepContext, StepFuture, chain_text,
};

use super::{BOTH, SECOND, Script, assert_recovery_agrees, books, fixture, poll, quick, recipe};
use crate::support::{assert_lawful, last_outcome, limit};

#[test]
fn handler_gets_the_steps_that_change_the_request_in_order() {
    for way in BOTH {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&seen);
        let fixture = quick().recovery(|recovery| {
            recovery.handler(move |step: &StepContext<'_>| {
                let error = step.error.map(|error| chain_text(error)).unwrap_or_default();
                let (name, on) = (step.step, step.scenario);
                let line = format!("{} {} {name} {on}: {error}", step.attempt, step.index);
                heard.lock().unwrap().push(line);
                Ok(())
            })
        });
        let session = fixture.orchestrator.session().unwrap();
        let kinds = [FaultKind::Malformed, FaultKind::Server, FaultKind::ContextLength];
        way.run(&session, Turn::model("m"), &Script::of(kinds)).unwrap();
        assert_eq!(
            *seen.lock().unwrap(),
            [
                "1 0 clear_memory_cache memory_corruption: malformed",
                "1 1 restart_agent memory_corruption: malformed",
                "3 0 retry_with_smaller_context context_overflow: context_length",
                "3 1 reduce_tool_set context_overflow: context_length",
            ],
            "the wait is the turn's own business"
        );
    }
}

#[test]
fn failed_step_ends_the_turn() {
    for way in BOTH {
        let fixture = quick().recovery(|recovery| {
            recovery.handler(|step: &StepContext<'_>| match step.step {
                RecoveryStep::RestartAgent => Err(BoxError::from("no agent to start")),
                _ => Ok(()),
            })
        });
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Malformed]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert_eq!(script.calls(), 1);
        assert_eq!(
            error.to_string(),
            "gave up after 1 attempt: step `restart_agent` failed: no agent to start"
        );
        assert_eq!(chain_text(&error), "malformed", "events have the last failure");
        let TurnError::Unrecovered(unrecovered) = error else { panic!("{error:?}") };
        let why = "step `restart_agent` failed: no agent to start";
        assert_eq!(unrecovered.gave_up.to_string(), why);
        assert!(matches!(
            unrecovered.gave_up,
            GaveUp::StepFailed { step: RecoveryStep::RestartAgent, .. }
        ));
        assert_eq!(unrecovered.recovery.reason, why);
        assert_eq!(
            books(&session),
            [
                "attempted memory_corruption",
                "failed memory_corruption",
                "escalated memory_corruption"
            ]
        );
        assert_recovery_agrees(&fixture, &session);
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}

/// Takes this long for each step.
struct Slow(ManualClock, Duration);

impl RecoveryHandler for Slow {
    fn carry_out(&self, _: &StepContext<'_>) -> Result<(), BoxError> {
        self.0.advance(self.1);
        Ok(())
    }

    fn carry_out_async<'a>(&'a self, _: &'a StepContext<'a>) -> StepFuture<'a> {
        Box::pin(async {
            self.0.sleep(self.1).await;
            Ok(())
        })
    }
}

const STEPS: [RecoveryStep; 2] = [RecoveryStep::ReduceToolSet, RecoveryStep::RetryWithBackoff];

#[test]
fn wait_after_a_slow_handler_respects_the_deadline() {
    // Ten seconds in all, four for the handler. The delays are one second or ten.
    for (takes, total, own) in [(4, 20, true), (4, 20, false), (9, 9, true), (9, 9, false)] {
        let fixture = fixture();
        let slow = Slow(fixture.clock.clone(), takes * SECOND);
        let fixture = fixture.recovery(|recovery| {
            recovery.handler(slow).recipes(recipe(FailureScenario::LlmError, &STEPS, 9))
        });
        let fixture = if own { fixture } else { fixture.deadline(total * SECOND) };
        let session = fixture.orchestrator.session().unwrap();
        let times = limit(&fixture.clock, if own { total * SECOND } else { 99 * SECOND });
        let turn = Turn::model("m").within(times);
        let script = Script::of([FaultKind::Server; 9]);
        let call = session.run_turn_recovering(turn, async |it| script.play(it));
        let error = super::patiently(&fixture.clock, call).unwrap_err();
        let took = fixture.clock.elapsed();
        assert!(took <= total * SECOND, "took {took:?} of {total} s: {error:?}");
        assert!(!error.is_refusal());
        assert_recovery_agrees(&fixture, &session);
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn wait_that_ends_at_the_deadline_is_not_begun() {
    let fixture = quick().deadline(10 * SECOND);
    let slow = Slow(fixture.clock.clone(), 4 * SECOND);
    let fixture = fixture.recovery(|recovery| {
        recovery.handler(slow).recipes(recipe(FailureScenario::LlmError, &STEPS, 9))
    });
    for way in BOTH {
        let before = fixture.clock.elapsed();
        let session = fixture.orchestrator.session().unwrap();
        // Six seconds with the back-off, of which six are left.
        let script = Script::new([super::asking(FaultKind::Server, 5 * SECOND)]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert!(error.is_final(), "{error:?}");
        assert_eq!(fixture.clock.elapsed(), before + 4 * SECOND, "{way:?}");
    }
}

#[test]
fn blocking_wait_after_a_slow_handler_respects_the_deadline() {
    let fixture = quick().deadline(10 * SECOND);
    let slow = Slow(fixture.clock.clone(), 8 * SECOND);
    let fixture = fixture.recovery(|recovery| {
        recovery.handler(slow).recipes(recipe(FailureScenario::LlmError, &STEPS, 9))
    });
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::new([super::asking(FaultKind::Server, 5 * SECOND)]);
    let error = BOTH[1].run(&session, Turn::model("m"), &script).unwrap_err();
    assert!(fixture.clock.elapsed() <= 10 * SECOND, "{:?}", fixture.clock.elapsed());
    assert_eq!(script.calls(), 1);
    assert!(!error.is_refusal(), "{error:?}");
}

#[test]
fn handler_is_interrupted_by_session_end_and_deadline() {
    for cancelled in [true, false] {
        let fixture = fixture().deadline(10 * SECOND);
        let slow = Slow(fixture.clock.clone(), 99 * SECOND);
        let fixture = fixture.recovery(|recovery| recovery.handler(slow));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Tool]);
        let call = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
        let mut call = Box::pin(call);
        assert!(poll(&mut call).is_pending());
        if cancelled {
            session.handle().cancel("enough").unwrap();
        } else {
            fixture.clock.advance(10 * SECOND);
        }
        let std::task::Poll::Ready(Err(error)) = poll(&mut call) else { panic!("it is over") };
        assert_eq!(script.calls(), 1);
        let outcome = if cancelled {
            assert!(matches!(error, TurnError::Closed(_)), "{error:?}");
            SpanOutcome::Cancelled
        } else {
            assert!(matches!(error, TurnError::Deadline(_)), "{error:?}");
            SpanOutcome::TimedOut
        };
        assert!(!error.is_refusal(), "a call was made: {error:?}");
        drop(call);
        assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(outcome));
        assert_eq!(fixture.clock.waiting(), 0);
        assert_recovery_agrees(&fixture, &session);
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}
