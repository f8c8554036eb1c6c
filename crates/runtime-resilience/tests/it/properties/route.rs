//! Routes against a model that keeps every rest and every lease, and looks through all of them at
//! every question.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use runtime_events::ManualClock;
use runtime_resilience::{
    CircuitState, FaultScope, NoRouteError, Permit, RateLimiter, Route, RouteLease, Routes,
    TriedRoutes,
};

use crate::route::{INSTANT, demand, limiter, route, trip};
use crate::support::count;

/// How long a probe keeps others away.
const PROBE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Selects, for a turn that has tried these routes.
    Select(u8),
    /// Takes a permit for a lease.
    Acquire(usize),
    /// Ends a call: its permit, if it has one, and its lease.
    End(usize, Option<bool>),
    Trip(usize),
    Rest(usize, FaultScope, Duration),
    Wake(usize),
    Pause(usize, Duration),
    Advance(Duration),
    /// Waits for the time in an error.
    Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Listed,
    Weighted,
    RoundRobin,
    LeastLoaded,
}

fn some_time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => (0..40_000_u64).prop_map(Duration::from_millis),
        1 => Just(INSTANT),
        1 => (0..20_u64).prop_map(|years| Duration::from_secs(years * 365 * 86_400)),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let scope = prop::sample::select(FaultScope::ALL.to_vec());
    let end = prop::sample::select(vec![None, Some(true), Some(true), Some(false)]);
    prop_oneof![
        10 => prop_oneof![Just(0), any::<u8>()].prop_map(Op::Select),
        6 => any::<usize>().prop_map(Op::Acquire),
        6 => (any::<usize>(), end).prop_map(|(i, end)| Op::End(i, end)),
        4 => any::<usize>().prop_map(Op::Trip),
        3 => (any::<usize>(), scope, some_time()).prop_map(|(i, scope, by)| Op::Rest(i, scope, by)),
        1 => any::<usize>().prop_map(Op::Wake),
        2 => (any::<usize>(), some_time()).prop_map(|(i, by)| Op::Pause(i, by)),
        6 => some_time().prop_map(Op::Advance),
        4 => Just(Op::Wait),
    ]
}

/// Up to five routes of two providers, with two models and two keys.
fn some_routes() -> impl Strategy<Value = Vec<(u8, u32, bool)>> {
    prop::collection::vec((0..8_u8, 1..4_u32, any::<bool>()), 1..6)
}

struct Held {
    lease: RouteLease,
    permit: Option<Permit>,
    index: usize,
    /// When it began to keep other probes away.
    probe: Option<Duration>,
}

struct World {
    clock: ManualClock,
    order: Order,
    fail_open: bool,
    all: Vec<Route>,
    weights: Vec<u32>,
    limiters: Vec<Option<RateLimiter>>,
    routes: Routes,
    held: Vec<Held>,
    /// The end of the rest of each route.
    rests: Vec<(usize, Duration)>,
}

/// How a route stands in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    Ready,
    Full(Duration),
    Behind,
    Open(Option<Duration>),
    Resting,
}

impl World {
    fn new(order: Order, fail_open: bool, specs: &[(u8, u32, bool)]) -> Self {
        let clock = ManualClock::new();
        let (mut all, mut weights, mut limiters): (Vec<Route>, _, _) = (vec![], vec![], vec![]);
        for (bits, weight, limited) in specs {
            let pick = |bit: u8, values: [&'static str; 2]| values[usize::from(bits >> bit & 1)];
            let mut route = route(pick(0, ["a", "b"]), pick(1, ["m", "n"]), &clock)
                .key(pick(2, ["1", "2"]))
                .weight(count(*weight));
            if all.contains(&route) {
                continue;
            }
            let limiter = limited.then(|| limiter(&clock));
            if let Some(limiter) = &limiter {
                route = route.rate_limiter(limiter.clone());
            }
            all.push(route);
            weights.push(*weight);
            limiters.push(limiter);
        }
        let routes = match order {
            Order::Listed => Routes::ordered(all.clone()),
            Order::Weighted => Routes::weighted(all.clone()),
            Order::RoundRobin => Routes::round_robin(all.clone()),
            Order::LeastLoaded => Routes::least_loaded(all.clone()),
        };
        let routes = routes.with_clock(Arc::new(clock.clone()));
        let routes = if fail_open { routes.fail_open() } else { routes };
        let (held, rests) = (vec![], vec![]);
        Self { clock, order, fail_open, all, weights, limiters, routes, held, rests }
    }

    fn rest_left(&self, index: usize) -> Duration {
        let ends = self.rests.iter().filter(|(i, _)| *i == index).map(|(_, end)| *end);
        ends.max().unwrap_or_default().saturating_sub(self.clock.elapsed())
    }

    fn full(&self, index: usize) -> Duration {
        let refused = self.limiters[index].as_ref().and_then(|it| it.check(demand()).err());
        refused.and_then(|refused| refused.retry_after).unwrap_or_default()
    }

    fn stand(&self, index: usize) -> Stand {
        let breaker = self.all[index].breaker();
        let probed = self.held.iter().filter(|held| held.index == index).any(|held| {
            held.probe.is_some_and(|since| self.clock.elapsed().saturating_sub(since) < PROBE)
        });
        match breaker.check() {
            Err(refused) => Stand::Open(refused.retry_after),
            _ if !self.rest_left(index).is_zero() => Stand::Resting,
            _ if breaker.state() == CircuitState::HalfOpen && probed => Stand::Behind,
            _ if !self.full(index).is_zero() => Stand::Full(self.full(index)),
            _ => Stand::Ready,
        }
    }

    /// The time until a route is back; `None` if it is not known.
    fn back(&self, index: usize) -> Option<Duration> {
        let open = match self.stand(index) {
            Stand::Open(wait) => wait?,
            _ => Duration::ZERO,
        };
        Some(open.max(self.rest_left(index)).max(self.full(index)))
    }

    fn in_flight(&self, index: usize) -> u32 {
        u32::try_from(self.held.iter().filter(|held| held.index == index).count()).unwrap_or(0)
    }

    /// The routes that may be selected now, after these; empty if none may.
    fn allowed(&self, tried: &[bool]) -> Vec<usize> {
        let untried = || (0..self.all.len()).filter(|i| !tried[*i]);
        let ready: Vec<usize> = untried().filter(|i| self.stand(*i) == Stand::Ready).collect();
        if !ready.is_empty() {
            return match self.order {
                Order::Listed => vec![ready[0]],
                Order::LeastLoaded => {
                    let load = |i: usize| f64::from(self.in_flight(i)) / f64::from(self.weights[i]);
                    let least = ready.iter().map(|i| load(*i)).fold(f64::MAX, f64::min);
                    ready.into_iter().filter(|i| load(*i) <= least).take(1).collect()
                }
                Order::Weighted | Order::RoundRobin => ready,
            };
        }
        let is_in = |i: &usize| matches!(self.stand(*i), Stand::Full(_) | Stand::Behind);
        let next = untried().filter(is_in).min_by_key(|i| self.stand(*i));
        let out = || {
            let wait = |i: &usize| match self.stand(*i) {
                Stand::Open(wait) => wait.unwrap_or(Duration::MAX).max(self.rest_left(*i)),
                _ => self.rest_left(*i),
            };
            untried().filter(|_| self.fail_open).min_by_key(wait)
        };
        next.or_else(out).into_iter().collect()
    }

    fn select(&mut self, tried: &[bool]) -> Result<(), TestCaseError> {
        let mut turn = TriedRoutes::default();
        for (route, tried) in self.all.iter().zip(tried) {
            if *tried {
                turn.add(route);
            }
        }
        let allowed = self.allowed(tried);
        match self.routes.select(&turn, demand()) {
            Ok(lease) => {
                let index = self.all.iter().position(|route| route == lease.route());
                let index = index.ok_or_else(|| TestCaseError::fail("a route from nowhere"))?;
                prop_assert!(allowed.contains(&index), "{index} and not {allowed:?}");
                let stand = self.stand(index);
                let is_out = matches!(stand, Stand::Open(_) | Stand::Resting);
                prop_assert_eq!(lease.is_last_resort(), is_out);
                let half_open = self.all[index].breaker().state() == CircuitState::HalfOpen;
                prop_assert_eq!(lease.is_probe(), half_open && !is_out);
                let keeps_away = half_open && !is_out && stand != Stand::Behind;
                let probe = keeps_away.then(|| self.clock.elapsed());
                self.held.push(Held { lease, permit: None, index, probe });
            }
            Err(none) => {
                prop_assert!(allowed.is_empty(), "none, and not {allowed:?}: {none}");
                self.agrees(&none, tried)?;
            }
        }
        Ok(())
    }

    fn agrees(&self, none: &NoRouteError, tried: &[bool]) -> Result<(), TestCaseError> {
        let count = |of: &dyn Fn(usize) -> bool| (0..self.all.len()).filter(|i| of(*i)).count();
        let open = |i: usize| matches!(self.stand(i), Stand::Open(_));
        prop_assert_eq!(none.tried, count(&|i| tried[i]));
        prop_assert_eq!(none.open, count(&|i| !tried[i] && open(i)));
        prop_assert_eq!(none.resting, count(&|i| !tried[i] && !open(i)));
        let soonest = (0..self.all.len()).filter_map(|i| self.back(i)).min();
        prop_assert_eq!(none.soonest.as_ref().map(|(_, wait)| *wait), soonest);
        Ok(())
    }

    /// The first route to return and its time, as the error names them, are exact.
    fn wait(&self) -> Result<(), TestCaseError> {
        let Err(none) = self.routes.select(&TriedRoutes::default(), demand()) else {
            return Ok(());
        };
        let Some((name, wait)) = none.soonest else { return Ok(()) };
        prop_assert!(!wait.is_zero(), "nothing was tried, so nothing is there: {name}");
        let stands = || (0..self.all.len()).map(|i| self.stand(i));
        self.clock.advance(wait.saturating_sub(INSTANT));
        prop_assert!(stands().all(|stand| stand != Stand::Ready), "one is back early");
        self.clock.advance(INSTANT);
        let lease = self.routes.select(&TriedRoutes::default(), demand());
        prop_assert!(lease.is_ok(), "{name} is not back: {lease:?}");
        Ok(())
    }

    fn rest(&mut self, index: usize, scope: FaultScope, by: Duration) -> Result<(), TestCaseError> {
        let route = &self.all[index];
        let rests = |other: &&(usize, Route)| match scope {
            FaultScope::Call => false,
            FaultScope::Model => other.1 == *route,
            FaultScope::Key => {
                (other.1.provider(), other.1.key_label()) == (route.provider(), route.key_label())
            }
            _ => other.1.provider() == route.provider(),
        };
        let all: Vec<(usize, Route)> = self.all.iter().cloned().enumerate().collect();
        let meant: Vec<usize> = all.iter().filter(rests).map(|(i, _)| *i).collect();
        prop_assert_eq!(self.routes.rest(route, scope, by), meant.len());
        let end = self.clock.elapsed().saturating_add(by);
        self.rests.extend(meant.into_iter().map(|i| (i, end)));
        Ok(())
    }

    fn run(&mut self, op: Op) -> Result<(), TestCaseError> {
        let routes = self.all.len();
        match op {
            Op::Select(mask) => {
                let tried: Vec<bool> = (0..routes).map(|i| mask >> i & 1 == 1).collect();
                self.select(&tried)?;
            }
            Op::Acquire(i) if !self.held.is_empty() => {
                let i = i % self.held.len();
                let held = &mut self.held[i];
                if held.permit.is_none() {
                    held.permit = held.lease.route().breaker().try_acquire().ok();
                }
            }
            Op::End(i, end) if !self.held.is_empty() => {
                let held = self.held.swap_remove(i % self.held.len());
                match (held.permit, end) {
                    (Some(permit), Some(true)) => permit.success(),
                    (Some(permit), Some(false)) => permit.failure(),
                    _ => {}
                }
            }
            Op::Acquire(_) | Op::End(..) => {}
            Op::Trip(i) => trip(&self.all[i % routes]),
            Op::Rest(i, scope, by) => self.rest(i % routes, scope, by)?,
            Op::Wake(i) => {
                self.routes.wake(&self.all[i % routes]);
                self.rests.retain(|(index, _)| *index != i % routes);
            }
            Op::Pause(i, by) => {
                if let Some(limiter) = &self.limiters[i % routes] {
                    limiter.pause(by);
                }
            }
            Op::Advance(by) => self.clock.advance(by),
            Op::Wait if self.fail_open => {}
            Op::Wait => self.wait()?,
        }
        for (i, snapshot) in self.routes.snapshot().iter().enumerate() {
            prop_assert_eq!(snapshot.in_flight, self.in_flight(i));
            prop_assert_eq!(snapshot.rests.unwrap_or_default(), self.rest_left(i));
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn selection_follows_the_rules_and_no_turn_is_stuck(
        order in prop::sample::select(vec![
            Order::Listed, Order::Weighted, Order::RoundRobin, Order::LeastLoaded,
        ]),
        fail_open in prop::bool::weighted(0.2),
        specs in some_routes(),
        ops in prop::collection::vec(op(), 0..120),
    ) {
        let mut world = World::new(order, fail_open, &specs);
        for op in ops {
            world.run(op)?;
        }

        // Never stuck: with nothing under way and every wait over, there is one.
        world.held.clear();
        for route in &world.all {
            world.routes.wake(route);
        }
        world.clock.advance(Duration::from_hours(24));
        prop_assert!(world.routes.select(&TriedRoutes::default(), demand()).is_ok());
    }

    #[test]
    fn turns_are_as_the_weights_say_after_every_full_round(
        weights in prop::collection::vec(1..9_u32, 1..6),
    ) {
        let clock = ManualClock::new();
        let name = |i: usize| format!("p{i}");
        let routes = Routes::weighted(
            weights.iter().enumerate().map(|(i, weight)| {
                route(&name(i), "m", &clock).weight(count(*weight))
            }),
        );
        let round: u32 = weights.iter().sum();
        for _ in 0..3 {
            let mut turns = vec![0_u32; weights.len()];
            for _ in 0..round {
                let Ok(lease) = routes.select(&TriedRoutes::default(), demand()) else { continue };
                let index = (0..weights.len()).find(|i| lease.route().provider() == name(*i));
                turns[index.unwrap_or_default()] += 1;
            }
            prop_assert_eq!(&turns, &weights);
        }
    }
}
