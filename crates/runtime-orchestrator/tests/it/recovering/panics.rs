//! Panics: in the call, in the handler, in the escalation handler.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use futures_util::{FutureExt, join};
use runtime_events::{AgentEventName, SpanOutcome};
use runtime_orchestrator::{Attempt, BoxError, Escalation, Turn};
use runtime_policy::{Guardrails, guardrail};
use runtime_resilience::{FaultKind, StepContext};
use runtime_usage::{Limit, UsageSnapshot, Usd};

use super::{BOTH, Script, Way, assert_recovery_agrees, books, fault, fixture, quick};
use crate::support::{assert_books_agree, assert_lawful, last_outcome, now};

#[test]
fn panic_in_a_later_attempt_ends_attempt_turn_and_recovery() {
    for way in BOTH {
        // In the call's body, or before its future exists.
        for early in [false, true] {
            let fixture = quick().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
            let session = fixture.orchestrator.session().unwrap();
            let call = |it: Attempt| -> Result<(), _> {
                it.observe(UsageSnapshot::new(1_000_000, 0));
                if it.number() == 2 {
                    resume_unwind(Box::new("bomb"))
                }
                Err(fault(FaultKind::Server))
            };
            let turn = Turn::model("m");
            let caught = match way {
                Way::Task if early => {
                    let run = session.run_turn_recovering(turn, |it| {
                        let ended = call(it);
                        async { ended }
                    });
                    now(AssertUnwindSafe(run).catch_unwind()).map(|_| ())
                }
                Way::Task => {
                    let run = session.run_turn_recovering(turn, async |it| call(it));
                    now(AssertUnwindSafe(run).catch_unwind()).map(|_| ())
                }
                Way::Thread => {
                    let run = || session.blocking().run_turn_recovering(turn, call).map(|_| ());
                    catch_unwind(AssertUnwindSafe(run)).map(|_| ())
                }
            };
            assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "bomb");
            for name in [AgentEventName::AttemptFailed, AgentEventName::TurnFailed] {
                assert_eq!(last_outcome(&fixture, name), Some(SpanOutcome::Panicked), "{name}");
            }
            assert_eq!(books(&session), ["attempted llm_error", "failed llm_error"]);
            assert_recovery_agrees(&fixture, &session);
            assert_eq!(session.account().unwrap().balance().spent, Usd::from_dollars(2));
            assert_books_agree(&fixture, &session);
            drop(session);
            assert_lawful(&fixture.events.events());
            assert_eq!(
                last_outcome(&fixture, AgentEventName::AgentFailed),
                Some(SpanOutcome::Panicked)
            );
            fixture.assert_no_probe_is_leaked();
        }
    }
}

#[test]
fn panic_in_the_recovery_handler_is_recognised() {
    for way in BOTH {
        let bomb =
            |_: &StepContext<'_>| -> Result<(), BoxError> { resume_unwind(Box::new("handler")) };
        let fixture = quick().recovery(|recovery| recovery.handler(bomb));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Tool]);
        let run = || way.run(&session, Turn::model("m"), &script).map(|_| ());
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "handler");
        assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Panicked));
        let attempt = last_outcome(&fixture, AgentEventName::AttemptFailed);
        assert_eq!(attempt, Some(SpanOutcome::Failed), "the attempt had ended");
        assert_recovery_agrees(&fixture, &session);
        drop(session);
        assert_lawful(&fixture.events.events());
        let end = last_outcome(&fixture, AgentEventName::AgentFailed);
        assert_eq!(end, Some(SpanOutcome::Panicked));
    }
}

#[test]
fn panic_of_the_escalation_handler_is_caught() {
    for way in BOTH {
        let fixture = quick().recovery(|recovery| {
            recovery.on_escalation(|_: &Escalation<'_>| resume_unwind(Box::new("alert")))
        });
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Auth]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert!(error.is_final());
        assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Failed));
        session.complete().unwrap();
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn panic_of_a_guardrail_ends_the_turn_as_panicked() {
    for way in BOTH {
        for post in [false, true] {
            let bomb = || resume_unwind(Box::new("guard"));
            let fixture = quick().with(|o| {
                if post {
                    o.guardrails(Guardrails::new().with(guardrail::post("bomb", move |_| bomb())))
                } else {
                    o.guardrails(Guardrails::new().with(guardrail::pre("bomb", move |_| bomb())))
                }
            });
            let session = fixture.orchestrator.session().unwrap();
            let script = Script::of([]);
            let turn = Turn::model("m").guarded("prompt");
            let run = || match way {
                Way::Task => now(session.run_turn_recovering(turn, async |it| script.play(it))),
                Way::Thread => session.blocking().run_turn_recovering(turn, |it| script.play(it)),
            };
            catch_unwind(AssertUnwindSafe(|| run().map(|_| ()))).unwrap_err();
            for name in [AgentEventName::AttemptFailed, AgentEventName::TurnFailed] {
                assert_eq!(last_outcome(&fixture, name), Some(SpanOutcome::Panicked), "{name}");
            }
            drop(session);
            assert_lawful(&fixture.events.events());
            fixture.assert_no_probe_is_leaked();
        }
    }
}

#[test]
fn panic_of_the_usage_reader_ends_the_turn_as_panicked() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server]);
        let turn = Turn::model("m")
            .usage_from(|_: &&str| -> UsageSnapshot { resume_unwind(Box::new("usage")) });
        let run = || way.run(&session, turn, &script).map(|_| ());
        catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Panicked));
        assert_eq!(books(&session), ["attempted llm_error", "failed llm_error"]);
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn panic_beside_a_waiting_turn_cancels_it() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Server]);
    let both = async {
        let turn = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
        let _ = join!(turn, async { resume_unwind(Box::new("beside")) });
    };
    now(AssertUnwindSafe(both).catch_unwind()).unwrap_err();
    assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Cancelled));
    assert_recovery_agrees(&fixture, &session);
    session.complete().unwrap();
    assert_lawful(&fixture.events.events());
}
