//! What an orchestrator is configured with.

use std::mem::take;
use std::num::NonZeroUsize;
use std::sync::Arc;

use runtime_events::{Clock, IdSource, ScopeHook, Sleeper};
use runtime_lifecycle::AgentRegistry;
use runtime_policy::{AsyncGuardrail, Guardrail, PermissionEnforcer, PolicyEngine, QualityGate};
use runtime_resilience::{
    Backoff, CircuitBreaker, Classifier, Hedge, RateLimiter, Recipes, RecoveryHandler, RetryBudget,
    Routes,
};
use runtime_sinks::{EventSink, UsageSink};
use runtime_usage::{Account, Limit, PricingTable};

use super::Orchestrator;
use crate::capture::Capture;
use crate::escalation::Escalation;
use crate::failure::with_own_rules;
use crate::limits::Timeout;
use crate::setup::Setup;
use crate::shutdown::Shutdown;

/// Settings. Each consumes the orchestrator and hands it on.
impl Orchestrator {
    fn set(mut self, change: impl FnOnce(&mut Setup)) -> Self {
        change(Arc::make_mut(&mut self.setup));
        self
    }

    /// The project the sessions work for.
    #[must_use]
    pub fn project_id(self, project_id: i64) -> Self {
        self.set(|setup| setup.project_id = Some(project_id))
    }

    /// A label that every event of every session carries: tenant, user, request.
    #[must_use]
    pub fn label(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(|setup| {
            let labels = setup.labels.get_or_insert_default();
            Arc::make_mut(labels).insert(key.into(), value.into());
        })
    }

    /// The registry the workers are in. Agents that hand over to each other share one.
    #[must_use]
    pub fn registry(self, registry: AgentRegistry) -> Self {
        self.set(|setup| {
            setup.registry = registry;
            setup.own_registry = false;
        })
    }

    /// Who may run which tool.
    #[must_use]
    pub fn permissions(self, permissions: PermissionEnforcer) -> Self {
        self.set(|setup| setup.permissions = Some(permissions))
    }

    /// The breaker around every turn's call.
    #[must_use]
    #[doc(alias = "async_circuit_breaker")]
    pub fn circuit_breaker(self, breaker: CircuitBreaker) -> Self {
        self.set(|setup| setup.breaker = Some(breaker))
    }

    /// How many requests and tokens turns may send a minute, all sessions together. A turn waits for
    /// room, until its time is over. Where a rate limit of the provider's says for how long, all wait, up
    /// to an hour.
    #[must_use]
    pub fn rate_limiter(self, limiter: RateLimiter) -> Self {
        self.set(|setup| setup.limiter = Some(limiter))
    }

    /// Where [recovering turns](crate::OrchestrationSession::run_turn_recovering) send their calls,
    /// and in which order. Each route has a breaker, and perhaps a limiter, of its own, which take the
    /// place of those of the orchestrator.
    #[must_use]
    pub fn routes(self, routes: Routes) -> Self {
        self.set(|setup| setup.routes = Some(routes))
    }

    /// The rules behind [`evaluate_policy`](crate::OrchestrationSession::evaluate_policy).
    #[must_use]
    pub fn policy(self, engine: impl Into<Arc<PolicyEngine>>) -> Self {
        self.set(|setup| setup.policy = Some(engine.into()))
    }

    /// The gate behind [`evaluate_gate`](crate::OrchestrationSession::evaluate_gate).
    #[must_use]
    pub fn quality_gate(self, gate: QualityGate) -> Self {
        self.set(|setup| setup.gate = Some(gate))
    }

    /// Adds a guardrail around tools, and around the turns that ask for it.
    #[must_use]
    pub fn guardrail(self, guardrail: impl Guardrail + 'static) -> Self {
        self.set(|setup| setup.guardrails = take(&mut setup.guardrails).with(guardrail))
    }

    /// Adds a guardrail that has to wait, such as a moderation call.
    ///
    /// In blocking tools and turns it is polled on the calling thread; what it needs of a
    /// runtime must be entered there.
    #[must_use]
    pub fn async_guardrail(self, guardrail: impl AsyncGuardrail + 'static) -> Self {
        self.set(|setup| setup.guardrails = take(&mut setup.guardrails).with_async(guardrail))
    }

    /// What each session may spend, from an account of its own.
    ///
    /// With [`account`](Self::account) as well, each session's account is below that one.
    #[must_use]
    pub fn budget(self, limit: Limit) -> Self {
        self.set(|setup| setup.budget = Some(limit))
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
        self.set(|setup| setup.account = Some(account.clone()))
    }

    /// The prices turns are billed by.
    #[must_use]
    pub fn pricing(self, pricing: PricingTable) -> Self {
        self.set(|setup| setup.pricing = pricing)
    }

    /// How many turns a session may ask for.
    #[must_use]
    pub fn max_iterations(self, turns: u32) -> Self {
        self.set(|setup| setup.max_iterations = turns)
    }

    /// How long a session may take, counted from its opening. Turns and tools are refused after
    /// it and cut short by it.
    #[must_use]
    pub fn deadline(self, deadline: impl Into<Timeout>) -> Self {
        self.set(|setup| setup.deadline = Some(deadline.into()))
    }

    /// What is tried after which failure.
    #[must_use]
    pub fn recipes(self, recipes: Recipes) -> Self {
        self.set(|setup| setup.recovery.recipes = recipes)
    }

    /// Carries out the steps of a recipe that change the request, before the attempt that they are for.
    ///
    /// Only a [recovering turn](crate::OrchestrationSession::run_turn_recovering) asks it. The wait, and
    /// the way to another provider, are the turn's own business; without a handler, what is to change
    /// stands in the [`Attempt`](crate::Attempt) alone.
    #[must_use]
    pub fn recovery_handler(self, handler: impl RecoveryHandler + 'static) -> Self {
        self.set(|setup| setup.recovery.handler = Some(Arc::new(handler)))
    }

    /// How long recovering turns wait before they make a call again; its cap is also the longest that
    /// a provider may ask for. [`Backoff::default`] unless set.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.set(|setup| setup.recovery.backoff = backoff)
    }

    /// What all sessions together may retry. Share one among the orchestrators that call the same
    /// providers. [`RetryBudget::default`] unless set, one for each orchestrator.
    #[must_use]
    pub fn retry_budget(self, budget: RetryBudget) -> Self {
        self.set(|setup| setup.recovery.retry_budget = budget)
    }

    /// When a [repeatable](crate::Turn::repeatable) call of a recovering turn is made a second time,
    /// beside one whose first token is late. Each hedge is taken from the
    /// [retry budget](Self::retry_budget). None unless set.
    #[must_use]
    pub fn hedge(self, hedge: Hedge) -> Self {
        self.set(|setup| setup.recovery.hedge = Some(hedge))
    }

    /// Called when a recovering turn gives up, before it returns: alert somebody. It must not block,
    /// and a panic in it goes no further.
    #[must_use]
    pub fn on_escalation(self, handler: impl Fn(&Escalation<'_>) + Send + Sync + 'static) -> Self {
        self.set(|setup| setup.recovery.escalation = Some(Arc::new(handler)))
    }

    /// Keeps what was said, redacted, as events. Nothing is kept unless set.
    #[must_use]
    pub fn capture(self, capture: Capture) -> Self {
        self.set(|setup| setup.capture = Some(capture))
    }

    /// Entered around the caller's code: a turn's call, a tool's body. What a tracer makes in there
    /// is then below the span it belongs to.
    ///
    /// A call that runs on a thread of its own, as of `run_turn_blocking_within`, is outside of it.
    #[must_use]
    pub fn scope_hook(self, hook: impl ScopeHook + 'static) -> Self {
        self.set(|setup| setup.scope = Some(Arc::new(hook)))
    }

    /// How errors become scenarios. The runtime's own rules are asked after those given here: they
    /// know the errors of turns and tools and, with feature `tokio`, its `Elapsed`.
    #[must_use]
    pub fn classifier(self, classifier: Classifier) -> Self {
        self.set(|setup| setup.classifier = with_own_rules(classifier))
    }

    /// Where events go. More than one: [`FanOut`](runtime_sinks::FanOut).
    #[must_use]
    pub fn event_sink(self, sink: impl EventSink + 'static) -> Self {
        self.set(|setup| setup.event_sink = Some(Arc::new(sink)))
    }

    /// Where the usage of each metered turn goes.
    #[must_use]
    pub fn usage_sink(self, sink: impl UsageSink + 'static) -> Self {
        self.set(|setup| setup.usage_sink = Some(Arc::new(sink)))
    }

    /// With whom its sessions shut down: orchestrators that are given the same one drain together.
    ///
    /// Without it, an orchestrator has one of its own, and its clones share it.
    #[must_use]
    pub fn shutdown(self, shutdown: &Shutdown) -> Self {
        self.set(|setup| setup.roster = Arc::clone(&shutdown.roster))
    }

    /// How many events, and how many recovery events, a session keeps for its summary. Sinks get
    /// all of them.
    #[must_use]
    pub fn event_log(self, events: NonZeroUsize) -> Self {
        self.set(|setup| {
            setup.event_log = events;
            setup.keeps_events = true;
        })
    }

    /// Sessions keep no events for their summary. Sinks get all of them; without a sink, none is
    /// made, and the summary counts none.
    #[must_use]
    pub fn without_event_log(self) -> Self {
        self.set(|setup| setup.keeps_events = false)
    }

    /// How timeouts wait, on the system's clock. For another clock: [`time`](Self::time).
    #[must_use]
    pub fn sleeper(self, sleeper: Arc<dyn Sleeper>) -> Self {
        self.set(|setup| setup.sleeper = Some(sleeper))
    }

    /// One value for clock and sleeper: a [`ManualClock`](runtime_events::ManualClock), so that
    /// a test moves deadlines and timeouts by hand.
    #[must_use]
    pub fn time(self, time: impl Clock + Sleeper + 'static) -> Self {
        let time = Arc::new(time);
        self.set(|setup| {
            setup.clock = time.clone();
            setup.sleeper = Some(time);
            setup.renew_registry();
        })
    }

    /// Where session ids and span ids are drawn from; and worker ids, unless a
    /// [`registry`](Self::registry) was given.
    #[must_use]
    pub fn ids(self, ids: impl IdSource + 'static) -> Self {
        self.set(|setup| {
            setup.ids = Arc::new(ids);
            setup.renew_registry();
        })
    }
}
