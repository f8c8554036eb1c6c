//! Golden sessions with recovery.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_orchestrator::{Attempt, BoxError, Turn};
use runtime_resilience::{
    Fault, FaultDetails, FaultError, FaultKind, Hedge, RecoveryStep, Route, Routes, TimeoutPhase,
};
use runtime_usage::{Limit, Usd};

use super::scenes::{Number, SECOND, tokens};
use super::{fixture, quick};
use crate::recovering::{Script, Way, fault, patiently, recipe};
use crate::support::{Fixture, breaker};

/// A 429 with a wait.
fn refused(asked: Duration) -> FaultError {
    let mut fault = Fault::of(FaultKind::RateLimit);
    (fault.asked, fault.status) = (Some(asked), Some(429));
    FaultError::new(fault, FaultDetails::default())
}

pub(super) fn recovered(number: Number<'_>) -> Fixture {
    let fixture = number(quick().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9)))));
    let session = fixture.orchestrator.session().unwrap();
    let script =
        Script::new([refused(3 * SECOND), fault(FaultKind::Timeout(TimeoutPhase::FirstToken))]);
    let turn = Turn::model("m").usage(tokens()).estimate(tokens()).max_output(500);
    Way::Task.run(&session, turn, &script).unwrap();
    session.complete().unwrap();
    fixture
}

pub(super) fn routes(number: Number<'_>) -> Fixture {
    let fixture = quick();
    let place = |provider: &str, model: &str| {
        Route::new(provider, model).circuit_breaker(breaker(&fixture.clock, 1))
    };
    let routes = [place("openai", "m"), place("openai", "n"), place("anthropic", "n")];
    let routes = Routes::ordered(routes).with_clock(Arc::new(fixture.clock.clone()));
    let fixture = number(fixture.recovery(|recovery| recovery.routes(routes)));
    {
        let session = fixture.orchestrator.session().unwrap();
        let kinds = [FaultKind::Server, FaultKind::Overload];
        Way::Task.run(&session, Turn::model("m").usage(tokens()), &Script::of(kinds)).unwrap();
        Way::Task.run(&session, Turn::unmetered().usage(tokens()), &Script::of([])).unwrap();
        let none_is_left = [FaultKind::Server; 4];
        Way::Thread.run(&session, Turn::model("m"), &Script::of(none_is_left)).unwrap_err();
    }
    fixture
}

pub(super) fn hedged(number: Number<'_>) -> Fixture {
    let routes = Routes::ordered([Route::new("slow", "m"), Route::new("fast", "m")]);
    let fixture = number(
        fixture().recovery(|recovery| recovery.routes(routes).hedge(Hedge::after(2 * SECOND))),
    );
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| match attempt.provider() {
        "slow" => pending().await,
        _ => Ok::<_, BoxError>("fast"),
    };
    let turn = Turn::model("m").usage(tokens()).repeatable();
    patiently(&fixture.clock, session.run_turn_recovering(turn, call)).unwrap();
    session.complete().unwrap();
    fixture
}

pub(super) fn given_up(number: Number<'_>) -> Fixture {
    let recipes = recipe(FailureScenario::ProviderFailure, &[RecoveryStep::RetryWithBackoff], 2);
    let fixture = number(quick().recovery(|recovery| recovery.recipes(recipes)));
    let session = fixture.orchestrator.session().unwrap();
    let failing = [FaultKind::Server; 4];
    Way::Task.run(&session, Turn::model("m").usage(tokens()), &Script::of(failing)).unwrap_err();
    let failing = [FaultKind::ContextLength; 2];
    Way::Task.run(&session, Turn::model("m"), &Script::of(failing)).unwrap_err();
    Way::Task.run(&session, Turn::model("m"), &Script::of([FaultKind::Auth; 2])).unwrap_err();
    drop(session);
    fixture
}
