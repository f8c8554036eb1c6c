//! A recovering turn in steps does what the closure form does.

use std::sync::Arc;

use proptest::prelude::*;
use runtime_events::{AgentEvent, AgentEventName, ManualClock};
use runtime_orchestrator::{Attempt, Turn, TurnError};
use runtime_resilience::{FaultError, FaultKind, GaveUp, Route, Routes};
use runtime_usage::{Limit, UsageSnapshot, Usd};

use super::{asking, fault, fixture, on};
use crate::support::{Fixture, assert_lawful, now};

/// What a call does, by its number.
type Script = Vec<u8>;

const KINDS: [FaultKind; 5] = [
    FaultKind::Overload,
    FaultKind::RateLimit,
    FaultKind::Auth,
    FaultKind::ContextLength,
    FaultKind::Server,
];

fn call(script: &Script, attempt: &Attempt) -> Result<u32, FaultError> {
    attempt.observe(UsageSnapshot::new(u64::from(attempt.number()), 1));
    let step = script.get(attempt.number() as usize - 1).copied().unwrap_or(u8::MAX);
    match KINDS.get(usize::from(step)) {
        Some(FaultKind::RateLimit) => Err(asking(FaultKind::RateLimit, super::SECOND)),
        Some(kind) => Err(fault(*kind)),
        None => Ok(attempt.number()),
    }
}

fn two_routes() -> Fixture {
    let clock = ManualClock::skipping();
    let routes = Routes::ordered([Route::new("first", "m"), Route::new("second", "m")]);
    let routes = routes.with_clock(Arc::new(clock.clone()));
    on(clock)
        .with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))))
        .recovery(|recovery| recovery.routes(routes))
}

/// An event without its ids.
fn plain(event: &Arc<AgentEvent>) -> String {
    let AgentEvent { event, status, detail, data, outcome, elapsed, .. } = &**event;
    let mut data = serde_json::to_value(data).expect("data are JSON");
    if let Some(data) = data.as_object_mut() {
        data.remove("worker_id");
    }
    format!("{event} {status} {outcome:?} {detail:?} {elapsed:?} {data}")
}

type Ended = (Result<(u32, u32, Usd), String>, Vec<String>);

fn told(fixture: &Fixture, result: Result<(u32, u32, Usd), TurnError>) -> Ended {
    let events = fixture.events.events();
    assert_lawful(&events);
    (result.map_err(|error| error.to_string()), events.iter().map(plain).collect())
}

fn by_closure(script: &Script) -> Ended {
    let fixture = two_routes();
    let session = fixture.orchestrator.session().expect("it is open");
    let turns =
        session.run_turn_recovering(Turn::model("m"), async |attempt| call(script, &attempt));
    let result = now(turns).map(|answer| (answer.value, answer.attempts, answer.cost));
    drop(session.finish(Ok::<_, TurnError>(())));
    told(&fixture, result)
}

async fn stepping(fixture: &Fixture, script: &Script) -> Result<(u32, u32, Usd), TurnError> {
    let session = fixture.orchestrator.session().expect("it is open");
    let mut turn = session.handle().begin_turn_recovering(Turn::model("m"))?;
    let result = loop {
        let mut attempt = match turn.attempt().await {
            Ok(attempt) => attempt,
            Err(ended) => break Err(ended),
        };
        let reply = call(script, attempt.attempt());
        match attempt.run(async { reply }).await {
            Ok(value) => {
                let usage = UsageSnapshot::new(u64::from(value), 1);
                let answer = attempt.settle(usage);
                break Ok((value, answer.attempts, answer.cost));
            }
            Err(failed) => match attempt.recover(failed).await {
                Ok(again) => turn = again,
                Err(ended) => break Err(ended),
            },
        }
    };
    drop(session.finish(Ok::<_, TurnError>(())));
    result
}

proptest! {
    #[test]
    fn steps_tell_what_the_closure_form_tells(script in proptest::collection::vec(0..6_u8, 0..6)) {
        let fixture = two_routes();
        let result = now(stepping(&fixture, &script));
        prop_assert_eq!(told(&fixture, result), by_closure(&script));
    }
}

#[test]
fn failure_after_a_part_was_handed_on_ends_the_turn() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().expect("it is open");
    let turn = session.handle().begin_turn_recovering(Turn::model("m")).expect("it is admitted");
    let mut attempt = now(turn.attempt()).expect("it is admitted");
    attempt.attempt().observe(UsageSnapshot::new(1_000_000, 0));
    let failed = attempt.fail(fault(FaultKind::Network));
    let TurnError::Unrecovered(ended) = attempt.give_up(failed) else { panic!("it gives up") };
    assert_eq!((ended.gave_up.clone(), ended.attempts), (GaveUp::HandedOn, 1));
    session.complete().expect("no turn is under way");
    let failed = fixture.only(AgentEventName::TurnFailed);
    let data = serde_json::to_value(&failed.data).expect("data are JSON");
    assert_eq!((&data["cost_usd"], &data["estimated"]), (&1.0.into(), &true.into()));
    assert_lawful(&fixture.events.events());
}

#[test]
fn attempt_knows_its_reservation_and_the_bill_before() {
    let fixture =
        on(ManualClock::skipping()).with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
    let session = fixture.orchestrator.session().expect("it is open");
    let model = Turn::model("m").reserve(Usd::from_dollars(2));
    let turn = session.handle().begin_turn_recovering(model).expect("it is admitted");
    let mut attempt = now(turn.attempt()).expect("it is admitted");
    assert_eq!((attempt.reserved(), attempt.before().is_none()), (Usd::from_dollars(2), true));
    attempt.attempt().observe(UsageSnapshot::new(1_000_000, 0));
    let failed = attempt.fail(fault(FaultKind::Server));
    let turn = now(attempt.recover(failed)).expect("it is tried again");
    let attempt = now(turn.attempt()).expect("it is admitted");
    assert_eq!(attempt.before().map(|bill| bill.cost), Some(Usd::from_dollars(1)));
    attempt.release();
    session.complete().expect("no turn is under way");
}

#[test]
fn dropped_attempt_ends_before_its_turn() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().expect("it is open");
    let begin = || session.handle().begin_turn_recovering(Turn::model("m")).expect("it is open");
    drop(begin());
    drop(now(begin().attempt()).expect("it is admitted"));
    // An attempt that has failed stays failed.
    let mut failed = now(begin().attempt()).expect("it is admitted");
    let _ = failed.fail(fault(FaultKind::Server));
    assert_eq!(failed.settle(UsageSnapshot::new(1_000_000, 0)).cost, Usd::ZERO);
    let (_, reader) = Turn::model("m").usage(UsageSnapshot::new(1_000_000, 0)).split();
    let mut failed = now(begin().attempt()).expect("it is admitted");
    let _ = failed.fail(fault(FaultKind::Server));
    assert_eq!(now(failed.finish((), reader)).expect("nobody objects").cost, Usd::ZERO);
    session.complete().expect("no turn is under way");
    assert_lawful(&fixture.events.events());
    let outcome =
        |name| fixture.events.all(name).iter().filter_map(|e| e.outcome).collect::<Vec<_>>();
    let [cancelled, broken] =
        [runtime_events::SpanOutcome::Cancelled, runtime_events::SpanOutcome::Failed];
    assert_eq!(outcome(AgentEventName::AttemptFailed), [cancelled, broken, broken]);
    assert_eq!(outcome(AgentEventName::TurnFailed), [cancelled; 3]);
}
