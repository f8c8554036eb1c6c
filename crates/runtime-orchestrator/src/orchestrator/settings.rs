//! The settings of an orchestrator.

use std::sync::Arc;

use runtime_events::{Clock, IdSource, Sleeper};
use runtime_lifecycle::AgentRegistry;
use runtime_policy::{Guardrails, PermissionEnforcer, PolicyEngine, QualityGate};
use runtime_resilience::{CircuitBreaker, RateLimiter};
use runtime_sinks::{EventSink, UsageSink};
use runtime_usage::{Account, Limit, PricingTable};

use super::Orchestrator;
use crate::limits::Timeout;
use crate::park::Timers;
use crate::recovery::RecoveryConfig;
use crate::setup::Setup;
use crate::shutdown::Shutdown;
use crate::telemetry::TelemetryConfig;

/// # Settings
///
/// Each setter consumes the orchestrator and returns it.
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

    /// Sets the limit of requests and tokens per minute, for all sessions together.
    ///
    /// A turn waits for room until its time is over. If a rate limit of the provider names a wait,
    /// all turns wait, for at most an hour.
    #[must_use]
    pub fn rate_limiter(self, limiter: RateLimiter) -> Self {
        set(self, |setup| setup.limiter = Some(limiter))
    }

    /// Sets the rules for [`evaluate_policy`](crate::OrchestrationSession::evaluate_policy).
    #[must_use]
    pub fn policy(self, engine: impl Into<Arc<PolicyEngine>>) -> Self {
        set(self, |setup| setup.policy = Some(engine.into()))
    }

    /// Sets the gate for [`evaluate_gate`](crate::OrchestrationSession::evaluate_gate).
    #[must_use]
    pub fn quality_gate(self, gate: QualityGate) -> Self {
        set(self, |setup| setup.gate = Some(gate))
    }

    /// Sets the guardrails around tools and [guarded](crate::Turn::guarded) turns.
    ///
    /// Blocking tools and turns poll an [`AsyncGuardrail`](runtime_policy::AsyncGuardrail) on the
    /// calling thread. A guardrail that needs an async runtime needs it entered on that thread.
    #[must_use]
    pub fn guardrails(self, guardrails: Guardrails) -> Self {
        set(self, |setup| setup.guardrails = guardrails)
    }

    /// Sets the budget of each session, as an account of its own.
    ///
    /// With [`account`](Self::account) as well, each session's account is below the shared one.
    #[must_use]
    pub fn budget(self, limit: Limit) -> Self {
        set(self, |setup| setup.budget = Some(Arc::new(limit)))
    }

    /// Sets the account that all sessions share, such as a team's or a company's.
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

    /// Sets the prices of turns.
    #[must_use]
    pub fn pricing(self, pricing: PricingTable) -> Self {
        set(self, |setup| setup.pricing = pricing)
    }

    /// Sets the maximum number of turns of a session, including refused ones, and those of sessions
    /// that [handed over](Self::accept) to it.
    #[must_use]
    pub fn max_iterations(self, turns: u32) -> Self {
        set(self, |setup| setup.max_iterations = turns)
    }

    /// Sets the maximum duration of a session, from its opening.
    ///
    /// After the deadline turns and tools are refused; running ones are interrupted.
    #[must_use]
    pub fn deadline(self, deadline: impl Into<Timeout>) -> Self {
        set(self, |setup| setup.deadline = Some(deadline.into()))
    }

    /// Sets how failures are classified, and how turns recover from them.
    #[must_use]
    pub fn recovery(self, recovery: RecoveryConfig) -> Self {
        set(self, |setup| setup.recovery = Arc::new(recovery))
    }

    /// Sets the event log, the capture of content and the scope hook of sessions.
    #[must_use]
    pub fn telemetry(self, telemetry: TelemetryConfig) -> Self {
        set(self, |setup| setup.telemetry = telemetry)
    }

    /// Sets the destination of events. For several, use [`FanOut`](runtime_sinks::FanOut).
    ///
    /// Sessions share it with the orchestrator. A session drops its share after its last event, even
    /// if its value or a [handle](crate::SessionHandle) is kept.
    #[must_use]
    pub fn event_sink(mut self, sink: impl EventSink + 'static) -> Self {
        self.sinks.events = Some(Arc::new(sink));
        self
    }

    /// Sets the destination of the usage records of metered turns.
    #[must_use]
    pub fn usage_sink(mut self, sink: impl UsageSink + 'static) -> Self {
        self.sinks.usage = Some(Arc::new(sink));
        self
    }

    /// Sets the shutdown: orchestrators with the same one drain together.
    ///
    /// By default an orchestrator has a new one, shared with its clones.
    #[must_use]
    pub fn shutdown(self, shutdown: &Shutdown) -> Self {
        set(self, |setup| setup.roster = Arc::clone(&shutdown.roster))
    }

    /// Sets clock and sleeper as one value.
    ///
    /// In tests this is a [`ManualClock`](runtime_events::ManualClock), which moves deadlines and
    /// timeouts by hand. A pair such as `(SystemClock, MyTimer)` works as well.
    #[must_use]
    pub fn time(self, time: impl Clock + Sleeper + 'static) -> Self {
        let time = Arc::new(time);
        set(self, |setup| {
            setup.timers = Arc::new(Timers { clock: time.clone(), sleeper: Some(time) });
            setup.renew_registry();
        })
    }

    /// Sets the source of session ids and span ids, and of worker ids unless a
    /// [`registry`](Self::registry) is set.
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
