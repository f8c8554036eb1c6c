//! The choice of the next route: the rules, without a clock, a lock or a breaker.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// The order of the routes that can take a call at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The first in the list.
    Listed,
    /// In turn, each as often as its weight.
    Weighted,
    /// In turn, each as often as any other.
    RoundRobin,
    /// The one with the fewest calls under way for its weight.
    LeastLoaded,
}

/// The state of a route's breaker and limiter before one selection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) tried: bool,
    pub(super) circuit: Circuit,
    pub(super) room: Room,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circuit {
    Closed,
    /// Half-open, with a free probe.
    Probe,
    /// Open for this long, or, with `None`, half-open with all probes under way.
    Shut(Option<Duration>),
    /// Forced open.
    Pinned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Now,
    In(Duration),
    Never,
}

/// The route that was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) index: usize,
    /// It is half-open.
    pub(super) probe: bool,
    /// It is out, and was taken because all others are out.
    pub(super) last_resort: bool,
    /// The number under which it keeps other probes away.
    number: Option<u64>,
}

/// The state of the routes besides their breakers and limiters.
#[derive(Clone, Debug)]
pub(super) struct Core {
    order: Order,
    /// Times are counted from here, so that no rest is too long to be expressed.
    origin: Instant,
    states: Box<[State]>,
    /// The probes so far.
    probes: u64,
}

#[derive(Clone, Debug)]
struct State {
    weight: NonZeroU32,
    /// Only moves forward, except for [`Core::wake`].
    rests_until: Duration,
    in_flight: u32,
    /// The number of turns by which it is ahead of the others.
    credit: i64,
    /// The lease that is a probe: its number, and its time.
    probe: Option<(u64, Duration)>,
}

/// The fitness of a route, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Now,
    /// There is room for it after this long.
    In(Duration),
    /// Half-open, and another lease is the probe.
    Behind,
    /// It returns after this long; `None` if that is not known.
    Out(Duration),
    /// Tried, forced open, or never with room.
    Never,
}

/// A probe keeps other probes away for at most this long: a hanging call must not keep a route out
/// for good.
const PROBE: Duration = Duration::from_secs(30);

impl Core {
    pub(super) fn new(
        order: Order,
        weights: impl Iterator<Item = NonZeroU32>,
        origin: Instant,
    ) -> Self {
        Self { order, origin, states: weights.map(State::new).collect(), probes: 0 }
    }

    /// Takes the route that comes next, if there is one. There are as many standings as routes.
    pub(super) fn pick(
        &mut self,
        standings: &[Standing],
        fail_open: bool,
        now: Instant,
    ) -> Option<Pick> {
        let now = self.since_origin(now);
        let fits = self.states.iter().zip(standings).map(|(state, it)| state.fit(it, now));
        let (fit, first) = fits.zip(0..).min()?;
        let index = match fit {
            Fit::Now => self.next(standings, first, now),
            Fit::In(_) | Fit::Behind => first,
            Fit::Out(_) if fail_open => first,
            Fit::Out(_) | Fit::Never => return None,
        };
        Some(self.take(index, &standings[index], fit, now))
    }

    /// Takes this route if it can take a call at once, whatever the order.
    pub(super) fn pick_at(
        &mut self,
        index: usize,
        standing: &Standing,
        now: Instant,
    ) -> Option<Pick> {
        let now = self.since_origin(now);
        let fit = self.states[index].fit(standing, now);
        (fit == Fit::Now).then(|| self.take(index, standing, fit, now))
    }

    fn take(&mut self, index: usize, standing: &Standing, fit: Fit, now: Duration) -> Pick {
        let state = &mut self.states[index];
        state.in_flight = state.in_flight.saturating_add(1);
        let last_resort = matches!(fit, Fit::Out(_));
        let probe = standing.circuit == Circuit::Probe && !last_resort;
        let number = (probe && fit != Fit::Behind).then(|| {
            self.probes = self.probes.wrapping_add(1);
            state.probe = Some((self.probes, now));
            self.probes
        });
        Pick { index, probe, last_resort, number }
    }

    /// The route whose turn it is, of the ones that can take a call at once. `first` is the first.
    fn next(&mut self, standings: &[Standing], first: usize, now: Duration) -> usize {
        let ready = |state: &State, i: usize| state.fit(&standings[i], now) == Fit::Now;
        let mut best = first;
        match self.order {
            Order::Listed => {}
            Order::LeastLoaded => {
                for (i, state) in self.states.iter().enumerate().skip(first) {
                    if ready(state, i) && state.is_less_loaded_than(&self.states[best]) {
                        best = i;
                    }
                }
            }
            // Each gains its weight, and the one that is furthest ahead pays for all: turns of
            // unequal weights are spread as evenly as possible.
            Order::Weighted | Order::RoundRobin => {
                let mut all = 0_i64;
                for i in first..self.states.len() {
                    let state = &mut self.states[i];
                    if !ready(state, i) {
                        continue;
                    }
                    let gain = match self.order {
                        Order::Weighted => i64::from(state.weight.get()),
                        _ => 1,
                    };
                    state.credit = state.credit.saturating_add(gain);
                    all = all.saturating_add(gain);
                    if self.states[i].credit > self.states[best].credit {
                        best = i;
                    }
                }
                let credit = &mut self.states[best].credit;
                *credit = credit.saturating_sub(all);
            }
        }
        best
    }

    /// A call on the route is over, or was never made.
    pub(super) fn release(&mut self, pick: Pick) {
        let state = &mut self.states[pick.index];
        state.in_flight = state.in_flight.saturating_sub(1);
        state.probe = state.probe.filter(|(number, _)| Some(*number) != pick.number);
    }

    /// Lets a route rest from `now` on for `wait`, if it would not rest for longer anyway.
    pub(super) fn rest(&mut self, index: usize, wait: Duration, now: Instant) {
        let until = self.since_origin(now).saturating_add(wait);
        let state = &mut self.states[index];
        state.rests_until = state.rests_until.max(until);
    }

    /// Ends the rest of a route.
    pub(super) fn wake(&mut self, index: usize) {
        self.states[index].rests_until = Duration::ZERO;
    }

    /// The end of a route's rest, whether it is over or not.
    pub(super) fn rests_until(&self, index: usize) -> Duration {
        self.states[index].rests_until
    }

    /// What is left of a route's rest at `now`.
    pub(super) fn rest_left(&self, index: usize, now: Instant) -> Duration {
        self.states[index].rest_left(self.since_origin(now))
    }

    /// The number of calls under way on a route.
    pub(super) fn in_flight(&self, index: usize) -> u32 {
        self.states[index].in_flight
    }

    pub(super) fn since_origin(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.origin)
    }
}

impl State {
    const fn new(weight: NonZeroU32) -> Self {
        Self { weight, rests_until: Duration::ZERO, in_flight: 0, credit: 0, probe: None }
    }

    fn fit(&self, standing: &Standing, now: Duration) -> Fit {
        let pinned = standing.circuit == Circuit::Pinned;
        if standing.tried || pinned || standing.room == Room::Never {
            return Fit::Never;
        }
        let rest = self.rest_left(now);
        match (standing.circuit, standing.room) {
            (Circuit::Shut(wait), _) => Fit::Out(wait.unwrap_or(Duration::MAX).max(rest)),
            _ if !rest.is_zero() => Fit::Out(rest),
            (Circuit::Probe, _) if self.is_probed(now) => Fit::Behind,
            (_, Room::In(wait)) => Fit::In(wait),
            _ => Fit::Now,
        }
    }

    fn is_probed(&self, now: Duration) -> bool {
        self.probe.is_some_and(|(_, since)| now.saturating_sub(since) < PROBE)
    }

    fn rest_left(&self, now: Duration) -> Duration {
        self.rests_until.saturating_sub(now)
    }

    fn is_less_loaded_than(&self, other: &Self) -> bool {
        let load = |calls: u32, weight: NonZeroU32| u64::from(calls) * u64::from(weight.get());
        load(self.in_flight, other.weight) < load(other.in_flight, self.weight)
    }
}
