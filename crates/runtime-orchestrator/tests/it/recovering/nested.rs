//! One retry loop in the whole stack: a call retried inside is not retried outside.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use runtime_orchestrator::{BoxError, RecoveryConfig, Turn, TurnError};
use runtime_resilience::{FaultKind, GaveUp, RateLimiter, RateLimits, Route, Routes};
use runtime_usage::{Limit, Usd};

use super::{BOTH, SECOND, Script, Way, asking, books, fault, quick};
use crate::support::{assert_lawful, limit, now};

/// A caller's error around a turn's.
#[derive(Debug)]
struct Around(BoxError);

impl fmt::Display for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the editor did not come through")
    }
}

impl Error for Around {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

type Wrap = fn(TurnError) -> BoxError;

/// The ways to return a turn's error.
const WRAPS: [(&str, Wrap); 5] = [
    ("itself", |error| error.into()),
    ("a source", |error| Around(error.into()).into()),
    ("two deep", |error| Around(Around(error.into()).into()).into()),
    ("io", |error| std::io::Error::other(error).into()),
    ("arc", |error| {
        let shared: Arc<dyn Error + Send + Sync> = Arc::new(error);
        Box::new(shared)
    }),
];

#[test]
fn inner_recovering_turn_is_not_retried_outside() {
    for way in BOTH {
        for (name, wrap) in WRAPS {
            let fixture = quick();
            let outer = fixture.orchestrator.session().unwrap();
            let inner = fixture.orchestrator.session().unwrap();
            let script = Script::of([FaultKind::Server; 99]);
            let outer_calls = Cell::new(0);
            let within = || {
                outer_calls.set(outer_calls.get() + 1);
                way.run(&inner, Turn::model("m"), &script).map_err(wrap)
            };
            let turn = Turn::model("m");
            let error = match way {
                Way::Task => now(outer.run_turn_recovering(turn, async |_| within())),
                Way::Thread => outer.blocking().run_turn_recovering(turn, |_| within()),
            };
            let error = error.unwrap_err();
            assert_eq!((outer_calls.get(), script.calls()), (1, 3), "{name}");
            assert!(error.is_final());
            let TurnError::Unrecovered(unrecovered) = &error else { panic!("{error:?}") };
            assert_eq!(unrecovered.gave_up, GaveUp::RetriedBelow, "{name}");
            assert_eq!(books(&outer), ["escalated llm_error"]);
        }
    }
}

#[test]
fn cyclic_error_does_not_hang_a_turn() {
    /// An error that is its own source.
    #[derive(Debug)]
    struct Tail;
    impl fmt::Display for Tail {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("503")
        }
    }
    impl Error for Tail {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&Self)
        }
    }
    let fixture = quick();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |it: runtime_orchestrator::Attempt| {
        if it.number() == 1 { Err(Tail) } else { Ok(()) }
    };
    assert_eq!(now(session.run_turn_recovering(Turn::model("m"), call)).unwrap().attempts, 2);
}

#[test]
fn inner_plain_turn_is_retried_by_its_failure() {
    for way in BOTH {
        let fixture = quick();
        let outer = fixture.orchestrator.session().unwrap();
        let inner = fixture.orchestrator.session().unwrap();
        let calls = Cell::new(0);
        let within = || {
            calls.set(calls.get() + 1);
            let fail = calls.get() == 1;
            inner.blocking().run_turn(Turn::model("m"), || {
                if fail { Err(asking(FaultKind::RateLimit, 20 * SECOND)) } else { Ok(()) }
            })
        };
        let turn = Turn::model("m");
        match way {
            Way::Task => now(outer.run_turn_recovering(turn, async |_| within())),
            Way::Thread => outer.blocking().run_turn_recovering(turn, |_| within()),
        }
        .unwrap();
        assert_eq!(calls.get(), 2);
        assert_eq!(fixture.clock.elapsed(), 21 * SECOND, "the asked wait is kept");
    }
}

#[test]
fn inner_final_refusal_is_not_retried() {
    for way in BOTH {
        let fixture = quick().with(|o| o.budget(Limit::enforced(Usd::ZERO)).max_iterations(2));
        let free = quick();
        let outer = free.orchestrator.session().unwrap();
        let inner = fixture.orchestrator.session().unwrap();
        let calls = Cell::new(0);
        let within = || {
            calls.set(calls.get() + 1);
            let turn = Turn::model("m").reserve(Usd::from_dollars(1));
            inner.blocking().run_turn(turn, || Ok::<_, BoxError>(()))
        };
        let turn = Turn::model("m");
        let error = match way {
            Way::Task => now(outer.run_turn_recovering(turn, async |_| within())),
            Way::Thread => outer.blocking().run_turn_recovering(turn, |_| within()),
        };
        let error = error.unwrap_err();
        assert_eq!(calls.get(), 1, "a retry does not help against the budget: {error:?}");
    }
}

#[test]
fn inner_refusal_is_no_failure_of_the_provider() {
    let spent = quick().with(|o| o.budget(Limit::enforced(Usd::ZERO)).max_iterations(99));
    let inner = spent.orchestrator.session().unwrap();
    let fixture = quick();
    let outer = fixture.orchestrator.session().unwrap();
    let within = || {
        let turn = Turn::model("m").reserve(Usd::from_dollars(1));
        inner.blocking().run_turn(turn, || Ok::<_, BoxError>(())).map_err(|it| Around(it.into()))
    };
    for _ in 0..9 {
        now(outer.run_turn_recovering(Turn::model("m"), async |_| within())).unwrap_err();
        outer.blocking().run_turn(Turn::model("m"), within).unwrap_err();
    }
    assert_eq!(fixture.breaker.state(), runtime_resilience::CircuitState::Closed);
}

#[test]
fn inner_turn_out_of_time_after_retries_is_not_retried() {
    let fixture = quick();
    let outer = fixture.orchestrator.session().unwrap();
    let inner = fixture.orchestrator.session().unwrap();
    let (outer_calls, inner_calls) = (Cell::new(0), Cell::new(0));
    let call = async |_| {
        outer_calls.set(outer_calls.get() + 1);
        let turn = Turn::model("m").within(limit(&fixture.clock, 10 * SECOND));
        let slow = async |_| {
            inner_calls.set(inner_calls.get() + 1);
            if inner_calls.get() == 1 {
                Err(fault(FaultKind::Server))
            } else {
                std::future::pending::<Result<(), _>>().await
            }
        };
        inner.run_turn_recovering(turn, slow).await
    };
    let error = now(outer.run_turn_recovering(Turn::model("m"), call)).unwrap_err();
    assert_eq!((outer_calls.get(), inner_calls.get()), (1, 2), "{error:?}");
}

#[test]
fn inner_recovered_turn_is_an_answer_outside() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server]);
        let within = || way.run(&session, Turn::model("m"), &script);
        let turn = Turn::model("m");
        let answer = match way {
            Way::Task => now(session.run_turn_recovering(turn, async |_| within())),
            Way::Thread => session.blocking().run_turn_recovering(turn, |_| within()),
        };
        assert_eq!(answer.unwrap().attempts, 1);
        assert_eq!(books(&session), ["attempted llm_error", "succeeded llm_error"]);
        session.complete().unwrap();
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn inner_refusal_rests_no_route() {
    let fixture = quick();
    let clock = Arc::new(fixture.clock.clone());
    let [inner, outer] = ["inner", "outer"]
        .map(|name| RateLimiter::with_clock(name, RateLimits::default(), clock.clone()));
    inner.pause(SECOND * 50);
    let within = fixture.orchestrator.clone().rate_limiter(inner).session().unwrap();
    let first = Route::new("first", "m").rate_limiter(outer.clone());
    let routes = Routes::ordered([first, Route::new("second", "m")]).with_clock(clock);
    let session = fixture
        .orchestrator
        .clone()
        .recovery(RecoveryConfig::default().routes(routes.clone()))
        .session()
        .unwrap();
    let answer = now(session.run_turn_recovering(Turn::model("m"), async |attempt| {
        if attempt.provider() == "second" {
            return Ok::<_, BoxError>(2);
        }
        let turn = Turn::model("m").timeout(limit(&fixture.clock, SECOND));
        Ok(within.run_turn(turn, async || Ok::<_, BoxError>(1)).await?.value)
    }));
    assert_eq!(answer.unwrap().value, 2, "the turn still switches");
    assert!(routes.snapshot().iter().all(|route| route.rests.is_none()));
    assert_eq!(outer.available().paused, None);
}

#[test]
fn inner_refusal_pauses_no_limiter() {
    let fixture = quick();
    let clock = Arc::new(fixture.clock.clone());
    let [inner, outer] = ["inner", "outer"]
        .map(|name| RateLimiter::with_clock(name, RateLimits::default(), clock.clone()));
    inner.pause(SECOND * 50);
    let within = fixture.orchestrator.clone().rate_limiter(inner).session().unwrap();
    let session = fixture.orchestrator.clone().rate_limiter(outer.clone()).session().unwrap();
    let refused = now(session.run_turn(Turn::model("m"), async || {
        let turn = Turn::model("m").timeout(limit(&fixture.clock, SECOND));
        within.run_turn(turn, async || Ok::<_, BoxError>(1)).await
    }));
    assert!(matches!(refused, Err(TurnError::Failed(_))));
    assert_eq!(outer.available().paused, None);
}
