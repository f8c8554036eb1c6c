//! A policy of a plan in a simulation.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use runtime_orchestrator::{Attempt, Orchestrator, RecoveryConfig, Timeout, Turn, TurnError};
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, Hedge, RateLimiter, RateLimits, RetryBudget,
    RetryBudgetConfig, Route, Routes,
};
use runtime_testkit::simulation::{Reply, Sim, SimProvider, Simulation, Trouble, World};
use runtime_usage::{ModelPricing, Usd};

use super::plan::{Plan, Policy, ProviderPlan, What};

/// What a policy came to.
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) turns: Vec<Ended>,
    pub(super) calls: usize,
    pub(super) cost: Usd,
}

/// A turn.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    pub(super) at: Duration,
    pub(super) took: Duration,
    pub(super) answered: bool,
    /// Whether a provider was called. If not, breakers or limits turned it away.
    pub(super) called: bool,
}

impl Outcome {
    /// The answered share of turns, in percent.
    pub(super) fn answered(&self) -> f64 {
        share(&self.turns, |turn| turn.answered)
    }

    /// The share of turns that ended without a call, in percent.
    pub(super) fn uncalled(&self) -> f64 {
        share(&self.turns, |turn| !turn.called)
    }

    /// The time within which this share of the answers came.
    pub(super) fn quantile(&self, of: f64) -> Duration {
        quantile(&self.turns, of)
    }

    pub(super) fn line(&self) -> String {
        let Self { name, turns, calls, cost } = self;
        let [half, most, tail] = [0.5, 0.95, 0.99].map(|of| self.quantile(of).as_secs_f64());
        let (answered, uncalled) = (self.answered(), self.uncalled());
        format!(
            "{name}: {answered:.1} % of {} turns answered, {uncalled:.1} % turned away without a call; \
             {calls} calls, {}; half within {half:.1} s, 95 % within {most:.1} s, 99 % within {tail:.1} s",
            turns.len(),
            cost.rounded(),
        )
    }
}

/// The share of turns that are so, in percent.
pub(super) fn share(turns: &[Ended], so: impl Fn(&Ended) -> bool) -> f64 {
    let (mut all, mut counted) = (0_u32, 0_u32);
    for turn in turns {
        all += 1;
        counted += u32::from(so(turn));
    }
    100.0 * f64::from(counted) / f64::from(all.max(1))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index below the number of turns"
)]
pub(super) fn quantile(turns: &[Ended], of: f64) -> Duration {
    let mut took: Vec<_> =
        turns.iter().filter(|turn| turn.answered).map(|turn| turn.took).collect();
    took.sort_unstable();
    let at = (took.len() as f64 * of) as usize;
    took.get(at.min(took.len().saturating_sub(1))).copied().unwrap_or_default()
}

pub(super) fn run(plan: &Plan, policy: &Policy) -> Result<Outcome, String> {
    let mut world = World::new();
    for (name, provider) in &plan.providers {
        world = world.provider(name.as_str(), of(provider));
    }
    let turns = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::new(RefCell::new((0, Usd::ZERO)));
    let prices = prices(plan);
    let (lasts, per_minute) = (plan.lasts.0, plan.traffic.turns_per_minute);
    let simulation = Simulation::new(plan.seed).horizon(lasts + Duration::from_secs(24 * 3_600));
    let ran = simulation.world(world).run(async |sim| {
        let orchestrator = orchestrator(&sim, policy);
        let mut rng = sim.rng("traffic");
        let mut number = 0_u64;
        loop {
            let apart = -(1.0 - rng.f64()).ln() * 60.0 / per_minute;
            sim.sleep(Duration::from_secs_f64(apart)).await;
            if sim.elapsed() >= lasts {
                break;
            }
            let (turns, orchestrator) = (Rc::clone(&turns), orchestrator.clone());
            let limits = (plan.traffic.within.0, plan.traffic.attempt.0);
            let from = sim.clone();
            sim.spawn(format!("turn {number}"), async move {
                let ended = turn(&from, &orchestrator, limits).await;
                turns.borrow_mut().push(ended);
            });
            number += 1;
        }
        let (told, at_end) = (Rc::clone(&told), sim.clone());
        sim.at_end("what was billed is summed up", move || {
            *told.borrow_mut() = bill(&at_end, &prices);
            Ok(())
        });
        Ok(())
    });
    ran.map_err(|broken| broken.to_string())?;
    let (calls, cost) = *told.borrow();
    Ok(Outcome { name: policy.name.clone(), turns: turns.take(), calls, cost })
}

fn of(plan: &ProviderPlan) -> SimProvider {
    let ProviderPlan { first_token, rest, input, output, .. } = plan;
    let mut provider = SimProvider::healthy()
        .first_token(first_token[0].0..first_token[1].0)
        .rest(rest[0].0..rest[1].0)
        .tokens(input[0]..input[1], output[0]..output[1]);
    if let Some(calls) = plan.capacity {
        provider = provider.capacity(calls.get());
    }
    for fault in &plan.faults {
        let trouble = match fault.what {
            What::Storm => Trouble::Storm(fault.by.0),
            What::Overload => Trouble::Overload,
            What::Slow => Trouble::Slow(fault.by.0),
            What::Cut => Trouble::Cut,
            What::Down => Trouble::Down,
            What::Hang => Trouble::Hang,
        };
        provider = provider.spell(trouble, fault.from.0..fault.until.0).share(fault.share);
    }
    provider
}

fn orchestrator(sim: &Sim, policy: &Policy) -> Orchestrator {
    let time = || Arc::new(sim.time());
    let routes = policy.routes.iter().map(|name| {
        let breaker = CircuitBreaker::with_clock(&**name, CircuitBreakerConfig::default(), time());
        let reserve = if policy.retries == 0 { 0 } else { 10 };
        let retries = RetryBudgetConfig::default().percent(policy.retries).reserve(reserve);
        let route = Route::new(name.as_str(), name.as_str())
            .circuit_breaker(breaker)
            .retry_budget(RetryBudget::new(retries));
        match policy.limit {
            None => route,
            Some(limit) => {
                let limits = RateLimits::default().requests_per_minute(limit);
                route.rate_limiter(RateLimiter::with_clock(&**name, limits, time()))
            }
        }
    });
    let routes = Routes::ordered(routes).with_clock(time());
    let mut recovery = RecoveryConfig::default().routes(routes);
    if let Some(after) = policy.hedge {
        recovery = recovery.hedge(Hedge::after(after.0));
    }
    Orchestrator::new("agent", "turn").time(sim.time()).ids(sim.ids()).recovery(recovery)
}

async fn turn(
    sim: &Sim,
    orchestrator: &Orchestrator,
    (within, attempt): (Duration, Duration),
) -> Ended {
    let at = sim.elapsed();
    let Ok(session) = orchestrator.session() else {
        return Ended { at, took: Duration::ZERO, answered: false, called: false };
    };
    let called = Cell::new(false);
    let limit = |after| Timeout::on(after, Arc::new(sim.time()));
    let turn = Turn::model("any")
        .usage_from(Reply::usage)
        .repeatable()
        .within(limit(within))
        .timeout(limit(attempt));
    let call = async |attempt: Attempt| {
        called.set(true);
        sim.provider(attempt.provider()).stream("hi", || attempt.token()).await
    };
    let answered = session.run_turn_recovering(turn, call).await.is_ok();
    let took = sim.elapsed().saturating_sub(at);
    let _ = session.finish(Ok::<_, TurnError>(())).summary;
    Ended { at, took, answered, called: called.get() }
}

fn prices(plan: &Plan) -> Vec<(String, ModelPricing)> {
    let dollars = |amount: f64| Usd::try_from(amount).unwrap_or_default();
    let price = |provider: &ProviderPlan| {
        ModelPricing::per_million(dollars(provider.price[0]), dollars(provider.price[1]))
    };
    plan.providers.iter().map(|(name, provider)| (name.clone(), price(provider))).collect()
}

/// The calls that arrived, and what providers bill for them.
fn bill(sim: &Sim, prices: &[(String, ModelPricing)]) -> (usize, Usd) {
    let (mut calls, mut cost) = (0, Usd::ZERO);
    for (name, price) in prices {
        let arrived = sim.provider(name).arrived();
        calls += arrived.len();
        let billed: Usd =
            arrived.iter().filter_map(|call| call.billed).map(|usage| price.cost(&usage)).sum();
        cost = cost.saturating_add(billed);
    }
    (calls, cost)
}
