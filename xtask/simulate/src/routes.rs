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
    /// Whether calls go to the first place that can take them, or to the one with the fewest under way.
    order: Order,
    /// Until when each place rests.
    rests: RefCell<[Duration; PLACES.len()]>,
    /// The calls under way at each place.
    under_way: RefCell<[u32; PLACES.len()]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Listed,
    LeastLoaded,
    InTurn,
}

impl Shared {
    /// The place that is next, of those that do not rest, if that is known.
    fn next(&self, ready: impl Fn(usize) -> bool) -> Option<usize> {
        let under_way = self.under_way.borrow();
        let ready = (0..PLACES.len()).filter(|place| ready(*place));
        match self.order {
            Order::Listed => ready.min(),
            Order::LeastLoaded => ready.min_by_key(|place| under_way[*place]),
            Order::InTurn => None,
        }
    }
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    simulation.spurious_polls().run(async |sim| {
        let mut rng = sim.rng("plan");
        let ways = PLACES.map(|(provider, model)| Route::new(provider, model));
        let order = one_of(&mut rng, &[Order::InTurn, Order::LeastLoaded, Order::Listed]);
        let routes = match order {
            Order::InTurn => Routes::round_robin(ways),
            Order::LeastLoaded => Routes::least_loaded(ways),
            Order::Listed => Routes::ordered(ways),
        };
        let routes = routes.with_clock(Arc::new(sim.time()));
        let (rests, under_way) = Default::default();
        let shared = Rc::new(Shared { routes, order, rests, under_way });
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
        let next = shared.next(|place| left(place).is_zero());
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
        if next.is_some_and(|next| next != place) {
            sim.fail(format!("{} is called, and {next:?} is next", route.name()));
        }
        shared.under_way.borrow_mut()[place] += 1;
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
        drop(lease);
        shared.under_way.borrow_mut()[place] -= 1;
        let snapshot = shared.routes.snapshot();
        let rests: Vec<_> = snapshot.iter().map(|it| it.rests.unwrap_or_default()).collect();
        let known: Vec<_> = (0..PLACES.len()).map(left).collect();
        if rests != known {
            sim.fail(format!("they rest for {rests:?}, and are to rest for {known:?}"));
        }
        let calls: Vec<_> = snapshot.iter().map(|it| it.in_flight).collect();
        if calls != shared.under_way.borrow()[..] {
            let known = shared.under_way.borrow();
            sim.fail(format!("{calls:?} calls are under way, and are to be {known:?}"));
        }
    }
}
