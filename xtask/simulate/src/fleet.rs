//! A fleet of processes with one budget, one breaker and one limit, which crash, and whose backend is away at times.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use runtime_events::payload::MarkCrossed;
use runtime_events::{AgentEvent, AgentEventName, Sleeper as _};
use runtime_fleet::{
    AccountPath, AccountState, Accounts as _, Fleet, FleetConfig, MemberId, MemoryState, OnLoss,
    Policy, Probe, Probed, SharedKind, SharedState as _,
};
use runtime_orchestrator::{Orchestrator, Timeout, Turn, TurnError};
use runtime_resilience::{CircuitBreaker, CircuitBreakerConfig, RateLimits};
use runtime_testkit::simulation::{Broken, Ran, Reply, Sim, SimProvider, Simulation, World};
use runtime_usage::{Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};

use crate::backend::Watched;
use crate::draw::{millis, one_of, seconds};
use crate::{now, parts};

const TROUBLED: Duration = Duration::from_secs(60);
const COOLDOWN: Duration = Duration::from_secs(8);
/// The most tokens of a call.
const INPUT: u64 = 2_000;
const OUTPUT: u64 = 500;
const MODEL: &str = "gpt-5";
const MARKS: [u16; 4] = [25, 50, 75, 100];
/// A member's time, without that of the call whose answer it heard.
const HANDED_ON: TimeDelta = TimeDelta::seconds(3);

struct Shared {
    backend: Watched,
    cap: Usd,
    turns: usize,
    /// What becomes of the money of a member that is not heard of any more.
    on_loss: OnLoss,
    /// Whether calls may cost more than they reserve.
    careless: bool,
    /// Whether members go by the whole limit while the backend is away.
    limit_open: bool,
    /// Whether there is one member, and nobody else who opens or closes its breaker: somebody calls late there.
    alone: bool,
    members: RefCell<Vec<Weak<Member>>>,
}

fn price() -> ModelPricing {
    ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15))
}

/// Fleets, and members of one limit for an eighth of the seeds.
pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    if simulation.rng("kind").u8(..8) == 0 {
        return parts::run(simulation);
    }
    let mut rng = simulation.rng("world");
    let openai = SimProvider::healthy().tokens(50..INPUT, 5..OUTPUT);
    let openai = openai.troubled(&mut rng, 3, TROUBLED);
    let nodes = rng.usize(1..4);
    let mut world = World::new().provider("openai", openai);
    world = world.troubled_line("backend", (&mut rng, 4), TROUBLED);
    for _ in 0..rng.usize(..4) {
        let node = format!("node {}", rng.usize(..nodes));
        let back = millis(&mut rng, 0..15_000);
        world = world.crash(node, millis(&mut rng, 0..60_000), back);
    }
    simulation.world(world).run(async |sim| {
        let mut rng = sim.rng("plan");
        let shared = Rc::new(Shared {
            backend: Watched::new(MemoryState::on(sim.outside()), sim.outside(), COOLDOWN),
            careless: sim.rng("care").u8(..4) == 0,
            limit_open: sim.rng("limit").u8(..3) == 0,
            alone: nodes == 1 && sim.rng("late").bool(),
            members: RefCell::default(),
            cap: Usd::from_cents(rng.u64(2..40)),
            turns: rng.usize(1..6),
            on_loss: one_of(
                &mut rng,
                &[OnLoss::Spend, OnLoss::Spend, OnLoss::Spend, OnLoss::Return],
            ),
        });
        if shared.limit_open {
            shared.backend.limits_are_open();
        }
        for number in 0..nodes {
            let shared = Rc::clone(&shared);
            sim.process(format!("node {number}"), move |sim| node(sim, number, Rc::clone(&shared)));
        }
        if !shared.alone {
            sim.spawn("operator", operator(sim.clone(), Rc::clone(&shared)));
        }
        watch(&sim, &shared);
        Ok(())
    })
}

/// The marks that members tell, and when.
fn marks(events: &[Arc<AgentEvent>]) -> impl Iterator<Item = (u64, DateTime<Utc>)> {
    let of_fleet = |event: &&Arc<AgentEvent>| {
        event.event == AgentEventName::BudgetMark && event.session_id.is_none()
    };
    let marks = events.iter().filter(of_fleet);
    marks.filter_map(|event| Some((MarkCrossed::of(event).percent?, event.emitted_at)))
}

fn account(shared: &Shared) -> Option<AccountState> {
    let path = AccountPath::new("company").ok()?;
    now(shared.backend.state().account(&path))?.ok()?
}

fn watch(sim: &Sim, shared: &Rc<Shared>) {
    let of = Rc::clone(shared);
    sim.always("no more is granted than there is", move || {
        let Some(state) = account(&of) else { return Ok(()) };
        let sum = state.spent.saturating_add(state.granted);
        let returns = of.on_loss == OnLoss::Return;
        if sum <= of.cap || returns || of.careless { Ok(()) } else { Err(format!("{state:?}")) }
    });
    let of = Rc::clone(shared);
    let mut before = (0, Usd::ZERO);
    sim.always("what the dead held counts as spent", move || {
        let Some(state) = account(&of) else { return Ok(()) };
        let now = (of.backend.bookings(), state.spent.saturating_add(state.granted));
        let (bookings, sum) = std::mem::replace(&mut before, now);
        if of.on_loss == OnLoss::Return || bookings != now.0 || sum <= now.1 {
            return Ok(());
        }
        Err(format!("{sum} was spent or granted, and now it is {}", now.1))
    });
    let (of, openai) = (Rc::clone(shared), sim.provider("openai"));
    sim.always("no more is billed than there is", move || {
        let bills = openai.arrived().into_iter().filter_map(|call| call.billed);
        let billed: Usd = bills.map(|usage| price().cost(&usage)).sum();
        // What is given back may have been spent.
        let returns = of.on_loss == OnLoss::Return;
        if billed <= of.cap || returns || of.careless {
            Ok(())
        } else {
            Err(format!("{billed} of {}", of.cap))
        }
    });
    let (of, at) = (Rc::clone(shared), sim.clone());
    sim.always("breakers are open as long as they are to be", move || {
        let (told, now, members) = (of.backend.open_until(), at.elapsed(), of.members.borrow());
        let mut members = members.iter().filter_map(Weak::upgrade);
        members.try_for_each(|member| member.opens_as_told(told, now))
    });
    let of = Rc::clone(shared);
    sim.always("one probe, kept waits, parts of the whole", move || of.backend.broken());
    let (of, events) = (Rc::clone(shared), sim.events());
    sim.at_end("each mark that a member has heard of is told", move || {
        let events = events.events();
        let told: BTreeSet<_> = marks(&events).map(|(percent, _)| percent).collect();
        let mut heard = of.backend.heard_of().into_iter();
        heard
            .find(|mark| !told.contains(&u64::from(*mark)))
            .map_or(Ok(()), |mark| Err(format!("{mark} % were heard of, and not told")))
    });
    let events = sim.events();
    sim.at_end("each mark is told once, or again after the time of a member", move || {
        let mut told = BTreeMap::new();
        let events = events.events();
        let again = marks(&events).find(|(percent, at)| {
            let before = told.insert(*percent, *at);
            before.is_some_and(|before| *at - before < HANDED_ON)
        });
        again.map_or(Ok(()), |(percent, _)| Err(format!("the mark of {percent} % was told twice")))
    });
    let (of, time) = (Rc::clone(shared), sim.time());
    sim.at_end("nothing is granted", move || {
        // Past the time of whoever crashed last.
        time.park(Duration::from_secs(3_600));
        match account(&of) {
            Some(state) if !state.granted.is_zero() || state.members > 0 => {
                Err(format!("{state:?}"))
            }
            _ => Ok(()),
        }
    });
}

/// Somebody who opens the breaker by hand, for longer or shorter than it is.
async fn operator(sim: Sim, shared: Rc<Shared>) {
    let mut rng = sim.rng("operator");
    for _ in 0..rng.usize(..4) {
        sim.sleep(millis(&mut rng, 0..20_000)).await;
        if rng.bool() {
            let wait = COOLDOWN.saturating_add(seconds(&mut rng, 0..20));
            let _ = shared.backend.open("openai", 0, wait).await;
            continue;
        }
        // A member that asks without a wait, probes nothing, and may tell so when its time is over.
        let (eager, ttl) = (MemberId::new("eager"), seconds(&mut rng, 2..6));
        let probe = shared.backend.probe("openai", &eager, ttl, COOLDOWN).await;
        if let Ok(Probe::Granted(lease)) = probe {
            sim.sleep(millis(&mut rng, 0..8_000)).await;
            let failed = Probed::Failed { wait: COOLDOWN };
            let ended = one_of(&mut rng, &[Probed::Unused, Probed::Unused, Probed::Closed, failed]);
            let _ = shared.backend.probed(&lease, ended).await;
        }
    }
}

/// A process: a member of the fleet, with agents.
async fn node(sim: Sim, number: usize, shared: Rc<Shared>) {
    let mut rng = sim.rng(&format!("node {number} in life {}", sim.life()));
    let closed = Policy::FailClosed;
    let config = FleetConfig::default()
        .name(format!("node-{number}"))
        .policy(SharedKind::Breakers, closed)
        .policy(SharedKind::Limits, if shared.limit_open { Policy::FailOpen } else { closed });
    let fleet = sim.fleet(shared.backend.clone(), config);
    let limit = Limit::strict(shared.cap).marks(MARKS);
    let Ok(company) = fleet.account_on_loss("company", limit, shared.on_loss).await else { return };
    let orchestrator = Orchestrator::new("writer", "draft")
        .time(sim.time())
        .ids(sim.ids())
        .event_sink(sim.events())
        .pricing(prices())
        .account(&company);
    let (orchestrator, breaker) = gated(&fleet, orchestrator);
    let member = Rc::new(Member { id: fleet.member().clone(), breaker, ended: Cell::default() });
    shared.members.borrow_mut().push(Rc::downgrade(&member));
    let mut agents = Vec::new();
    for agent in 0..rng.usize(1..4) {
        let name = format!("agent {agent} of node {number}");
        let (shared, member) = (Rc::clone(&shared), Rc::clone(&member));
        let task = writer(sim.clone(), orchestrator.clone(), (shared, member), name.clone());
        agents.push(sim.spawn(name, task));
    }
    if shared.alone {
        let name = format!("late caller of node {number}");
        agents.push(sim.spawn(name, late(sim.clone(), Rc::clone(&member))));
    }
    for agent in agents {
        agent.await;
    }
    // What is not heard now is over after its time.
    let _ = fleet.shutdown().await;
}

/// Somebody who calls when all is well again: the breaker closes, whatever was lost before.
async fn late(sim: Sim, member: Rc<Member>) {
    // Past all troubles, and the time of a probe that was lost in them.
    sim.sleep(Duration::from_secs(75).saturating_sub(sim.elapsed())).await;
    for _ in 0..8 {
        if let Ok(permit) = member.breaker.try_acquire() {
            return permit.success();
        }
        sim.sleep(Duration::from_secs(4)).await;
    }
    sim.fail(format!("the breaker of {} stays open", member.id));
}

/// A member, as it is looked at when it makes a call.
struct Member {
    id: MemberId,
    breaker: CircuitBreaker,
    /// When a call of it ended last.
    ended: Cell<Duration>,
}

impl Member {
    /// Its breaker is open no longer than the fleet has said, or its own calls are a reason for.
    fn opens_as_told(&self, told: Duration, now: Duration) -> Result<(), String> {
        /// What is said is heard within the time of a heartbeat, and counts from then on.
        const HEARD: Duration = Duration::from_secs(1);
        let own = self.ended.get().saturating_add(COOLDOWN);
        let until = now.saturating_add(self.breaker.snapshot().retry_after.unwrap_or_default());
        let most = told.max(own).max(now).saturating_add(HEARD);
        if until <= most {
            Ok(())
        } else {
            Err(format!("{} is open until {until:?}, of {most:?}", self.id))
        }
    }
}

/// A call until its end, answered or dropped.
struct Ends<'c>(&'c Member, &'c Sim);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.ended.set(self.1.elapsed());
    }
}

fn gated(fleet: &Fleet, orchestrator: Orchestrator) -> (Orchestrator, CircuitBreaker) {
    let config = CircuitBreakerConfig::default()
        .failure_threshold(NonZeroU32::new(2).unwrap_or(NonZeroU32::MIN))
        .recovery_timeout(COOLDOWN);
    let requests = NonZeroU32::new(300).unwrap_or(NonZeroU32::MIN);
    let limits = RateLimits::default().requests_per_minute(requests);
    let breaker = fleet.breaker("openai", config).expect("it is a name");
    let limiter = fleet.limiter("openai", limits).expect("it is a name");
    let orchestrator = orchestrator.circuit_breaker(breaker.clone()).rate_limiter(limiter);
    (orchestrator, breaker)
}

fn prices() -> PricingTable {
    let prices = PricingTable::new();
    // The name is not empty.
    let _ = prices.register(MODEL, price());
    prices
}

async fn writer(
    sim: Sim,
    orchestrator: Orchestrator,
    (shared, member): (Rc<Shared>, Rc<Member>),
    name: String,
) {
    let mut rng = sim.rng(&format!("{name} in life {}", sim.life()));
    let Ok(session) = orchestrator.session() else { return sim.fail("no session") };
    let openai = sim.provider("openai");
    for _ in 0..shared.turns {
        sim.sleep(millis(&mut rng, 0..9_000)).await;
        let limit = Timeout::on(seconds(&mut rng, 5..25), Arc::new(sim.time()));
        let part = if shared.careless { 8 } else { 1 };
        let turn = Turn::model(MODEL)
            .usage_from(Reply::usage)
            .estimate(UsageSnapshot::new(INPUT / part, OUTPUT / part))
            .max_output(OUTPUT / part)
            .timeout(limit);
        let patience = if rng.u8(..5) == 0 { millis(&mut rng, 1..9_000) } else { Duration::MAX };
        let call = async || {
            let probes = member.breaker.snapshot().probes > 0;
            if probes && !shared.backend.may_probe("openai", &member.id) {
                sim.fail(format!("{} probes, and may not", member.id));
            }
            let _ends = Ends(&member, &sim);
            if shared.on_loss == OnLoss::Return && !shared.backend.owns(&member.id) {
                sim.fail(format!("{} makes a call with money that is given back", member.id));
            }
            if !shared.limit_open && !shared.backend.may_use("openai", &member.id) {
                sim.fail(format!("{} makes a call, and has no part of the limit", member.id));
            }
            openai.call("hi").await
        };
        // Whatever comes of it: the books are what is looked at.
        let _ = sim.time().within(patience, session.run_turn(turn, call)).await;
    }
    let _ = session.finish(Ok::<_, TurnError>(())).summary;
}
