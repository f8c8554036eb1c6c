//! The code of `docs/routes.md`.

use std::sync::Arc;

use techrevati_runtime::events::ManualClock;
use techrevati_runtime::orchestrator::RecoveryConfig;
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{Demand, Fault, FaultKind, NoRouteError, TriedRoutes};

/// The call, for those who make it by hand.
fn call(route: &Route) -> Result<String, Fault> {
    match route.provider() {
        "openai" => Err(Fault::of(FaultKind::Overload)),
        provider => Ok(provider.to_owned()),
    }
}

fn routes() -> Routes {
    Routes::ordered([
        Route::new("openai", "gpt-5").key("team-a"),
        Route::new("openai", "gpt-5-mini").key("team-a"),
        Route::new("anthropic", "claude-sonnet-4-5"),
    ])
}

async fn a_used_up_key_is_not_asked_twice() -> Result<(), BoxError> {
    let routes = routes();
    let orchestrator = Orchestrator::new("writer", "draft")
        .recovery(RecoveryConfig::default().routes(routes.clone()));
    let call = async |attempt: Attempt| match attempt.provider() {
        "openai" => Err(FaultError::of(FaultKind::Quota, "insufficient_quota")),
        provider => Ok(provider.to_owned()),
    };

    // The key's other model is not tried: it rests with the key.
    let session = orchestrator.session()?;
    let answer = session.run_turn_recovering(Turn::model("gpt-5"), call).await?;
    assert_eq!((answer.value.as_str(), answer.attempts), ("anthropic", 2));

    // And no other session asks it again.
    let session = orchestrator.session()?;
    let answer = session.run_turn_recovering(Turn::model("gpt-5"), call).await?;
    assert_eq!((answer.value.as_str(), answer.attempts), ("anthropic", 1));

    let resting = routes.snapshot().iter().filter(|route| route.rests.is_some()).count();
    assert_eq!(resting, 2);
    Ok(())
}

fn none_is_left() {
    let clock = Arc::new(ManualClock::new());
    let route = Route::new("openai", "gpt-5");
    let routes = Routes::ordered([route.clone()]).with_clock(clock);
    routes.apply(&route, &Fault::of(FaultKind::Quota));

    let selected = routes.select(&TriedRoutes::default(), Demand::request());
    let Err(none) = selected else { panic!("it rests") };
    assert_eq!(none.to_string(), "no route is left: 1 resting; `openai/gpt-5` returns in 900.0s");
    assert_eq!((none.tried, none.open, none.resting, none.rate_limited), (0, 0, 1, 0));
}

fn by_hand(routes: &Routes) -> Result<String, NoRouteError> {
    let mut tried = TriedRoutes::default();
    loop {
        let lease = routes.select(&tried, Demand::request())?;
        let route = lease.route();
        tried.add(route);
        let Ok(permit) = route.breaker().try_acquire() else { continue };
        match call(route) {
            Ok(answer) => {
                permit.success();
                return Ok(answer);
            }
            Err(fault) => {
                if fault.counts {
                    permit.failure();
                } else {
                    permit.cancel();
                }
                routes.apply(route, &fault);
            }
        }
    }
}

pub(crate) async fn run() -> Result<(), BoxError> {
    a_used_up_key_is_not_asked_twice().await?;
    none_is_left();
    assert_eq!(by_hand(&routes())?, "anthropic");
    Ok(())
}
