//! Tasks that share routes, some of which are asked to be left alone. It is known beside the library how long each rests.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use runtime_resilience::{Demand, Fault, FaultKind, FaultScope, Route, Routes, TriedRoutes};
use runtime_testkit::simulation::{Broken, Ran, Sim, Simulation};

use crate::draw::{millis, one_of};

const PLACES: [(&str, &str); 3] = [("openai", "large"), ("openai", "small"), ("azure", "large")];

struct Shared {
    routes: Routes,
    /// Until when each place rests.
    rests: RefCell<[Duration; PLACES.len()]>,
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    simulation.run(async |sim| {
        let mut rng = sim.rng("plan");
        let ways = PLACES.map(|(provider, model)| Route::new(provider, model));
        let routes = match rng.u8(..3) {
            0 => Routes::round_robin(ways),
            1 => Routes::least_loaded(ways),
            _ => Routes::ordered(ways),
        };
        let routes = routes.with_clock(Arc::new(sim.time()));
        let shared = Rc::new(Shared { routes, rests: RefCell::default() });
        for number in 0..rng.usize(1..8) {
            sim.spawn(format!("caller {number}"), caller(sim.clone(), Rc::clone(&shared), number));
        }
        Ok(())
    })
}

async fn caller(sim: Sim, shared: Rc<Shared>, number: usize) {
    let mut rng = sim.rng(&format!("caller {number}"));
    let left = |place: usize| shared.rests.borrow()[place].saturating_sub(sim.elapsed());
    for _ in 0..rng.usize(1..10) {
        sim.sleep(millis(&mut rng, 0..4_000)).await;
        let selected = shared.routes.select(&TriedRoutes::default(), Demand::request());
        let lease = match selected {
            Ok(lease) => lease,
            Err(none) => {
                let soonest = (0..PLACES.len()).map(left).min();
                if none.soonest.as_ref().map(|(_, wait)| *wait) != soonest {
                    sim.fail(format!("{none}, and {soonest:?} is left"));
                }
                continue;
            }
        };
        let route = lease.route().clone();
        let is_own = |(provider, model): &(&str, &str)| {
            (*provider, *model) == (route.provider(), route.model())
        };
        let place = PLACES.iter().position(is_own).unwrap_or(0);
        if !left(place).is_zero() {
            sim.fail(format!("{} is called, and rests for {:?}", route.name(), left(place)));
        }
        sim.sleep(millis(&mut rng, 0..5_000)).await;
        if lease.check().is_ok() != left(place).is_zero() {
            sim.fail(format!("{} rests for {:?}, which is not seen", route.name(), left(place)));
        }
        if rng.bool() {
            let mut fault = Fault::of(FaultKind::Overload);
            let asked = millis(&mut rng, 1..9_000);
            fault.asked = Some(asked);
            fault.cools = one_of(&mut rng, &[FaultScope::Model, FaultScope::Provider]);
            let _ = shared.routes.apply(&route, &fault);
            for (other, (provider, _)) in PLACES.iter().enumerate() {
                let within = fault.cools == FaultScope::Provider && *provider == route.provider();
                if other == place || within {
                    let rests = &mut shared.rests.borrow_mut()[other];
                    *rests = (*rests).max(sim.elapsed() + asked);
                }
            }
        }
        let rests: Vec<_> =
            shared.routes.snapshot().iter().map(|it| it.rests.unwrap_or_default()).collect();
        let known: Vec<_> = (0..PLACES.len()).map(left).collect();
        if rests != known {
            sim.fail(format!("they rest for {rests:?}, and are to rest for {known:?}"));
        }
    }
}
