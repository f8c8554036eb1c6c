//! What each tenant may spend, and how often it may ask.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use techrevati_runtime::fleet::Fleet;
use techrevati_runtime::orchestrator::Shutdown;
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{Backoff, Demand, RateLimiter, RateLimits};

use crate::client::PROVIDERS;
use crate::fleet;
use crate::metrics::Metrics;
use crate::model::{MODEL, price};
use crate::refusal::Refusal;

/// A tenant's name and limits.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) budget: Usd,
    pub(crate) runs_per_minute: NonZeroU32,
}

/// The second one runs out of money after a few questions, so that it can be seen.
pub(crate) const PLANS: [Plan; 3] = [
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
    Plan {
        name: "initech",
        budget: Usd::from_dollars(1),
        runs_per_minute: NonZeroU32::new(60_000).unwrap(),
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
    /// Of all replicas, if there is a fleet. What its backend keeps of an account counts, once it is there.
    pub(crate) async fn new(
        plans: &[Plan],
        (metrics, shutdown): (&Metrics, &Shutdown),
        fleet: Option<&Fleet>,
    ) -> Result<Self, BoxError> {
        let company = fleet::account(fleet, None, "company", Limit::enforced(COMPANY)).await?;
        // Tenants share the routes: what one of them learns about a provider, the others know.
        let routes = Routes::ordered(PROVIDERS.map(|provider| Route::new(provider, MODEL)));
        let routes = fleet.map_or_else(|| Ok(routes.clone()), |it| it.routes(routes.clone()))?;
        let backoff = Backoff::new(Duration::from_millis(50), 2.0)?;
        let prices = PricingTable::new();
        prices.register(MODEL, price())?;

        let mut tenants = BTreeMap::new();
        for plan in plans {
            let (path, limit) = (format!("company/{}", plan.name), Limit::enforced(plan.budget));
            let account = fleet::account(fleet, Some(&company), &path, limit).await?;
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
            let limiter = fleet::limiter(fleet, plan.name, limits)?;
            tenants.insert(plan.name, Tenant { clerk, limiter });
        }
        Ok(Self(tenants))
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
