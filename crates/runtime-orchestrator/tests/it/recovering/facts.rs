//! The facts of an attempt, and its reports.

use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_orchestrator::{Attempt, Turn};
use runtime_resilience::{FaultKind, RecoveryStep};
use runtime_usage::{Limit, UsageSnapshot, Usd};

use super::{BOTH, SECOND, Script, fixture, patiently, quick, recipe};
use crate::support::{dollar, limit};

#[test]
fn attempt_has_its_number_its_cause_and_the_model() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server, FaultKind::Network]);
        way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!(script.seen(Attempt::number), [1, 2, 3]);
        let causes =
            [None, Some(FailureScenario::LlmError), Some(FailureScenario::ProviderFailure)];
        assert_eq!(script.seen(Attempt::cause), causes);
        assert!(
            script.seen(|it| it.model() == "m" && it.provider().is_empty()).iter().all(|it| *it)
        );
        assert!(script.seen(|it| it.route().is_none() && !it.is_hedge()).iter().all(|it| *it));
        assert_eq!(script.seen(Attempt::time_left), [None; 3]);
        assert_eq!(script.seen(Attempt::max_output_tokens), [None; 3]);
    }
}

#[test]
fn context_length_failure_reduces_context_and_tools() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::ContextLength, FaultKind::Server]);
        way.run(&session, Turn::model("m"), &script).unwrap();
        let facts =
            script.seen(|it| (it.context_budget(1_000), it.tools_reduced(), it.restarted()));
        assert_eq!(facts, [(1_000, false, false), (750, true, false), (750, true, false)]);
        assert_eq!(fixture.clock.elapsed(), SECOND, "the smaller request went at once");
    }
}

#[test]
fn recipes_for_agent_and_memory_are_in_the_attempt() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Malformed]);
        way.run(&session, Turn::model("m"), &script).unwrap();
        let facts = script.seen(|it| (it.memory_cleared(), it.restarted(), it.context_budget(8)));
        assert_eq!(facts, [(false, false, 8), (true, true, 8)]);
    }
}

#[test]
fn custom_recipe_can_reduce_the_context_repeatedly() {
    let steps = [RecoveryStep::RetryWithSmallerContext];
    let fixture = quick()
        .recovery(|recovery| recovery.recipes(recipe(FailureScenario::ContextOverflow, &steps, 3)));
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::ContextLength; 3]);
    BOTH[0].run(&session, Turn::model("m"), &script).unwrap();
    assert_eq!(script.seen(|it| it.context_budget(1_000)), [1_000, 750, 562, 421]);
}

#[test]
fn time_left_is_the_minimum_and_never_grows() {
    let fixture = fixture().deadline(60 * SECOND);
    let session = fixture.orchestrator.session().unwrap();
    let clock = &fixture.clock;
    let turn = Turn::model("m").timeout(limit(clock, 5 * SECOND)).within(limit(clock, 8 * SECOND));
    let script = Script::of([FaultKind::Server, FaultKind::Server]);
    let lefts = std::cell::RefCell::new(Vec::new());
    let answer = patiently(
        clock,
        session.run_turn_recovering(turn, async |it| {
            lefts.borrow_mut().push(it.time_left());
            clock.advance(SECOND);
            lefts.borrow_mut().push(it.time_left());
            script.play(it)
        }),
    );
    answer.unwrap();
    // An attempt of a second, a wait of one, an attempt, a wait of two, an attempt.
    let seconds = [5, 4, 5, 4, 3, 2].map(|left| Some(left * SECOND));
    assert_eq!(*lefts.borrow(), seconds);
    // An attempt that is over has no time left, and time does not run backwards.
    clock.advance(60 * SECOND);
    assert_eq!(script.seen(Attempt::time_left), [Some(Duration::ZERO); 3]);
}

#[test]
fn blocking_attempt_knows_the_session_deadline() {
    let fixture = quick().deadline(10 * SECOND);
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Server]);
    let lefts = std::cell::RefCell::new(Vec::new());
    session
        .blocking()
        .run_turn_recovering(Turn::model("m"), |it| {
            lefts.borrow_mut().push(it.time_left().unwrap());
            script.play(it)
        })
        .unwrap();
    assert_eq!(*lefts.borrow(), [10 * SECOND, 9 * SECOND]);
}

#[test]
fn each_attempt_knows_the_output_its_budget_allows() {
    for way in BOTH {
        let fixture = quick().with(|o| o.budget(Limit::enforced(Usd::from_dollars(4))));
        let session = fixture.orchestrator.session().unwrap();
        let turn = Turn::model("m").estimate(dollar());
        let script = Script::of([FaultKind::Server]);
        way.run(&session, turn, &script).unwrap();
        let bought = script.seen(Attempt::max_output_tokens);
        // A failed attempt with unknown usage costs its reservation of one dollar.
        assert_eq!(bought, [Some(1_500_000), Some(1_000_000)], "{way:?}");
    }
}

#[test]
fn attempts_are_distinct_and_clones_are_the_same() {
    let fixture = quick();
    let session = fixture.orchestrator.session().unwrap();
    let kept = std::cell::RefCell::new(Vec::new());
    let answer = session.blocking().run_turn_recovering(Turn::model("m"), |it| {
        // A late report of the earlier attempt does not count for this one.
        if let Some(before) = kept.borrow().last() {
            let before: &Attempt = before;
            before.observe(UsageSnapshot::new(99, 99));
        }
        it.clone().observe(UsageSnapshot::new(u64::from(it.number()), 0));
        kept.borrow_mut().push(it);
        if kept.borrow().len() < 3 { Err("503") } else { Ok(()) }
    });
    assert_eq!(answer.unwrap().usage.input_tokens, 1 + 2 + 3);
    assert!(format!("{:?}", kept.borrow()[1]).contains("number: 2"));
}

#[test]
fn recovering_turn_can_be_spawned() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let fixture = quick();
    let session = std::sync::Arc::new(fixture.orchestrator.session().unwrap());
    let turn = async move {
        let call = async |it: Attempt| {
            if it.number() == 1 { Err("503") } else { Ok(()) }
        };
        session.run_turn_recovering(Turn::model("m"), call).await
    };
    assert_eq!(crate::support::now(is_send(turn)).unwrap().attempts, 2);
}
