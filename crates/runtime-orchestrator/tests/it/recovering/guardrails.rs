//! Guardrails of recovering turns: one check of the prompt, and no retry after a rejection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use runtime_events::AgentEventName;
use runtime_orchestrator::{Turn, TurnError};
use runtime_policy::{
    AsyncGuardrail, GuardrailFuture, GuardrailOutcome, GuardrailStage, Guardrails, PostCheck,
    PreCheck, guardrail,
};
use runtime_resilience::{CircuitState, FaultKind};
use runtime_usage::{Limit, Usd};

use super::{BOTH, SECOND, Script, Way, assert_recovery_agrees, books, fixture, poll, quick};
use crate::support::{assert_books_agree, assert_lawful, dollar, limit, now};

fn run(
    way: Way,
    session: &runtime_orchestrator::OrchestrationSession,
    script: &Script,
) -> Result<runtime_orchestrator::Answer<&'static str>, TurnError> {
    let turn = Turn::model("m").usage(dollar()).guarded("prompt");
    match way {
        Way::Task => now(session.run_turn_recovering(turn, async |it| script.play(it))),
        Way::Thread => session.blocking().run_turn_recovering(turn, |it| script.play(it)),
    }
}

#[test]
fn prompt_is_checked_once_for_all_attempts() {
    for way in BOTH {
        let [pre, post] = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
        let (seen_pre, seen_post) = (Arc::clone(&pre), Arc::clone(&post));
        let fixture = quick().with(|o| {
            o.guardrails(
                Guardrails::new()
                    .with(guardrail::pre("pre", move |_| {
                        seen_pre.fetch_add(1, Ordering::Relaxed);
                        GuardrailOutcome::allow()
                    }))
                    .with(guardrail::post("post", move |_| {
                        seen_post.fetch_add(1, Ordering::Relaxed);
                        GuardrailOutcome::allow()
                    })),
            )
        });
        let session = fixture.orchestrator.session().unwrap();
        run(way, &session, &Script::of([FaultKind::Server; 2])).unwrap();
        assert_eq!((pre.load(Ordering::Relaxed), post.load(Ordering::Relaxed)), (1, 1));
    }
}

#[test]
fn rejected_prompt_is_not_sent_and_costs_nothing() {
    for way in BOTH {
        let fixture = quick().with(|o| {
            o.guardrails(
                Guardrails::new()
                    .with(guardrail::pre("no", |_| GuardrailOutcome::deny("not this"))),
            )
            .budget(Limit::enforced(Usd::from_dollars(9)))
        });
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([]);
        let error = run(way, &session, &script).unwrap_err();
        let TurnError::Guardrail(violated) = &error else { panic!("{error:?}") };
        assert_eq!(violated.stage, GuardrailStage::Pre);
        assert!(error.is_refusal());
        assert_eq!(script.calls(), 0);
        assert!(session.summary().recovery_events.is_empty());
        assert_books_agree(&fixture, &session);
        assert_eq!(session.account().unwrap().balance().spent, Usd::ZERO);
        assert_eq!(fixture.breaker.state(), CircuitState::Closed);
        drop(session);
        assert_lawful(&fixture.events.events());
        assert!(fixture.events.all(AgentEventName::RecoveryEscalated).is_empty());
    }
}

#[test]
fn rejected_answer_is_billed_and_not_retried() {
    for way in BOTH {
        for failures in [0, 1] {
            let fixture = quick().with(|o| {
                o.guardrails(
                    Guardrails::new()
                        .with(guardrail::post("no", |_| GuardrailOutcome::deny("not this"))),
                )
                .budget(Limit::enforced(Usd::from_dollars(9)))
            });
            let session = fixture.orchestrator.session().unwrap();
            let script = Script::of(vec![FaultKind::Overload; failures]);
            let error = run(way, &session, &script).unwrap_err();
            let TurnError::Guardrail(violated) = &error else { panic!("{error:?}") };
            assert_eq!(violated.stage, GuardrailStage::Post);
            assert!(!error.is_refusal());
            assert_eq!(script.calls(), failures + 1);
            assert_eq!(session.account().unwrap().balance().spent, Usd::from_dollars(1));
            assert_books_agree(&fixture, &session);
            let expected: &[&str] = if failures == 0 {
                &[]
            } else {
                &["attempted provider_failure", "failed provider_failure"]
            };
            assert_eq!(books(&session), expected, "it did not recover: there is no answer");
            assert_recovery_agrees(&fixture, &session);
            assert_eq!(fixture.breaker.state(), CircuitState::Closed);
            drop(session);
            assert_lawful(&fixture.events.events());
        }
    }
}

/// A check that takes this long on its clock.
struct Slow(runtime_events::ManualClock, Duration);

impl Slow {
    fn check(&self) -> GuardrailFuture<'_> {
        use runtime_events::Sleeper;
        Box::pin(async {
            self.0.sleep(self.1).await;
            GuardrailOutcome::allow()
        })
    }
}

impl AsyncGuardrail for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn checks(&self, stage: GuardrailStage) -> bool {
        stage == GuardrailStage::Post
    }

    fn check_pre<'a>(&'a self, _: &'a PreCheck<'a>) -> GuardrailFuture<'a> {
        self.check()
    }

    fn check_post<'a>(&'a self, _: &'a PostCheck<'a>) -> GuardrailFuture<'a> {
        self.check()
    }
}

#[test]
fn answer_counts_as_the_last_token() {
    // With the answer, neither a first nor a next token is missing.
    for told in [false, true] {
        let fixture = fixture();
        let slow = Slow(fixture.clock.clone(), 5 * SECOND);
        let fixture = fixture.with(|o| o.guardrails(Guardrails::new().with_async(slow)));
        let session = fixture.orchestrator.session().unwrap();
        let short = || limit(&fixture.clock, SECOND);
        let turn = Turn::model("m").first_token_timeout(short()).idle_timeout(short());
        let call = async |it: runtime_orchestrator::Attempt| {
            if told {
                it.token();
            }
            Ok::<_, std::io::Error>("fine")
        };
        let turn = turn.guarded("prompt");
        let mut turn = Box::pin(session.run_turn_recovering(turn, call));
        assert!(poll(&mut turn).is_pending());
        fixture.clock.advance(4 * SECOND);
        assert!(poll(&mut turn).is_pending(), "only the guardrail is slow; told: {told}");
        fixture.clock.advance(SECOND);
        let std::task::Poll::Ready(answer) = poll(&mut turn) else { panic!("it is done") };
        assert_eq!(answer.unwrap().value, "fine");
    }
}
