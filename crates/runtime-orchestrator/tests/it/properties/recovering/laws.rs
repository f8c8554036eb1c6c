//! The laws of every turn and its session.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use runtime_events::{AgentEvent, AgentEventName as Name, SpanOutcome};
use runtime_orchestrator::TurnError;
use runtime_resilience::Routes;
use runtime_usage::Usd;

use super::scene::{Cut, Ended, Run, STEP, Scene, most_retries};
use crate::support::{WAIT, assert_books_agree, assert_lawful, assert_lawful_so_far};

type Events<'e> = &'e [Arc<AgentEvent>];

fn count(events: Events<'_>, name: Name) -> usize {
    events.iter().filter(|event| event.event == name).count()
}

fn number(event: &AgentEvent, key: &str) -> f64 {
    event.data.as_ref().and_then(|data| data.get(key)?.as_f64()).unwrap_or(0.0)
}

pub(super) fn assert_turn(scene: &Scene, run: &Run, ended: &Ended, events: Events<'_>) {
    assert_story(ended, events);
    assert_bounds(scene, run, ended, events);
    assert_nothing_is_held(scene);
    if scene.setting.budget.is_some() {
        assert_books_agree(&scene.fixture, scene.session());
    }
    let told = number_told(events);
    assert_eq!(told.0, told.1, "the turn costs what its attempts cost");
}

/// The cost in the turn's event, and the sum of its attempts' costs.
fn number_told(events: Events<'_>) -> (Usd, Usd) {
    let sum = |names: [Name; 2]| {
        let ended = events.iter().filter(|event| names.contains(&event.event));
        ended.map(|event| Usd::try_from(number(event, "cost_usd")).unwrap()).sum::<Usd>()
    };
    let turn = sum([Name::TurnCompleted, Name::TurnFailed]);
    (turn, sum([Name::AttemptCompleted, Name::AttemptFailed]))
}

fn assert_story(ended: &Ended, events: Events<'_>) {
    let at = |name| count(events, name);
    let started = at(Name::TurnStarted);
    assert!(started <= 1);
    assert_eq!(started, at(Name::TurnCompleted) + at(Name::TurnFailed), "begun once, ended once");
    let attempts = at(Name::AttemptStarted);
    assert_eq!(attempts, at(Name::AttemptCompleted) + at(Name::AttemptFailed));
    assert!(ended.calls.len() <= attempts, "every call is an attempt");
    assert!(at(Name::AttemptCompleted) <= 1);
    let came = at(Name::RecoverySucceeded) + at(Name::RecoveryFailed);
    assert_eq!(at(Name::RecoveryAttempted), came, "each attempted recovery has a result");
    assert!(at(Name::RecoverySucceeded) <= 1 && at(Name::RecoveryEscalated) <= 1);
    for (event, next) in events.iter().zip(&events[1.min(events.len())..]) {
        match event.event {
            Name::RecoverySucceeded => assert_eq!(next.event, Name::TurnCompleted),
            Name::RecoveryEscalated => assert_eq!(next.event, Name::TurnFailed),
            _ => {}
        }
    }
    // A recovered turn reports its recovery, and no other turn does.
    let recovered = at(Name::TurnCompleted) == 1 && at(Name::RecoveryAttempted) > 0;
    assert_eq!(at(Name::RecoverySucceeded), usize::from(recovered));
    if let Some(turn) = events.iter().find(|it| it.event == Name::TurnStarted) {
        let last = events.iter().rfind(|it| it.span == turn.span).unwrap();
        assert_eq!(number(last, "attempts").to_string(), attempts.to_string());
        let outcome = last.outcome.unwrap();
        match &ended.outcome {
            Some(Ok(answer)) => {
                assert_eq!(outcome, SpanOutcome::Ok);
                assert_eq!(answer.attempts as usize, attempts);
                assert_eq!(answer.cost, number_told(events).0);
            }
            Some(Err(error)) => {
                assert_ne!(outcome, SpanOutcome::Ok);
                assert_eq!(error.is_final(), matches!(error, TurnError::Unrecovered(_)));
                assert_eq!(at(Name::RecoveryEscalated), usize::from(error.is_final()));
            }
            None if ended.panicked => assert_eq!(outcome, SpanOutcome::Panicked),
            None => assert_eq!(outcome, SpanOutcome::Cancelled),
        }
    } else {
        assert!(ended.calls.is_empty(), "a call outside of a turn");
        assert!(!matches!(ended.outcome, Some(Ok(_))));
        // An ended session emits nothing more.
        let refused = ended
            .outcome
            .as_ref()
            .is_some_and(|outcome| !matches!(outcome, Ok(_) | Err(TurnError::Closed(_))));
        assert_eq!(at(Name::AgentBlocked), usize::from(refused));
    }
    if let Some(Err(error)) = &ended.outcome {
        assert!(!error.is_refusal() || ended.calls.is_empty(), "a call was made: {error:?}");
    }
}

fn assert_bounds(scene: &Scene, run: &Run, ended: &Ended, events: Events<'_>) {
    // At most the calls that the recipes allow, and a hedge beside each.
    let attempts = ended.calls.len() as u64;
    let most = 1 + most_retries(&scene.recipes);
    let hedges = if scene.setting.hedge.is_some() && !run.thread { 2 } else { 1 };
    assert!(attempts <= most * hedges, "{attempts} calls");

    // No call begins after the turn's time.
    if let Some(end) = ended.end {
        let late = ended.calls.iter().find(|call| call.began >= end);
        assert!(late.is_none(), "{late:?} begins too late, after {end:?}");
    }
    // No turn that is polled in time waits longer. On threads the caller's code is not interrupted.
    let in_time = !run.thread && !matches!(run.cut, Some((_, Cut::Late)));
    if let (Some(end), Some(_), true) = (ended.end, &ended.outcome, in_time) {
        let latest = end.max(ended.from) + STEP;
        assert!(ended.over <= latest, "{:?} is after {end:?}", ended.over);
    }
    // All waits together are shorter than the turn's time.
    let attempted = events.iter().filter(|event| event.event == Name::RecoveryAttempted);
    let waits: f64 = attempted.map(|event| number(event, "wait_seconds")).sum();
    if let Some(total) = ended.total {
        assert!(waits <= total.as_secs_f64(), "{waits} of {total:?}");
    }
    // A route is not called again before the wait that it asked for.
    if hedges == 1 {
        for (before, after) in ended.calls.iter().zip(&ended.calls[1.min(ended.calls.len())..]) {
            let Some((failed, asked)) = before.asked else { continue };
            if before.provider == after.provider && scene.setting.routes < 3 {
                let waited = after.began.saturating_duration_since(failed);
                assert!(waited >= asked, "{waited:?}, asked {asked:?}");
            }
        }
    }
}

/// A place gets no more extra calls than its retry budget allows: hedges, and retries of what failed
/// there. A call elsewhere is none, nor is a smaller one after a request that was too long.
fn assert_retries_are_paid(scene: &Scene, events: Events<'_>) {
    let mut paid: BTreeMap<String, usize> = BTreeMap::new();
    let (mut is_first, mut is_free) = (true, true);
    for event in events {
        let data = event.data.clone().unwrap_or_default();
        let text = |key| data.get(key).and_then(|value| value.as_str()).unwrap_or_default();
        match event.event {
            Name::TurnStarted => is_first = true,
            Name::RecoveryProviderSwitched => is_free = true,
            Name::RecoveryAttempted => is_free = text("fault") == "context_length",
            Name::AttemptStarted => {
                let is_hedge = data.get("hedge").is_some();
                let is_first = std::mem::take(&mut is_first);
                if is_hedge || !(is_first || is_free) {
                    *paid.entry(text("provider").to_owned()).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    let most = scene.setting.retries as usize + count(events, Name::TurnCompleted) / 10;
    for (provider, paid) in paid {
        // Two of three routes are keys of one provider.
        let places = if scene.setting.routes == 3 && provider == "a" { 2 } else { 1 };
        assert!(paid <= most * places, "{paid} retries at `{provider}`, more than {most}");
    }
}

fn assert_nothing_is_held(scene: &Scene) {
    assert_eq!(scene.fixture.clock.waiting(), 0);
    for snapshot in scene.routes.iter().flat_map(Routes::snapshot) {
        assert_eq!(snapshot.in_flight, 0);
    }
}

pub(super) fn assert_session(scene: &Scene) {
    crate::recovering::assert_recovery_agrees(&scene.fixture, scene.session());
    let events = scene.fixture.events.events();
    assert_retries_are_paid(scene, &events);
    if scene.session().status().is_terminal() {
        assert_lawful(&events);
    } else {
        assert_eq!(assert_lawful_so_far(&events), 0);
    }
}

pub(super) fn assert_over(scene: &Scene) {
    assert_lawful(&scene.fixture.events.events());
    // After the wait every breaker admits a call: no probe's place is leaked.
    scene.fixture.clock.advance(WAIT);
    scene.fixture.breaker.try_acquire().unwrap().cancel();
    for route in scene.routes.iter().flat_map(Routes::iter) {
        route.breaker().try_acquire().unwrap().cancel();
    }
}
