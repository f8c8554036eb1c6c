//! Switches of provider: a failed route rests for all, and the turn goes elsewhere.

use std::sync::Arc;
use std::time::Duration;

use runtime_events::{AgentEventName, FailureScenario, ManualClock};
use runtime_orchestrator::{Turn, TurnError};
use runtime_resilience::{
    CircuitState, FaultKind, GaveUp, RecoveryStep, Route, RouteSnapshot, Routes, StepContext,
};
use runtime_usage::Usd;

use super::{
    BOTH, SECOND, Script, asking, assert_recovery_agrees, books, fixture, patiently, poll, quick,
    recipe, told,
};
use crate::support::{Fixture, assert_lawful, breaker, dollar, poll_times, price, yields};

/// Three routes, each with a breaker that opens at the first failure.
fn three(clock: &ManualClock) -> Routes {
    let place = |provider, model| Route::new(provider, model).circuit_breaker(breaker(clock, 1));
    Routes::ordered([place("openai", "m"), place("azure", "m"), place("anthropic", "n")])
        .with_clock(Arc::new(clock.clone()))
}

fn routed(fixture: Fixture) -> (Fixture, Routes) {
    let routes = three(&fixture.clock);
    let fixture = fixture.recovery(|recovery| recovery.routes(routes.clone()));
    (fixture, routes)
}

fn assert_nothing_is_under_way(routes: &Routes) {
    let in_flight: u32 = routes.snapshot().iter().map(|it| it.in_flight).sum();
    assert_eq!(in_flight, 0);
}

fn rests(routes: &Routes) -> Vec<Option<Duration>> {
    routes.snapshot().iter().map(|RouteSnapshot { rests, .. }| *rests).collect()
}

fn states(routes: &Routes) -> Vec<CircuitState> {
    routes.iter().map(|route| route.breaker().state()).collect()
}

#[test]
fn turn_switches_to_the_next_provider_at_once() {
    for way in BOTH {
        let (fixture, routes) = routed(quick());
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server, FaultKind::Overload]);
        let answer = way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!((answer.attempts, answer.provider.as_deref()), (3, Some("anthropic")));
        assert_eq!(script.seen(|it| it.provider().to_owned()), ["openai", "azure", "anthropic"]);
        assert_eq!(script.seen(|it| it.model().to_owned()), ["m", "m", "n"]);
        assert!(script.seen(|it| it.route().is_some()).iter().all(|it| *it));
        assert_eq!(
            fixture.clock.elapsed(),
            Duration::ZERO,
            "the wait is for the place that failed"
        );
        assert_eq!(
            states(&routes),
            [CircuitState::Open, CircuitState::Open, CircuitState::Closed],
            "each has its own breaker"
        );
        assert_eq!(fixture.breaker.state(), CircuitState::Closed, "and not the orchestrator's");
        assert_eq!(rests(&routes), [None, Some(2 * SECOND), None], "an overload rests");
        assert_nothing_is_under_way(&routes);
        assert_recovery_agrees(&fixture, &session);
        drop(session);
        assert_lawful(&fixture.events.events());
        let switched = fixture.events.all(AgentEventName::RecoveryProviderSwitched);
        assert_eq!(
            told(&switched),
            [
                r#"recovery.provider_switched (running): openai -> azure {"from":"openai","to":"azure"}"#,
                r#"recovery.provider_switched (running): azure -> anthropic {"from":"azure","to":"anthropic"}"#,
            ]
        );
        let started: Vec<_> = fixture
            .events
            .all(AgentEventName::AttemptStarted)
            .iter()
            .map(|event| event.data.as_ref().unwrap().get("provider").unwrap().clone())
            .collect();
        assert_eq!(started, ["openai", "azure", "anthropic"]);
    }
}

#[test]
fn switch_emits_its_whole_story() {
    for way in BOTH {
        let (fixture, _) = routed(quick());
        let session = fixture.orchestrator.session().unwrap();
        way.run(&session, Turn::model("m"), &Script::of([FaultKind::Auth])).unwrap();
        let lines = told(&fixture.events.events());
        assert_eq!(
            lines[1..],
            [
                r#"turn_started (running) {"model":"m"}"#,
                r#"attempt_started (running) {"model":"m","attempt":1,"provider":"openai"}"#,
                r#"attempt_failed (failed) = failed: auth {"model":"m","attempt":1,"provider":"openai"}"#,
                r#"recovery.attempted (running): provider_failure: switch_provider {"scenario":"provider_failure","fault":"auth","steps":["switch_provider"],"attempt":2,"skipped":["retry_with_backoff"],"rests":{"routes":1,"scope":"key","seconds":900.0}}"#,
                r#"recovery.provider_switched (running): openai -> azure {"from":"openai","to":"azure"}"#,
                r#"attempt_started (running) {"model":"m","attempt":2,"provider":"azure"}"#,
                r#"attempt_completed (completed) = ok {"model":"m","input_tokens":0,"output_tokens":0,"cost_usd":0.0,"attempt":2,"provider":"azure"}"#,
                r#"recovery.succeeded (completed): provider_failure: recovered {"scenario":"provider_failure","attempts":2}"#,
                r#"turn_completed (completed) = ok {"model":"m","attempts":2,"input_tokens":0,"output_tokens":0,"cost_usd":0.0}"#,
            ],
            "{way:?}"
        );
    }
}

#[test]
fn switch_within_one_provider_names_the_routes() {
    for way in BOTH {
        let routes = Routes::ordered(["m", "n"].map(|model| Route::new("openai", model)));
        let fixture = quick().recovery(|recovery| recovery.routes(routes));
        let session = fixture.orchestrator.session().unwrap();
        way.run(&session, Turn::model("m"), &Script::of([FaultKind::Server])).unwrap();
        assert_eq!(
            told(&fixture.events.all(AgentEventName::RecoveryProviderSwitched)),
            [
                r#"recovery.provider_switched (running): openai/m -> openai/n {"from":"openai","to":"openai","from_route":"openai/m","to_route":"openai/n"}"#,
            ]
        );
    }
}

#[test]
fn rest_of_a_route_spares_the_next_turn_the_same_failure() {
    for way in BOTH {
        let (fixture, routes) = routed(quick());
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::new([asking(FaultKind::RateLimit, 90 * SECOND)]);
        way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!(rests(&routes), [Some(90 * SECOND), None, None]);
        // Another session of the same orchestrator.
        let other = fixture.orchestrator.session().unwrap();
        let script = Script::of([]);
        way.run(&other, Turn::model("m"), &script).unwrap();
        assert_eq!(script.seen(|it| it.provider().to_owned()), ["azure"]);
    }
}

#[test]
fn failed_route_is_not_tried_again_by_the_same_turn() {
    for way in BOTH {
        let (fixture, routes) = routed(quick());
        let recipes = recipe(FailureScenario::ProviderFailure, &[RecoveryStep::SwitchProvider], 9);
        let fixture = fixture.recovery(|recovery| recovery.recipes(recipes));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Auth; 9]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert_eq!(script.seen(|it| it.provider().to_owned()), ["openai", "azure", "anthropic"]);
        assert!(error.is_final());
        assert_nothing_is_under_way(&routes);
        assert_recovery_agrees(&fixture, &session);
    }
}

#[test]
fn only_provider_left_is_waited_for() {
    for way in BOTH {
        let fixture = quick();
        let place = Route::new("only", "m").circuit_breaker(breaker(&fixture.clock, 9));
        let routes = Routes::ordered([place]).with_clock(Arc::new(fixture.clock.clone()));
        let fixture = fixture.recovery(|recovery| recovery.routes(routes.clone()));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::new([asking(FaultKind::RateLimit, 20 * SECOND)]);
        let answer = way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!(answer.provider.as_deref(), Some("only"));
        assert_eq!(fixture.clock.elapsed(), 21 * SECOND);
        let said = fixture.only(AgentEventName::RecoveryAttempted);
        let seconds = |key| said.data.as_ref().unwrap().get(key).unwrap().as_f64();
        assert_eq!((seconds("asked_seconds"), seconds("wait_seconds")), (Some(20.0), Some(21.0)));
        assert!(fixture.events.all(AgentEventName::RecoveryProviderSwitched).is_empty());
    }
}

#[test]
fn turn_without_a_free_route_waits_for_the_first_to_return() {
    for way in BOTH {
        let (fixture, routes) = routed(quick());
        for (route, rest) in routes.iter().zip([40, 20, 30]) {
            routes.rest(route, runtime_resilience::FaultScope::Model, rest * SECOND);
        }
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([]);
        let answer = way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!(answer.provider.as_deref(), Some("azure"), "{way:?}");
        assert_eq!(answer.attempts, 1, "nothing was called before");
        let waited = fixture.clock.elapsed();
        assert!((20 * SECOND..30 * SECOND).contains(&waited), "{waited:?}");
        assert_eq!(books(&session), ["attempted provider_failure", "succeeded provider_failure"]);
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn turn_without_a_free_route_for_long_gives_up_at_once() {
    for way in BOTH {
        let (fixture, routes) = routed(quick());
        for route in routes.iter() {
            routes.rest(route, runtime_resilience::FaultScope::Model, 90 * SECOND);
        }
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert_eq!((script.calls(), fixture.clock.elapsed()), (0, Duration::ZERO));
        assert!(error.is_final() && error.is_refusal());
        let TurnError::Unrecovered(unrecovered) = &error else { panic!("{error:?}") };
        assert!(matches!(unrecovered.error, TurnError::NoRoute(_)));
        assert!(matches!(unrecovered.gave_up, GaveUp::NothingHelps(_)));
        drop(session);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn open_breaker_of_the_only_route_is_waited_for() {
    for way in BOTH {
        let fixture = quick();
        let place = Route::new("only", "m").circuit_breaker(breaker(&fixture.clock, 1));
        let routes = Routes::ordered([place]).with_clock(Arc::new(fixture.clock.clone()));
        let fixture = fixture.recovery(|recovery| recovery.routes(routes.clone()));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server]);
        let answer = way.run(&session, Turn::model("m"), &script).unwrap();
        // A second after the failure the breaker asks for 29 seconds, and the delay is added.
        assert_eq!(answer.attempts, 2);
        assert!(fixture.clock.elapsed() >= 30 * SECOND);
        assert_eq!(states(&routes), [CircuitState::Closed], "it was the probe");
        assert_eq!(
            books(&session),
            [
                "attempted llm_error",
                "failed llm_error",
                "attempted provider_failure",
                "succeeded provider_failure"
            ]
        );
        assert_recovery_agrees(&fixture, &session);
    }
}

#[test]
fn answer_is_billed_for_the_model_of_its_route() {
    for way in BOTH {
        let (fixture, _) = routed(quick());
        let prices = crate::support::prices();
        prices.register("n", price(3, 3)).unwrap();
        let fixture = fixture.with(|o| o.pricing(prices));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server, FaultKind::Server]);
        let answer = way.run(&session, Turn::model("m").usage(dollar()), &script).unwrap();
        assert_eq!(answer.cost, Usd::from_dollars(3));
        let ended = fixture.only(AgentEventName::AttemptCompleted);
        assert_eq!(ended.data.as_ref().unwrap().get("model").unwrap(), "n");
        assert!(session.tracker().per_model_summary().contains_key("n"));
    }
}

#[test]
fn turn_without_a_model_is_metered_by_its_route() {
    for way in BOTH {
        let (fixture, _) = routed(quick());
        let session = fixture.orchestrator.session().unwrap();
        let turn = Turn::unmetered().usage(dollar());
        let answer = way.run(&session, turn, &Script::of([])).unwrap();
        let data = fixture.only(AgentEventName::TurnCompleted);
        let cost =
            data.data.as_ref().unwrap().get("cost_usd").and_then(runtime_events::Fact::as_f64);
        let cost = Usd::try_from(cost.unwrap_or_default()).unwrap();
        assert_eq!((cost, answer.cost), (session.tracker().total_cost(), cost), "{way:?}");
    }
}

#[test]
fn dropped_turn_releases_its_route_and_its_probe() {
    for polls in 0..4 {
        let (fixture, routes) = routed(fixture());
        for route in routes.iter() {
            route.breaker().record_failure();
        }
        fixture.clock.advance(crate::support::WAIT);
        let session = fixture.orchestrator.session().unwrap();
        let call = async |_| {
            yields(2).await;
            Ok::<_, runtime_orchestrator::BoxError>(())
        };
        let done = poll_times(polls, session.run_turn_recovering(Turn::model("m"), call));
        assert_eq!(done.is_some(), polls == 3);
        assert_nothing_is_under_way(&routes);
        for route in routes.iter() {
            route.breaker().try_acquire().unwrap().cancel();
        }
    }
}

#[test]
fn running_call_counts_on_its_route_even_after_a_wait() {
    let (fixture, routes) = routed(fixture());
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Timeout(runtime_resilience::TimeoutPhase::Provider)]);
    let call = session.run_turn_recovering(Turn::model("m"), async |it| {
        yields(1).await;
        script.play(it)
    });
    let mut call = Box::pin(call);
    assert!(poll(&mut call).is_pending());
    assert_eq!(routes.snapshot()[0].in_flight, 1);
    assert!(poll(&mut call).is_pending(), "it waits for the same provider");
    assert_eq!(script.seen(|it| it.provider().to_owned()), ["openai"]);
    drop(call);
    assert_nothing_is_under_way(&routes);
}

#[test]
fn asking_for_another_route_does_not_advance_the_rotation() {
    // A context is made smaller without a switch: the rotation is unchanged.
    let fixture = quick();
    let place = |provider| Route::new(provider, "m").circuit_breaker(breaker(&fixture.clock, 9));
    let routes = Routes::round_robin([place("a"), place("b"), place("c")])
        .with_clock(Arc::new(fixture.clock.clone()));
    let fixture = fixture.recovery(|recovery| recovery.routes(routes));
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::ContextLength]);
    BOTH[0].run(&session, Turn::model("m"), &script).unwrap();
    BOTH[0].run(&session, Turn::model("m"), &script).unwrap();
    BOTH[0].run(&session, Turn::model("m"), &script).unwrap();
    assert_eq!(script.seen(|it| it.provider().to_owned()), ["a", "a", "b", "c"]);
}

#[test]
fn last_resort_is_called_when_routes_fail_open() {
    for way in BOTH {
        let fixture = quick();
        let routes = three(&fixture.clock).fail_open();
        for route in routes.iter() {
            route.breaker().record_failure();
        }
        let fixture = fixture.recovery(|recovery| recovery.routes(routes.clone()));
        let session = fixture.orchestrator.session().unwrap();
        let answer = way.run(&session, Turn::model("m"), &Script::of([])).unwrap();
        assert_eq!((answer.attempts, fixture.clock.elapsed()), (1, Duration::ZERO), "{way:?}");
        assert_nothing_is_under_way(&routes);
    }
}

#[test]
fn switch_after_a_refusal_is_from_the_failed_route() {
    for way in BOTH {
        let (fixture, routes) = routed(quick());
        let azure = routes.iter().nth(1).unwrap().breaker().clone();
        let steps = [RecoveryStep::SwitchProvider, RecoveryStep::ReduceToolSet];
        let recipes = recipe(FailureScenario::LlmError, &steps, 1);
        // Between its selection and the attempt, the second route goes out.
        let handler = move |_: &StepContext<'_>| {
            azure.record_failure();
            Ok(())
        };
        let fixture = fixture.recovery(|recovery| recovery.recipes(recipes).handler(handler));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server]);
        let answer = way.run(&session, Turn::model("m"), &script).unwrap();
        assert_eq!((answer.attempts, answer.provider.as_deref()), (2, Some("anthropic")));
        let switched = fixture.only(AgentEventName::RecoveryProviderSwitched);
        assert_eq!(switched.detail.as_deref(), Some("openai -> anthropic"));
    }
}

#[test]
fn turn_that_waits_does_not_call_a_place_that_rests_by_then() {
    let fixture = fixture();
    let routes = Routes::ordered([Route::new("openai", "m")]);
    let routes = routes.with_clock(Arc::new(fixture.clock.clone()));
    let fixture = fixture.recovery(|recovery| recovery.routes(routes.clone()));
    let session = fixture.orchestrator.session().unwrap();
    let script = Script::of([FaultKind::Server]);
    let mut turn = Box::pin(
        session.run_turn_recovering(Turn::model("m"), async |attempt| script.play(attempt)),
    );
    assert!(poll(&mut turn).is_pending());
    // Another turn is asked to leave it alone for longer.
    let openai = routes.iter().next().unwrap();
    routes.apply(openai, &asking(FaultKind::RateLimit, 5 * SECOND).fault).unwrap();
    fixture.clock.advance(SECOND);
    assert!(poll(&mut turn).is_pending());
    assert_eq!(script.calls(), 1, "the back-off is over, and the place rests");
    assert_eq!(patiently(&fixture.clock, turn).unwrap().attempts, 2);
    assert!(fixture.clock.elapsed() >= 5 * SECOND);
    assert_nothing_is_under_way(&routes);
}
