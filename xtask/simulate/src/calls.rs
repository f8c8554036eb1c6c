//! Agents that call providers: sessions, recovery, routes, breakers, limiters and budgets of one process.

mod again;
mod purse;
mod rows;
mod turn;

use std::num::{NonZeroU32, NonZeroU64};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use runtime_events::Sleeper;
use runtime_orchestrator::{Orchestrator, RecoveryConfig, Timeout, ToolCall, Turn, TurnError};
use runtime_resilience::{
    Backoff, CircuitBreaker, CircuitBreakerConfig, CircuitState, FaultError, Hedge, JitterMode,
    RateLimiter, RateLimits, RetryBudget, RetryBudgetConfig, Route, Routes,
};
use runtime_testkit::simulation::{
    Broken, Endpoint, Ran, Reply, Sim, SimProvider, SimTime, Simulation, Trouble, World,
};
use runtime_usage::{Account, Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};

use self::purse::Purses;
use self::rows::Rows;
use self::turn::Times;
use crate::draw::{millis, one_of, refusing, seconds};
use crate::laws;
use crate::watch::Places;

/// The providers, each with one model.
const PLACES: [(&str, &str); 2] = [("openai", "gpt-5"), ("anthropic", "sonnet")];

/// How long the faults of providers go on.
const TROUBLED: Duration = Duration::from_secs(120);

/// The status of a request that is too long.
const TOO_LONG: u16 = 413;

/// The most tokens of a call, which strict budgets reserve.
const INPUT: u64 = 2_000;
const OUTPUT: u64 = 500;

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    let mut rng = simulation.rng("world");
    let mut world = World::new();
    for (name, _) in PLACES {
        let mut provider = SimProvider::healthy().tokens(50..INPUT, 5..OUTPUT);
        if rng.u8(..4) == 0 {
            provider = provider.capacity(rng.u32(20..200));
        }
        provider = provider.troubled(&mut rng, 4, TROUBLED);
        provider = refusing(provider, &mut rng, TROUBLED);
        if is_narrow(&mut simulation.rng("narrow")) {
            let busy = Trouble::Status(503, Some(Duration::from_secs(9)));
            provider = provider.spell(busy, Duration::ZERO..TROUBLED).share(20);
        }
        world = world.provider(name, full(provider, &mut simulation.rng(&format!("full {name}"))));
    }
    for _ in 0..rng.usize(..2) {
        let by = chrono::TimeDelta::seconds(rng.i64(-7_200..7_200));
        world = world.jump(millis(&mut rng, 1..120_000), by);
    }
    simulation.world(world).run(async |sim| {
        let mut rng = sim.rng("plan");
        let setup = Rc::new(Setup::new(&sim, &mut rng));
        setup.watch(&sim);
        for number in 0..rng.usize(1..7) {
            let name = format!("agent {number}");
            let (setup, sim, rng) = (Rc::clone(&setup), sim.clone(), sim.rng(&name));
            let task = agent(sim.clone(), setup, rng);
            sim.spawn(name, task);
        }
        Ok(())
    })
}

/// Whether few calls may be made in a while, so that turns wait for room, while others find a place busy.
fn is_narrow(rng: &mut Rng) -> bool {
    rng.u8(..8) == 0
}

/// A provider that finds requests too long now and then.
fn full(provider: SimProvider, rng: &mut Rng) -> SimProvider {
    if rng.u8(..4) > 0 {
        return provider;
    }
    let share = one_of(rng, &[20, 50]);
    provider.spell(Trouble::Status(TOO_LONG, None), Duration::ZERO..TROUBLED).share(share)
}

/// What all agents of a simulation share.
struct Setup {
    orchestrator: Orchestrator,
    company: Account,
    breakers: Vec<CircuitBreaker>,
    places: Rc<Places>,
    rows: Rows,
    /// The retry budgets of all places, or of the only one.
    purses: Purses,
    deadline: Option<Duration>,
    routes: Option<Routes>,
    /// What limits each route, if anything does.
    queues: Vec<RateLimiter>,
    strict: bool,
    /// All agents begin within this time.
    rush: Range<u64>,
}

fn price() -> ModelPricing {
    ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15))
}

fn prices() -> PricingTable {
    let prices = PricingTable::new();
    for (_, model) in PLACES {
        // The names are no one else's.
        let _ = prices.register(model, price());
    }
    prices
}

fn limiter(sim: &Sim, name: &str, rng: &mut Rng) -> RateLimiter {
    let per_minute = NonZeroU32::new(rng.u32(12..120)).unwrap_or(NonZeroU32::MIN);
    let tokens = NonZeroU64::new(rng.u64(4_000..60_000)).unwrap_or(NonZeroU64::MIN);
    let mut limits = RateLimits::default().requests_per_minute(per_minute).oversized_alone();
    if rng.bool() {
        limits = limits.tokens_per_minute(tokens);
    }
    if is_narrow(&mut sim.rng("narrow")) {
        let few = NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN);
        limits = limits.requests_per_minute(few).burst(Duration::from_secs(6));
    }
    RateLimiter::with_clock(name, limits, Arc::new(sim.time()))
}

/// The failures in a row that open a breaker, and the times that it may be open.
const THRESHOLD: u32 = 3;
const COOLDOWNS: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(4)];

/// The retries that a budget has from the start.
const RESERVE: u32 = 3;

fn breaker(sim: &Sim, name: &str, places: &Rc<Places>, at: usize) -> CircuitBreaker {
    let config = CircuitBreakerConfig::default()
        .failure_threshold(NonZeroU32::new(THRESHOLD).unwrap_or(NonZeroU32::MIN))
        .recovery_timeout(one_of(&mut sim.rng("cooldown"), &COOLDOWNS))
        // So that a place of a probe that is not given back is missed.
        .half_open_lease(Duration::MAX);
    let listener = places.listener(at);
    CircuitBreaker::with_listener(name, config, Arc::new(sim.time()), listener)
}

impl Setup {
    fn new(sim: &Sim, rng: &mut Rng) -> Self {
        let time: Arc<dyn Sleeper> = Arc::new(sim.time());
        let narrow = is_narrow(&mut sim.rng("narrow"));
        let (routed, strict) = (rng.bool() || narrow, rng.u8(..4) == 0);
        let places = Rc::new(Places::new(PLACES.len(), THRESHOLD, routed));
        let cap = Usd::from_cents(rng.u64(2..60));
        let per_turn = Usd::from_cents(1);
        let limit = if strict { Limit::strict(cap) } else { Limit::enforced(cap) };
        let company = Account::new(limit.named("company").per_turn(per_turn));
        let percent = one_of(rng, &[0, 0, 20, 50]);
        let config = RetryBudgetConfig::default().percent(percent).reserve(RESERVE);
        let mut retries = Vec::new();
        let mut budget = || {
            retries.push(RetryBudget::new(config));
            retries[retries.len() - 1].clone()
        };
        let backoff = Backoff::default()
            .cap(seconds(rng, 10..40))
            .jitter(one_of(rng, &[JitterMode::None, JitterMode::Full]));
        let mut recovery = RecoveryConfig::default().backoff(backoff);
        if rng.bool() {
            recovery = recovery.hedge(Hedge::after(millis(rng, 100..1_500)));
        }
        let (mut breakers, mut limiters) = (Vec::new(), Vec::new());
        for (at, (provider, _)) in PLACES.into_iter().enumerate() {
            breakers.push(breaker(sim, provider, &places, at));
            limiters.push(limiter(sim, provider, rng));
        }
        let mut orchestrator = Orchestrator::new("writer", "draft")
            .time(sim.time())
            .ids(sim.ids())
            .event_sink(sim.events())
            .pricing(prices())
            .account(&company);
        if rng.bool() {
            let own = Usd::from_cents(rng.u64(1..20));
            let own = if strict { Limit::strict(own) } else { Limit::enforced(own) };
            orchestrator = orchestrator.budget(own.per_turn(per_turn));
        }
        let deadline = (rng.u8(..3) == 0).then(|| seconds(rng, 20..200));
        if let Some(deadline) = deadline {
            orchestrator = orchestrator.deadline(Timeout::on(deadline, time));
        }
        let limited = rng.bool() || narrow;
        let mut shared = None;
        if routed {
            let ways = PLACES.into_iter().enumerate().map(|(at, (provider, model))| {
                let route = Route::new(provider, model)
                    .circuit_breaker(breakers[at].clone())
                    .retry_budget(budget());
                if limited { route.rate_limiter(limiters[at].clone()) } else { route }
            });
            let ways = match rng.u8(..3) {
                0 => Routes::round_robin(ways),
                1 => Routes::least_loaded(ways),
                _ => Routes::ordered(ways),
            };
            let ways = ways.with_clock(Arc::new(sim.time()));
            shared = Some(ways.clone());
            recovery = recovery.routes(ways);
        } else {
            recovery = recovery.retry_budget(budget());
            orchestrator =
                orchestrator.circuit_breaker(breakers[0].clone()).rate_limiter(limiters[0].clone());
        }
        let orchestrator = orchestrator.recovery(recovery);
        let rush = 0..one_of(rng, &[1_000, 40_000]);
        Self {
            rows: Rows::new(&breakers, THRESHOLD),
            purses: Purses::new(retries, (RESERVE, percent), routed),
            orchestrator,
            company,
            breakers,
            places,
            deadline,
            queues: if routed && limited { limiters } else { Vec::new() },
            routes: shared,
            strict,
            rush,
        }
    }

    /// Whether nothing keeps a call from the route to a place, as far as that is known to all.
    fn is_free(&self, place: usize) -> bool {
        let routes: Vec<_> = self.routes.iter().flat_map(Routes::snapshot).collect();
        let rests = routes.get(place).is_none_or(|route| route.rests.is_some());
        !rests && self.queues.is_empty() && self.breakers[place].state() == CircuitState::Closed
    }

    /// Whether another call surely draws on the place that it goes to: it was there before. One that finds out whether
    /// a place is back does, too, unless a retry was drawn that was refused where it was meant for.
    fn draws(&self, last: Option<usize>, place: usize) -> bool {
        self.queues.is_empty() && last == Some(place)
    }

    /// What holds at every step, and at the end.
    fn watch(self: &Rc<Self>, sim: &Sim) {
        let (setup, events) = (Rc::clone(self), sim.events());
        sim.always("books equal events", move || {
            let (spent, billed) = (setup.company.balance().spent, events.billed_in_all());
            if spent == billed {
                return Ok(());
            }
            Err(format!("the company has spent {spent}, and by the events {billed}"))
        });
        let setup = Rc::clone(self);
        sim.always("no budget is overspent by what was reserved", move || {
            let balance = setup.company.balance();
            let limit = setup.company.limit().amount;
            let sum = balance.spent.saturating_add(balance.reserved);
            if setup.strict && sum > limit {
                return Err(format!("{balance:?} of {limit}"));
            }
            Ok(())
        });
        let setup = Rc::clone(self);
        let events = sim.events();
        sim.at_end("recoveries are within the recipes", move || laws::recoveries(&events.events()));
        sim.at_end("nothing is reserved", move || {
            let reserved = setup.company.balance().reserved;
            if reserved.is_zero() { Ok(()) } else { Err(format!("{reserved} is reserved")) }
        });
        let (setup, time) = (Rc::clone(self), sim.time());
        sim.at_end("breakers are not stuck", move || {
            // Past every cool-down.
            time.park(Duration::from_secs(3_600));
            setup.breakers.iter().try_for_each(|breaker| {
                breaker.try_acquire().map_err(|error| error.to_string())?.success();
                if breaker.state() == CircuitState::Closed {
                    return Ok(());
                }
                Err(format!("`{}` stays {}", breaker.name(), breaker.state()))
            })
        });
        let setup = Rc::clone(self);
        sim.always("retry budgets have what was filled in", move || setup.purses.check());
        let setup = Rc::clone(self);
        sim.always("breakers count what places are to blame for", move || setup.rows.check());
        let setup = Rc::clone(self);
        sim.at_end("no call is under way", move || {
            let routes = setup.routes.iter().flat_map(Routes::snapshot);
            let under_way: u32 = routes.map(|route| route.in_flight).sum();
            if under_way == 0 { Ok(()) } else { Err(format!("{under_way} are")) }
        });
        let setup = Rc::clone(self);
        sim.always("places are left alone as they ask", move || setup.places.broken());
        let (setup, time) = (Rc::clone(self), sim.time());
        let mut before = [(0, false); PLACES.len()];
        sim.always("nobody begins to wait at a place that rests", move || {
            for (place, (queue, before)) in setup.queues.iter().zip(&mut before).enumerate() {
                let now = (queue.available().waiting, setup.places.rests(place, time.elapsed()));
                let (waiting, rested) = std::mem::replace(before, now);
                if rested && now.1 && now.0 > waiting {
                    return Err(format!("`{}` rests, and {} wait there", queue.name(), now.0));
                }
            }
            Ok(())
        });
        let (setup, providers) = (Rc::clone(self), PLACES.map(|(name, _)| sim.provider(name)));
        sim.at_end("what providers bill was reserved and is paid", move || {
            let calls = providers.iter().flat_map(Endpoint::arrived);
            let billed: Usd = calls.filter_map(|call| Some(price().cost(&call.billed?))).sum();
            let spent = setup.company.balance().spent;
            if billed <= spent || !setup.strict {
                return Ok(());
            }
            Err(format!("{billed} is billed, and {spent} is in the books"))
        });
    }

    fn turn(&self, rng: &mut Rng, time: &SimTime) -> (Turn<Reply>, Times) {
        let limit = |after: Duration| Timeout::on(after, Arc::new(time.clone()));
        let mut turn = Turn::model(PLACES[0].1).usage_from(Reply::usage);
        if self.strict || rng.bool() {
            turn = turn.estimate(UsageSnapshot::new(INPUT, OUTPUT / 2)).max_output(OUTPUT);
        }
        if rng.bool() {
            turn = turn.repeatable();
        }
        // Without it, a provider that hangs would be waited for.
        let attempt = seconds(rng, 4..25);
        turn = turn.timeout(limit(attempt));
        let first = (rng.u8(..4) == 0).then(|| seconds(rng, 2..10));
        if let Some(first) = first {
            turn = turn.first_token_timeout(limit(first));
        }
        let total = (rng.u8(..2) == 0).then(|| seconds(rng, 3..60));
        if let Some(total) = total {
            turn = turn.within(limit(total));
        }
        (turn, Times { attempt, first, total })
    }
}

async fn agent(sim: Sim, setup: Rc<Setup>, mut rng: Rng) {
    sim.sleep(millis(&mut rng, setup.rush.clone())).await;
    let Ok(session) = setup.orchestrator.session() else { return sim.fail("no session") };
    let deadline = setup.deadline.map(|deadline| sim.elapsed() + deadline);
    for _ in 0..rng.usize(1..6) {
        if session.status().is_terminal() {
            break;
        }
        turn::one_turn((&sim, &setup), &session, deadline, &mut rng).await;
        if rng.u8(..4) == 0 {
            let call = ToolCall::new("search");
            let takes = millis(&mut rng, 0..2_000);
            let ran = session.run_tool(call, async || {
                sim.sleep(takes).await;
                Ok::<_, FaultError>(())
            });
            // A tool that is dropped on its way ends as well.
            let _ = sim.time().within(Duration::from_secs(1), ran).await;
        }
        sim.sleep(millis(&mut rng, 0..8_000)).await;
    }
    let account = session.account().cloned();
    let id = session.id().to_owned();
    match rng.u8(..4) {
        0 => drop(session),
        1 => {
            let _ = session.cancel("the user left");
        }
        _ => {
            let _ = session.finish(Ok::<_, TurnError>(())).summary;
        }
    }
    let Some(account) = account else { return };
    let (balance, billed) = (account.balance(), sim.events().billed(&id));
    // Without a budget of its own, a session's account is the company's.
    if !account.is(&setup.company) && (balance.spent != billed || !balance.reserved.is_zero()) {
        sim.fail(format!("the session's books say {balance:?}, and its events {billed}"));
    }
}
