//! Classification of errors, by text and by facts.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[cfg(feature = "anyhow")]
use std::error::Error;
use std::fmt;
use std::io;

use chrono::Timelike;
use runtime_events::{Clock, FailureScenario};
use runtime_orchestrator::{Attempt, OrchestrationSession, Turn, TurnError};
use runtime_resilience::{Classifier, Fault, FaultError, FaultKind, GaveUp, errors};

use super::{SECOND, Script, Way, asking, fault, quick};
use crate::errors::Counted;
use crate::support::now;

/// The number of calls if the call fails twice with this text.
fn calls(text: &'static str) -> u32 {
    let fixture = quick();
    let session = fixture.orchestrator.session().unwrap();
    let call = |it: Attempt| if it.number() < 3 { Err(text) } else { Ok(()) };
    match session.blocking().run_turn_recovering(Turn::model("m"), call) {
        Ok(answer) => answer.attempts,
        Err(TurnError::Unrecovered(unrecovered)) => unrecovered.attempts,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn error_text_is_classified_if_there_is_nothing_else() {
    for (text, expected) in [
        ("503 Service Unavailable", 3),
        ("429 Too Many Requests", 3),
        ("request timed out", 3),
        ("who knows", 3),
        ("401 Unauthorized", 1),
        ("context_length_exceeded", 2),
        ("the tool failed", 2),
        ("malformed answer", 2),
    ] {
        assert_eq!(calls(text), expected, "{text}");
    }
}

#[test]
fn facts_take_precedence_over_the_error_text() {
    let fixture = quick();
    let session = fixture.orchestrator.session().unwrap();
    // The text reads like a transient failure, but the key is refused.
    let call = |_| Err::<(), _>(io::Error::other(fault(FaultKind::Auth)));
    let error = session.blocking().run_turn_recovering(Turn::model("m"), call).unwrap_err();
    let TurnError::Unrecovered(unrecovered) = &error else { panic!("{error:?}") };
    assert_eq!(unrecovered.attempts, 1);
    assert!(matches!(unrecovered.gave_up, GaveUp::NothingHelps(_)));
    // The caller's own error is in it.
    let mut chain = errors(&error);
    let cause = chain.find_map(|error| error.downcast_ref::<io::Error>()).unwrap();
    assert!(cause.get_ref().unwrap().is::<FaultError>());
    assert!(error.failure().unwrap().downcast_ref::<io::Error>().is_some());
}

#[test]
fn cancelled_and_local_failures_are_not_retried() {
    for way in super::BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Cancelled; 9]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert_eq!(script.calls(), 1);
        assert!(matches!(error, TurnError::Failed(_)), "a cancelled call is not recovered from");
        assert!(session.summary().recovery_events.is_empty());
        let script = Script::of([FaultKind::Local; 9]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert_eq!(script.calls(), 1);
        assert!(error.is_final(), "{error:?}");
    }
}

#[test]
fn classifier_rule_changes_the_scenario_not_the_asked_wait() {
    let fixture = quick().recovery(|recovery| {
        recovery.classifier(
            Classifier::default()
                .rule(|error| error.is::<FaultError>().then_some(FailureScenario::ProviderFailure)),
        )
    });
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::new([asking(FaultKind::RateLimit, 20 * SECOND)]);
    Way::Thread.run(&session, Turn::model("m"), &script).unwrap();
    assert_eq!(super::books(&session)[0], "attempted provider_failure");
    assert!(fixture.clock.elapsed() >= 20 * SECOND, "{:?}", fixture.clock.elapsed());
}

#[test]
fn a_moment_in_an_error_is_a_wait_by_the_session_s_clock() {
    for way in super::BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let begun = fixture.clock.utc_now();
        let reset = (begun + 20 * SECOND).to_rfc3339();
        let words = format!("Rate limit reached, resets at {reset}");
        let call = |it: Attempt| if it.number() == 1 { Err(words.clone()) } else { Ok(()) };
        let turn = Turn::model("m");
        match way {
            Way::Task => now(session.run_turn_recovering(turn, async |it| call(it))),
            Way::Thread => session.blocking().run_turn_recovering(turn, call),
        }
        .unwrap();
        let waited = fixture.clock.elapsed();
        assert!((20 * SECOND..25 * SECOND).contains(&waited), "{waited:?}");
    }
}

#[test]
fn a_classifier_s_rule_is_told_the_session_s_time() {
    let at = |session: &OrchestrationSession, error: fmt::Error| {
        let failed = now(session.run_turn(Turn::model("m"), async || Err::<(), _>(error)));
        failed.unwrap_err().fault().and_then(|fault| fault.asked)
    };
    // Until the next full hour, as a header of a client's error may say.
    let fixture = quick().recovery(|recovery| {
        recovery.classifier(Classifier::default().fault_rule(|error, now| {
            let mut fault = Fault::of(FaultKind::RateLimit);
            fault.asked = Some((60 - now.minute() % 60) * 60 * SECOND);
            error.is::<fmt::Error>().then_some(fault)
        }))
    });
    let session = fixture.orchestrator.session().unwrap();
    assert_eq!(at(&session, fmt::Error), Some(60 * 60 * SECOND));
    fixture.clock.advance(50 * 60 * SECOND);
    assert_eq!(at(&session, fmt::Error), Some(10 * 60 * SECOND));
}

#[test]
fn each_attempt_may_have_its_own_error_type() {
    let fixture = quick();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |it: Attempt| match it.number() {
        1 => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        2 => Err(io::Error::other(asking(FaultKind::RateLimit, 5 * SECOND))),
        3 => Err(io::Error::from(io::ErrorKind::TimedOut)),
        _ => Ok(()),
    };
    let answer = now(session.run_turn_recovering(Turn::model("m"), call)).unwrap();
    assert_eq!(answer.attempts, 4);
    // 1; 5 and 2 on top; 4.
    assert_eq!(fixture.clock.elapsed(), (1 + 7 + 4) * SECOND);
}

#[cfg(feature = "anyhow")]
#[test]
fn anyhow_error_is_classified_by_its_chain() {
    use anyhow::Context;
    for depth in 0..3 {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let call = async |it: Attempt| -> anyhow::Result<()> {
            if it.number() > 1 {
                return Ok(());
            }
            let mut failed: anyhow::Result<()> =
                Err(asking(FaultKind::RateLimit, 20 * SECOND).into());
            for _ in 0..depth {
                failed = failed.context("while drafting");
            }
            failed
        };
        now(session.run_turn_recovering(Turn::model("m"), call)).unwrap();
        assert_eq!(fixture.clock.elapsed(), 21 * SECOND, "depth {depth}");
    }
}

#[cfg(feature = "anyhow")]
#[test]
fn anyhow_error_around_a_retried_turn_is_final() {
    use anyhow::Context;
    let fixture = quick();
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Server; 99]);
    let call = |_| -> anyhow::Result<()> {
        Way::Thread.run(&session, Turn::model("m"), &script).context("inside")?;
        Ok(())
    };
    let error = session.blocking().run_turn_recovering(Turn::model("m"), call).unwrap_err();
    assert_eq!(script.calls(), 3);
    let TurnError::Unrecovered(unrecovered) = &error else { panic!("{error:?}") };
    assert_eq!(unrecovered.gave_up, GaveUp::RetriedBelow);
    assert!(
        error.failure().unwrap().downcast_ref::<TurnError>().is_some() || {
            let failure = error.failure().unwrap();
            std::iter::successors(Some(failure.error() as &(dyn Error + 'static)), |&it| {
                it.source()
            })
            .any(<dyn Error>::is::<TurnError>)
        }
    );
}

#[test]
fn each_failed_attempt_walks_its_error_once() {
    let fixture = quick();
    let session = fixture.orchestrator.session().unwrap();
    let error = Counted::default();
    let call = |_| Err::<(), _>(error.clone());
    let failed = session.blocking().run_turn_recovering(Turn::model("m"), call).unwrap_err();
    let TurnError::Unrecovered(unrecovered) = failed else { panic!("{failed:?}") };
    assert_eq!(error.times(), unrecovered.attempts);
}
