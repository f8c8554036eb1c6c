//! What the sessions of an agent have in common.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use runtime_events::{Clock, IdSource, Labels, RandomIds, Sleeper, SystemClock};
use runtime_lifecycle::{AgentRegistry, Handoff, registry};
use runtime_policy::{
    AsyncGuardrail, Guardrail, Guardrails, PermissionEnforcer, PolicyEngine, QualityGate,
};
use runtime_resilience::{CircuitBreaker, Classifier, Recipes, RecoveryHandler};
use runtime_sinks::{EventSink, UsageSink};
use runtime_usage::{Budget, PricingTable};

use crate::error::{AcceptError, BoxError, OpenSessionError};
use crate::failure::with_own_rules;
use crate::session::OrchestrationSession;
use crate::summary::{Report, Summary};
use crate::turn::Timeout;

/// The turns a session may have unless told otherwise.
pub const DEFAULT_MAX_ITERATIONS: u32 = 25;

/// The events a session keeps for its summary unless told otherwise.
pub const DEFAULT_EVENT_LOG: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The configuration of an agent's sessions, and what they share.
///
/// Cloning is cheap, and a setter on a clone leaves the others alone. What it does not set:
///
/// | setting | default |
/// |---|---|
/// | [`max_iterations`](Self::max_iterations) | 25 turns per session |
/// | [`registry`](Self::registry) | one of its own |
/// | [`pricing`](Self::pricing) | the process-wide table |
/// | [`event_log`](Self::event_log) | 1,000 events kept per session |
/// | permissions, breaker, policy, gate, budget, guardrails, deadline, sinks | none |
#[derive(Clone)]
#[doc(alias = "AgentSession")]
pub struct Orchestrator {
    setup: Arc<Setup>,
}

/// The fields behind [`Orchestrator`], shared by its sessions.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) role: Arc<str>,
    pub(crate) phase: Arc<str>,
    pub(crate) project_id: Option<i64>,
    pub(crate) labels: Option<Arc<Labels>>,
    pub(crate) registry: AgentRegistry,
    /// Whether the registry was made here, and so keeps this orchestrator's time and ids.
    own_registry: bool,
    pub(crate) permissions: Option<PermissionEnforcer>,
    pub(crate) breaker: Option<CircuitBreaker>,
    pub(crate) policy: Option<Arc<PolicyEngine>>,
    pub(crate) gate: Option<QualityGate>,
    pub(crate) guardrails: Guardrails,
    pub(crate) budget: Option<Budget>,
    pub(crate) pricing: PricingTable,
    pub(crate) max_iterations: u32,
    pub(crate) deadline: Option<Timeout>,
    pub(crate) recipes: Recipes,
    pub(crate) recovery: Option<Arc<dyn RecoveryHandler>>,
    pub(crate) classifier: Classifier,
    pub(crate) event_sink: Option<Arc<dyn EventSink>>,
    pub(crate) usage_sink: Option<Arc<dyn UsageSink>>,
    pub(crate) event_log: NonZeroUsize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sleeper: Option<Arc<dyn Sleeper>>,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl Setup {
    fn renew_registry(&mut self) {
        if self.own_registry {
            let config = registry::Config::default();
            let config = config.clock(Arc::clone(&self.clock)).ids(Arc::clone(&self.ids));
            self.registry = AgentRegistry::with_config(config);
        }
    }
}

impl Orchestrator {
    /// Sessions of this role, in this phase. An empty role is refused when a session opens.
    pub fn new(role: impl Into<Arc<str>>, phase: impl Into<Arc<str>>) -> Self {
        #[cfg(feature = "tokio")]
        let sleeper: Option<Arc<dyn Sleeper>> = Some(Arc::new(crate::TokioSleeper));
        #[cfg(not(feature = "tokio"))]
        let sleeper = None;
        let setup = Setup {
            role: role.into(),
            phase: phase.into(),
            project_id: None,
            labels: None,
            registry: AgentRegistry::new(),
            own_registry: true,
            permissions: None,
            breaker: None,
            policy: None,
            gate: None,
            guardrails: Guardrails::default(),
            budget: None,
            pricing: PricingTable::global().clone(),
            max_iterations: DEFAULT_MAX_ITERATIONS,
            deadline: None,
            recipes: Recipes::default(),
            recovery: None,
            classifier: with_own_rules(Classifier::default()),
            event_sink: None,
            usage_sink: None,
            event_log: DEFAULT_EVENT_LOG,
            clock: Arc::new(SystemClock),
            sleeper,
            ids: Arc::new(RandomIds),
        };
        Self { setup: Arc::new(setup) }
    }

    /// Opens a session as a value.
    ///
    /// End it with [`finish`](OrchestrationSession::finish); dropping it cancels it.
    ///
    /// # Errors
    ///
    /// [`OpenSessionError`] if the registry refuses the worker: an empty role, or no free id.
    pub fn session(&self) -> Result<OrchestrationSession, OpenSessionError> {
        OrchestrationSession::open(&self.setup)
    }

    /// Opens a session, runs `body` in it, and ends the session as `body` ended.
    ///
    /// An error of `body` fails the session, a panic too; dropping the future cancels it. Any
    /// error converts into [`BoxError`], so `?` works on all of them.
    pub async fn run<T>(
        &self,
        body: impl AsyncFnOnce(&OrchestrationSession) -> Result<T, BoxError>,
    ) -> Report<T> {
        match self.session() {
            Ok(session) => {
                let result = session.guard(body).await;
                session.finish(result)
            }
            Err(error) => Report::unopened(Summary::unopened(&self.setup, &error), error),
        }
    }

    /// [`run`](Self::run) for threads.
    pub fn run_blocking<T>(
        &self,
        body: impl FnOnce(&OrchestrationSession) -> Result<T, BoxError>,
    ) -> Report<T> {
        match self.session() {
            Ok(session) => {
                let result = session.guard_blocking(body);
                session.finish(result)
            }
            Err(error) => Report::unopened(Summary::unopened(&self.setup, &error), error),
        }
    }

    /// Opens a session on the worker that a handoff registered, in the handoff's phase and for
    /// its project. A worker can be claimed once.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Role`] if the handoff is for another role, [`AcceptError::Claim`] if the
    /// worker was claimed before, ended unclaimed, or is unknown to this orchestrator's
    /// [`registry`](Self::registry): both sides must share one.
    pub fn accept(&self, handoff: &Handoff) -> Result<OrchestrationSession, AcceptError> {
        if *self.setup.role != *handoff.target_role {
            return Err(AcceptError::Role {
                expected: handoff.target_role.to_string(),
                found: self.setup.role.to_string(),
            });
        }
        let worker = self.setup.registry.claim(&handoff.target_worker_id)?;
        Ok(OrchestrationSession::adopt(&self.setup, &worker))
    }

    /// The registry its workers are in.
    #[doc(alias = "agent_registry")]
    pub fn shared_registry(&self) -> &AgentRegistry {
        &self.setup.registry
    }

    /// The role of its sessions.
    pub fn role(&self) -> &str {
        &self.setup.role
    }
}

impl fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator")
            .field("role", &self.setup.role)
            .field("phase", &self.setup.phase)
            .field("project_id", &self.setup.project_id)
            .finish_non_exhaustive()
    }
}

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

    /// The rules behind [`evaluate_policy`](OrchestrationSession::evaluate_policy).
    #[must_use]
    pub fn policy(self, engine: impl Into<Arc<PolicyEngine>>) -> Self {
        self.set(|setup| setup.policy = Some(engine.into()))
    }

    /// The gate behind [`evaluate_gate`](OrchestrationSession::evaluate_gate).
    #[must_use]
    pub fn quality_gate(self, gate: QualityGate) -> Self {
        self.set(|setup| setup.gate = Some(gate))
    }

    /// Adds a guardrail around tools, and around the turns that ask for it.
    #[must_use]
    pub fn guardrail(self, guardrail: impl Guardrail + 'static) -> Self {
        self.set(|setup| setup.guardrails.push(guardrail))
    }

    /// Adds a guardrail that has to wait, such as a moderation call.
    ///
    /// In blocking tools and turns it is polled on the calling thread; what it needs of a
    /// runtime must be entered there.
    #[must_use]
    pub fn async_guardrail(self, guardrail: impl AsyncGuardrail + 'static) -> Self {
        self.set(|setup| setup.guardrails.push_async(guardrail))
    }

    /// What each session may spend, from an account of its own.
    #[must_use]
    pub fn budget(self, budget: Budget) -> Self {
        self.set(|setup| setup.budget = Some(budget))
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
        self.set(|setup| setup.recipes = recipes)
    }

    /// Who carries out the steps of a recipe after a failed turn. Without one, a step counts as
    /// taken.
    #[must_use]
    pub fn recovery_handler(self, handler: impl RecoveryHandler + 'static) -> Self {
        self.set(|setup| setup.recovery = Some(Arc::new(handler)))
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

    /// How many events, and how many recovery events, a session keeps for its summary. Sinks get
    /// all of them.
    #[must_use]
    pub fn event_log(self, events: NonZeroUsize) -> Self {
        self.set(|setup| setup.event_log = events)
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
