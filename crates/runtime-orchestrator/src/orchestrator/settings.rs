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

/// Settings. Each consumes the orchestrator and returns it.
impl Orchestrator {
    /// Sets the project of the sessions.
    #[must_use]
    pub fn project_id(self, project_id: i64) -> Self {
        set(self, |setup| setup.project_id = Some(project_id))
    }

    /// Adds a label to every event of every session: tenant, user, request.
    #[must_use]
    pub fn label(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        set(self, |setup| {
            let labels = setup.labels.get_or_insert_default();
            Arc::make_mut(labels).insert(key.into(), value.into());
        })
    }

    /// Sets the registry of the workers. Agents that hand over to each other share one.
    #[must_use]
    pub fn registry(self, registry: AgentRegistry) -> Self {
        set(self, |setup| {
            setup.registry = registry;
            setup.own_registry = false;
        })
    }

    /// Sets the permissions of roles for tools.
    #[must_use]
    pub fn permissions(self, permissions: PermissionEnforcer) -> Self {
        set(self, |setup| setup.permissions = Some(permissions))
    }

    /// Sets the breaker around the call of every turn.
    #[must_use]
    #[doc(alias = "async_circuit_breaker")]
    pub fn circuit_breaker(self, breaker: CircuitBreaker) -> Self {
        set(self, |setup| setup.breaker = Some(breaker))
    }

    /// Sets the limiter of requests and tokens of all sessions together. A turn waits for room until its
    /// time is over. When the provider reports a rate limit with a wait, all turns wait, up to an hour.
    #[must_use]
    pub fn rate_limiter(self, limiter: RateLimiter) -> Self {
        set(self, |setup| setup.limiter = Some(limiter))
    }

    /// Sets the rules of [`evaluate_policy`](crate::OrchestrationSession::evaluate_policy).
    #[must_use]
    pub fn policy(self, engine: impl Into<Arc<PolicyEngine>>) -> Self {
        set(self, |setup| setup.policy = Some(engine.into()))
    }

    /// Sets the gate of [`evaluate_gate`](crate::OrchestrationSession::evaluate_gate).
    #[must_use]
    pub fn quality_gate(self, gate: QualityGate) -> Self {
        set(self, |setup| setup.gate = Some(gate))
    }

    /// Sets the guardrails around tools and [guarded](crate::Turn::guarded) turns.
    ///
    /// In blocking tools and turns, an [`AsyncGuardrail`](runtime_policy::AsyncGuardrail) is polled on the
    /// calling thread, so a runtime that it needs must be entered there.
    #[must_use]
    pub fn guardrails(self, guardrails: Guardrails) -> Self {
        set(self, |setup| setup.guardrails = guardrails)
    }

    /// Sets the limit of each session's own account.
    ///
    /// With [`account`](Self::account) as well, the account of each session is below that one.
    #[must_use]
    pub fn budget(self, limit: Limit) -> Self {
        set(self, |setup| setup.budget = Some(limit))
    }

    /// Sets the account that all sessions share: a team's, a company's.
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

    /// Sets the prices of models.
    #[must_use]
    pub fn pricing(self, pricing: PricingTable) -> Self {
        set(self, |setup| setup.pricing = pricing)
    }

    /// Sets the number of turns that a session may request.
    #[must_use]
    pub fn max_iterations(self, turns: u32) -> Self {
        set(self, |setup| setup.max_iterations = turns)
    }

    /// Sets the time that a session may take, from its opening. After it, turns and tools under way are cut
    /// short, and further ones are refused.
    #[must_use]
    pub fn deadline(self, deadline: impl Into<Timeout>) -> Self {
        set(self, |setup| setup.deadline = Some(deadline.into()))
    }

    /// Sets how failures are read, and how turns recover from them.
    #[must_use]
    pub fn recovery(self, recovery: RecoveryConfig) -> Self {
        set(self, |setup| setup.recovery = recovery)
    }

    /// Sets what sessions keep of their events and contents, and the scope around the caller's code.
    #[must_use]
    pub fn telemetry(self, telemetry: TelemetryConfig) -> Self {
        set(self, |setup| setup.telemetry = telemetry)
    }

    /// Sets the sink of events. For several, use [`FanOut`](runtime_sinks::FanOut).
    #[must_use]
    pub fn event_sink(self, sink: impl EventSink + 'static) -> Self {
        set(self, |setup| setup.event_sink = Some(Arc::new(sink)))
    }

    /// Sets the sink of the usage of metered turns.
    #[must_use]
    pub fn usage_sink(self, sink: impl UsageSink + 'static) -> Self {
        set(self, |setup| setup.usage_sink = Some(Arc::new(sink)))
    }

    /// Sets a shutdown: orchestrators with the same one drain together.
    ///
    /// Default: one of its own, which its clones share.
    #[must_use]
    pub fn shutdown(self, shutdown: &Shutdown) -> Self {
        set(self, |setup| setup.roster = Arc::clone(&shutdown.roster))
    }

    /// Sets clock and sleeper as one value: a [`ManualClock`](runtime_events::ManualClock), which moves
    /// deadlines and timeouts by hand in tests, or a pair, `(SystemClock, MyTimer)`.
    #[must_use]
    pub fn time(self, time: impl Clock + Sleeper + 'static) -> Self {
        let time = Arc::new(time);
        set(self, |setup| {
            setup.clock = time.clone();
            setup.sleeper = Some(time);
            setup.renew_registry();
        })
    }

    /// Sets the source of session ids and span ids, and of worker ids unless there is a
    /// [`registry`](Self::registry).
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
