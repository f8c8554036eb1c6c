//! Whatever members do, and whatever their lines lose: no money twice, one probe for a cool-down, no more than the
//! limit, each mark once, and nothing left at the end.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use runtime_events::AgentEventName;
use runtime_events::payload::MarkCrossed;
use runtime_fleet::{Policy, SharedKind};
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, CircuitState, Demand, RateDimension, RateLimiter,
    RateLimits,
};
use runtime_usage::{Account, Limit, Reservation, Usd};

use crate::support::{Line, World, cents};

const WAIT: Duration = Duration::from_secs(6);
const CAP: u64 = 120;

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Op {
    Reserve(usize, u64),
    /// A reservation ends with this many cents of a hundred of it; beyond that, it is dropped.
    Settle(usize, u64),
    Wait(u32),
    Line(usize, Line),
    Fail(usize),
    Call(usize),
    Ask(usize, u32),
}

fn any_op() -> impl Strategy<Value = Op> {
    let line = prop_oneof![
        3 => Just(Line::Up), 1 => Just(Line::Cut), 1 => Just(Line::Deaf), 1 => Just(Line::Stalled),
        2 => Just(Line::Slow)
    ];
    let of = 0..3_usize;
    prop_oneof![
        6 => (of.clone(), 1..6_u64).prop_map(|(of, cents)| Op::Reserve(of, cents)),
        4 => (0..9_usize, 0..130_u64).prop_map(|(at, part)| Op::Settle(at, part)),
        5 => (1..7_u32).prop_map(Op::Wait),
        2 => (of.clone(), line).prop_map(|(of, line)| Op::Line(of, line)),
        1 => of.clone().prop_map(Op::Fail),
        2 => of.clone().prop_map(Op::Call),
        2 => (of, 1..40_u32).prop_map(|(of, count)| Op::Ask(of, count)),
    ]
}

struct Run {
    world: World,
    accounts: Vec<Account>,
    breakers: Vec<CircuitBreaker>,
    limiters: Vec<RateLimiter>,
    held: Vec<Reservation<'static>>,
    /// When the last probe was let through.
    probed: Option<Duration>,
    marks: Vec<u64>,
    /// For how many ticks the line of each member was not up.
    silent: [u32; 3],
    /// Whether the time of one may have been over: its mark was handed on then, and perhaps told by both.
    away: bool,
}

impl Run {
    fn new(strict: bool, pushes: bool) -> Self {
        let mut world = World::empty(pushes);
        for _ in 0..3 {
            world.join(|config| {
                let closed = Policy::FailClosed;
                config.policy(SharedKind::Breakers, closed).policy(SharedKind::Limits, closed)
            });
        }
        let limit = if strict { Limit::strict(cents(CAP)) } else { Limit::enforced(cents(CAP)) };
        let limit = limit.per_turn(cents(1)).marks([25, 50, 75, 100]);
        let open = |member: &mut crate::support::Member| member.account("company", limit.clone());
        let accounts = world.members.iter_mut().map(open).collect();
        let config = CircuitBreakerConfig::default()
            .failure_threshold(NonZeroU32::MIN)
            .recovery_timeout(WAIT);
        let breakers = world
            .members
            .iter()
            .map(|member| member.fleet.breaker("api", config).unwrap())
            .collect();
        let limits = RateLimits::default().requests_per_minute(NonZeroU32::new(600).unwrap());
        let limiters = world
            .members
            .iter()
            .map(|member| member.fleet.limiter("api", limits).unwrap())
            .collect();
        let (held, probed, marks) = (Vec::new(), None, Vec::new());
        let (silent, away) = ([0; 3], false);
        Self { world, accounts, breakers, limiters, held, probed, marks, silent, away }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Reserve(of, amount) => {
                let account = self.accounts[of].clone();
                self.held.extend(self.world.reserve(&account, cents(amount)));
            }
            Op::Settle(at, part) => {
                if at < self.held.len() {
                    let held = self.held.swap_remove(at);
                    let cost = Usd::from_nanos(held.amount().nanos() / 100 * part.min(100));
                    if part < 115 {
                        held.settle(cost);
                    }
                }
            }
            Op::Wait(ticks) => {
                for _ in 0..ticks {
                    self.world.ticks(1);
                    for (silent, member) in self.silent.iter_mut().zip(&self.world.members) {
                        *silent = if member.is_up() { 0 } else { *silent + 1 };
                        self.away |= *silent > 8;
                    }
                    self.look();
                }
            }
            Op::Line(of, line) => self.world.members[of].line(line),
            Op::Fail(of) => {
                if self.breakers[of].state() == CircuitState::Closed {
                    self.breakers[of].record_failure();
                }
            }
            Op::Call(of) => {
                if self.breakers[of].state() == CircuitState::Closed {
                    return;
                }
                if let Ok(probe) = self.breakers[of].try_acquire() {
                    let (now, before) = (self.world.clock.elapsed(), self.probed);
                    let apart = before.is_none_or(|before| now >= before + WAIT);
                    assert!(apart, "probes at {before:?} and {now:?}");
                    self.probed = Some(now);
                    probe.failure();
                }
            }
            Op::Ask(of, count) => {
                (0..count).for_each(|_| drop(self.limiters[of].try_reserve(Demand::request())));
            }
        }
        self.look();
    }

    /// What holds at any time.
    fn look(&mut self) {
        let spent: Usd = self.accounts.iter().map(|account| account.balance().spent).sum();
        let held: Usd = self.held.iter().map(Reservation::amount).sum();
        assert!(spent.saturating_add(held) <= cents(CAP), "{spent} spent and {held} reserved");
        let state = self.world.state("company");
        let sum = state.spent.saturating_add(state.granted);
        assert!(sum <= cents(CAP), "{state:?}");
        let part = |limiter: &RateLimiter| {
            let closed =
                limiter.available().requests.is_none() || limiter.check(Demand::default()).is_err();
            if closed { 0 } else { limiter.limit(RateDimension::Requests).map_or(0, u64::from) }
        };
        let parts: Vec<_> = self.limiters.iter().map(part).collect();
        assert!(parts.iter().sum::<u64>() <= 600, "{parts:?}");
        for member in &self.world.members {
            let events = member.events.events();
            let told = events.iter().filter(|event| event.event == AgentEventName::BudgetMark);
            self.marks.extend(told.filter_map(|event| MarkCrossed::of(event).percent));
            member.events.clear();
        }
    }

    /// All is well again, calls under way end, and the members leave.
    fn end(mut self) {
        self.world.members.iter().for_each(|member| member.line(Line::Up));
        self.world.ticks(40);
        self.look();
        let inside: Usd =
            self.world.members.iter().map(|m| m.fleet.status().accounts[0].idle).sum();
        let reserved: Usd = self.accounts.iter().map(|account| account.balance().reserved).sum();
        assert_eq!(self.world.state("company").granted, inside.saturating_add(reserved));
        self.held.drain(..).for_each(Reservation::release);
        self.world.ticks(4);
        let fleets: Vec<_> = self.world.members.iter().map(|m| m.fleet.clone()).collect();
        for fleet in fleets {
            self.world.until(fleet.shutdown()).unwrap();
        }
        self.look();
        let spent: Usd = self.accounts.iter().map(|account| account.balance().spent).sum();
        let state = self.world.state("company");
        assert_eq!((state.spent, state.granted, state.members), (spent, Usd::ZERO, 0));
        let percent = spent.nanos() * 100 / cents(CAP).nanos();
        self.marks.sort_unstable();
        let expected = [25, 50, 75, 100].into_iter().filter(|mark| *mark <= percent);
        // What was counted as spent for a silent member may have reached a mark before.
        let (told, twice) = (self.marks.clone(), self.marks.windows(2).any(|two| two[0] == two[1]));
        assert!(
            (!twice || self.away) && expected.clone().all(|mark| told.contains(&mark)),
            "{told:?} of {percent}"
        );
    }
}

proptest! {
    #[test]
    fn a_fleet_keeps_its_promises(
        (strict, pushes) in any::<(bool, bool)>(),
        ops in proptest::collection::vec(any_op(), 1..60),
    ) {
        let mut run = Run::new(strict, pushes);
        for op in ops {
            run.step(op);
        }
        run.end();
    }
}
