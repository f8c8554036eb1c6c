//! What an orchestrator is configured with.

use std::sync::Arc;

use runtime_events::{Clock, IdSource, Sleeper};
use runtime_lifecycle::AgentRegistry;
use runtime_policy::{Guardrails, PermissionEnforcer, PolicyEngine, QualityGate};
use runtime_resilience::{CircuitBreaker, RateLimiter};
use runtime_sinks::{EventSink, UsageSink};
use runtime_usage::{Account, Limit, PricingTable};

use super::Orchestrator;
use crate::limits::Timeout;
use crate::recovery::RecoveryConfig;
use crate::setup::Setup;
use crate::shutdown::Shutdown;
use crate::telemetry::TelemetryConfig;

/// Settings. Each consumes the orchestrator and hands it on.
impl Orchestrator {
    /// The project the sessions work for.
    #[must_use]
    pub fn project_id(self, project_id: i64) -> Self {
        set(self, |setup| setup.project_id = Some(project_id))
    }

    /// A label that every event of every session carries: tenant, user, request.
    #[must_use]
    pub fn label(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        set(self, |setup| {
            let labels = setup.labels.get_or_insert_default();
            Arc::make_mut(labels).insert(key.into(), value.into());
        })
    }

    /// The registry the workers are in. Agents that hand over to each other share one.
    #[must_use]
    pub fn registry(self, registry: AgentRegistry) -> Self {
        set(self, |setup| {
            setup.registry = registry;
            setup.own_registry = false;
        })
    }

    /// Who may run which tool.
    #[must_use]
    pub fn permissions(self, permissions: PermissionEnforcer) -> Self {
        set(self, |setup| setup.permissions = Some(permissions))
    }

    /// The breaker around every turn's call.
    #[must_use]
    #[doc(alias = "async_circuit_breaker")]
    pub fn circuit_breaker(self, breaker: CircuitBreaker) -> Self {
        set(self, |setup| setup.breaker = Some(breaker))
    }

    /// How many requests and tokens turns may send a minute, all sessions together. A turn waits for
    /// room, until its time is over. Where a rate limit of the provider's says for how long, all wait, up
    /// to an hour.
    #[must_use]
    pub fn rate_limiter(self, limiter: RateLimiter) -> Self {
        set(self, |setup| setup.limiter = Some(limiter))
    }

    /// The rules behind [`evaluate_policy`](crate::OrchestrationSession::evaluate_policy).
    #[must_use]
    pub fn policy(self, engine: impl Into<Arc<PolicyEngine>>) -> Self {
        set(self, |setup| setup.policy = Some(engine.into()))
    }

    /// The gate behind [`evaluate_gate`](crate::OrchestrationSession::evaluate_gate).
    #[must_use]
    pub fn quality_gate(self, gate: QualityGate) -> Self {
        set(self, |setup| setup.gate = Some(gate))
    }

    /// The guardrails around tools, and around the turns that ask for it.
    ///
    /// In blocking tools and turns an [`AsyncGuardrail`](runtime_policy::AsyncGuardrail) is polled on
    /// the calling thread; what it needs of a runtime must be entered there.
    #[must_use]
    pub fn guardrails(self, guardrails: Guardrails) -> Self {
        set(self, |setup| setup.guardrails = guardrails)
    }

    /// What each session may spend, from an account of its own.
    ///
    /// With [`account`](Self::account) as well, each session's account is below that one.
    #[must_use]
    pub fn budget(self, limit: Limit) -> Self {
        set(self, |setup| setup.budget = Some(limit))
    }

    /// The account that all sessions draw on together: a team's, a company's.
    ///
    /// ```
    /// use runtime_orchestrator::Orchestrator;
    /// use runtime_usage::{Account, Limit, Usd};
    ///
    /// let company = Account::new(Limit::enforced(Usd::from_dollars(50)).named("company"));
    /// let writer = Orchestrator::new("writer", "draft")
    ///     .account(&company)
    ///     // Of that, no single session may spend more than two dollars.
    ///     .budget(Limit::enforced(Usd::from_dollars(2)));
    /// # let _ = writer;
    /// ```
    #[must_use]
    pub fn account(self, account: &Account) -> Self {
        set(self, |setup| setup.account = Some(account.clone()))
    }

    /// The prices turns are billed by.
    #[must_use]
    pub fn pricing(self, pricing: PricingTable) -> Self {
        set(self, |setup| setup.pricing = pricing)
    }

    /// How many turns a session may ask for.
    #[must_use]
    pub fn max_iterations(self, turns: u32) -> Self {
        set(self, |setup| setup.max_iterations = turns)
    }

    /// How long a session may take, counted from its opening. Turns and tools are refused after
    /// it and cut short by it.
    #[must_use]
    pub fn deadline(self, deadline: impl Into<Timeout>) -> Self {
        set(self, |setup| setup.deadline = Some(deadline.into()))
    }

    /// How failures are read, and what recovering turns do about them.
    #[must_use]
    pub fn recovery(self, recovery: RecoveryConfig) -> Self {
        set(self, |setup| setup.recovery = recovery)
    }

    /// What sessions keep and show of themselves, beside the events that sinks get.
    #[must_use]
    pub fn telemetry(self, telemetry: TelemetryConfig) -> Self {
        set(self, |setup| setup.telemetry = telemetry)
    }

    /// Where events go. More than one: [`FanOut`](runtime_sinks::FanOut).
    #[must_use]
    pub fn event_sink(self, sink: impl EventSink + 'static) -> Self {
        set(self, |setup| setup.event_sink = Some(Arc::new(sink)))
    }

    /// Where the usage of each metered turn goes.
    #[must_use]
    pub fn usage_sink(self, sink: impl UsageSink + 'static) -> Self {
        set(self, |setup| setup.usage_sink = Some(Arc::new(sink)))
    }

    /// With whom its sessions shut down: orchestrators that are given the same one drain together.
    ///
    /// Without it, an orchestrator has one of its own, and its clones share it.
    #[must_use]
    pub fn shutdown(self, shutdown: &Shutdown) -> Self {
        set(self, |setup| setup.roster = Arc::clone(&shutdown.roster))
    }

    /// One value for clock and sleeper: a [`ManualClock`](runtime_events::ManualClock), so that
    /// a test moves deadlines and timeouts by hand, or a pair, `(SystemClock, MyTimer)`.
    #[must_use]
    pub fn time(self, time: impl Clock + Sleeper + 'static) -> Self {
        let time = Arc::new(time);
        set(self, |setup| {
            setup.clock = time.clone();
            setup.sleeper = Some(time);
            setup.renew_registry();
        })
    }

    /// Where session ids and span ids are drawn from; and worker ids, unless a
    /// [`registry`](Self::registry) was given.
    #[must_use]
    pub fn ids(self, ids: impl IdSource + 'static) -> Self {
        set(self, |setup| {
            setup.ids = Arc::new(ids);
            setup.renew_registry();
        })
    }
}

fn set(mut orchestrator: Orchestrator, change: impl FnOnce(&mut Setup)) -> Orchestrator {
    change(Arc::make_mut(&mut orchestrator.setup));
    orchestrator
}
