//! What each tenant may spend, and how often it may ask.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use techrevati_runtime::orchestrator::Shutdown;
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{Backoff, Demand, RateLimiter, RateLimits};

use crate::client::PROVIDERS;
use crate::metrics::Metrics;
use crate::provider::MODEL;
use crate::refusal::Refusal;

/// A tenant's name and limits.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) budget: Usd,
    pub(crate) runs_per_minute: NonZeroU32,
}

/// The second one runs out of money after a few questions, so that it can be seen.
pub(crate) const PLANS: [Plan; 2] = [
    Plan {
        name: "acme",
        budget: Usd::from_dollars(1),
        runs_per_minute: NonZeroU32::new(60).unwrap(),
    },
    Plan {
        name: "globex",
        budget: Usd::from_cents(2),
        runs_per_minute: NonZeroU32::new(20).unwrap(),
    },
];

/// What the company spends at most, for all tenants.
const COMPANY: Usd = Usd::from_dollars(5);
/// What a run spends at most.
const RUN: Usd = Usd::from_cents(10);
const TURNS: u32 = 12;
const DEADLINE: Duration = Duration::from_secs(300);

pub(crate) struct Tenants(BTreeMap<&'static str, Tenant>);

pub(crate) struct Tenant {
    clerk: Orchestrator,
    limiter: RateLimiter,
}

impl Tenants {
    pub(crate) fn new(
        plans: &[Plan],
        metrics: &Metrics,
        shutdown: &Shutdown,
    ) -> Result<Self, BoxError> {
        let company = Account::new(Limit::enforced(COMPANY).named("company"));
        // Tenants share the routes: what one of them learns about a provider, the others know.
        let routes = Routes::ordered(PROVIDERS.map(|provider| Route::new(provider, MODEL)));
        let backoff = Backoff::new(Duration::from_millis(50), 2.0)?;
        let prices = PricingTable::new();
        let price = ModelPricing::per_million(Usd::from_dollars(10), Usd::from_dollars(40));
        prices.register(MODEL, price)?;

        let tenant = |plan: &Plan| {
            let account = company.child(Limit::enforced(plan.budget).named(plan.name));
            let clerk = Orchestrator::new("clerk", "answer")
                .label("tenant", plan.name)
                .account(&account)
                .budget(Limit::enforced(RUN).named("run"))
                .pricing(prices.clone())
                .recovery(RecoveryConfig::default().routes(routes.clone()).backoff(backoff))
                .max_iterations(TURNS)
                .deadline(DEADLINE)
                .event_sink(metrics.sink())
                .shutdown(shutdown);
            let limits = RateLimits::default().requests_per_minute(plan.runs_per_minute);
            (plan.name, Tenant { clerk, limiter: RateLimiter::new(plan.name, limits) })
        };
        Ok(Self(plans.iter().map(tenant).collect()))
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Tenant, Refusal> {
        self.0.get(name).ok_or_else(|| Refusal::not_found("tenant", name))
    }
}

impl Tenant {
    /// Opens the session of one run.
    pub(crate) fn session(&self, user: &str) -> Result<OrchestrationSession, Refusal> {
        let place = self.limiter.try_reserve(Demand::request())?;
        let opened = self.clerk.clone().label("user", user).session();
        if opened.is_err() {
            // It was no run, so it does not count.
            place.cancel();
        }
        Ok(opened?)
    }
}
