//! What the sessions of an agent have in common.

mod drain;
mod settings;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use runtime_events::{Clock, IdSource, Labels, RandomIds, ScopeHook, Sleeper, SystemClock};
use runtime_lifecycle::{AgentRegistry, Handoff, RegistryConfig};
use runtime_policy::{Guardrails, PermissionEnforcer, PolicyEngine, QualityGate};
use runtime_resilience::hedge::Hedge;
use runtime_resilience::rate::RateLimiter;
use runtime_resilience::retry_budget::RetryBudget;
use runtime_resilience::route::Routes;
use runtime_resilience::{Backoff, CircuitBreaker, Classifier, Recipes, RecoveryHandler};
use runtime_sinks::{EventSink, UsageSink};
use runtime_usage::{Account, Limit, PricingTable, UsualOutput};

use crate::capture::Capture;
use crate::error::{AcceptError, BoxError, ChildSessionError, OpenSessionError};
use crate::escalation::Alert;
use crate::failure::with_own_rules;
use crate::first_tokens::FirstTokensByModel;
use crate::session::OrchestrationSession;
use crate::session::roster::Roster;
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
/// | [`shutdown`](Self::shutdown) | one of its own, which its clones share |
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
    pub(crate) limiter: Option<RateLimiter>,
    pub(crate) routes: Option<Routes>,
    pub(crate) policy: Option<Arc<PolicyEngine>>,
    pub(crate) gate: Option<QualityGate>,
    pub(crate) guardrails: Guardrails,
    pub(crate) budget: Option<Limit>,
    pub(crate) account: Option<Account>,
    /// How long answers usually are: what all its sessions have seen.
    pub(crate) usual: UsualOutput,
    pub(crate) pricing: PricingTable,
    pub(crate) max_iterations: u32,
    pub(crate) deadline: Option<Timeout>,
    pub(crate) recipes: Recipes,
    pub(crate) recovery: Option<Arc<dyn RecoveryHandler>>,
    pub(crate) backoff: Backoff,
    pub(crate) retry_budget: RetryBudget,
    pub(crate) hedge: Option<Hedge>,
    /// How long first tokens take: what all its sessions have seen.
    pub(crate) first_tokens: FirstTokensByModel,
    pub(crate) escalation: Option<Arc<Alert>>,
    pub(crate) classifier: Classifier,
    pub(crate) event_sink: Option<Arc<dyn EventSink>>,
    pub(crate) usage_sink: Option<Arc<dyn UsageSink>>,
    pub(crate) event_log: NonZeroUsize,
    pub(crate) keeps_events: bool,
    pub(crate) scope: Option<Arc<dyn ScopeHook>>,
    pub(crate) capture: Option<Capture>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sleeper: Option<Arc<dyn Sleeper>>,
    pub(crate) ids: Arc<dyn IdSource>,
    /// The open sessions of this orchestrator, its clones, and whoever shuts down with it.
    pub(crate) roster: Arc<Roster>,
}

impl Setup {
    fn renew_registry(&mut self) {
        if self.own_registry {
            let config = RegistryConfig::default();
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
            limiter: None,
            routes: None,
            policy: None,
            gate: None,
            guardrails: Guardrails::default(),
            budget: None,
            account: None,
            usual: UsualOutput::new(),
            pricing: PricingTable::global().clone(),
            max_iterations: DEFAULT_MAX_ITERATIONS,
            deadline: None,
            recipes: Recipes::default(),
            recovery: None,
            backoff: Backoff::default(),
            retry_budget: RetryBudget::default(),
            hedge: None,
            first_tokens: FirstTokensByModel::default(),
            escalation: None,
            classifier: with_own_rules(Classifier::default()),
            event_sink: None,
            usage_sink: None,
            event_log: DEFAULT_EVENT_LOG,
            keeps_events: true,
            scope: None,
            capture: None,
            clock: Arc::new(SystemClock),
            sleeper,
            ids: Arc::new(RandomIds),
            roster: Arc::default(),
        };
        Self { setup: Arc::new(setup) }
    }

    /// Opens a session as a value.
    ///
    /// End it with [`finish`](OrchestrationSession::finish); dropping it cancels it.
    ///
    /// # Errors
    ///
    /// [`OpenSessionError`] if the registry refuses the worker: an empty role, or no free id; or if
    /// the orchestrator [drains](Self::drain).
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
    /// [`registry`](Self::registry): both sides must share one; [`AcceptError::ShuttingDown`] if it
    /// [drains](Self::drain).
    pub fn accept(&self, handoff: &Handoff) -> Result<OrchestrationSession, AcceptError> {
        if *self.setup.role != *handoff.target_role {
            return Err(AcceptError::Role {
                expected: handoff.target_role.to_string(),
                found: self.setup.role.to_string(),
            });
        }
        self.setup.roster.accepting()?;
        let worker = self.setup.registry.claim(&handoff.target_worker_id)?;
        Ok(OrchestrationSession::adopt(&self.setup, &worker)?)
    }

    /// Opens a session below another one: its span is inside the parent's, it has what is left of
    /// the parent's budget (of that, no more than this orchestrator's
    /// [`budget`](Self::budget)), and no later a deadline.
    ///
    /// Otherwise it is a session of this orchestrator. It does not end with its parent: the parent
    /// waits for it, or cancels it through its [handle](OrchestrationSession::handle).
    ///
    /// # Errors
    ///
    /// [`ChildSessionError`] if the parent is over or past its deadline, if its orchestrator or this
    /// one [drains](Self::drain), if this one has a [shared account](Self::account) that is not
    /// among the parent's, or if the registry refuses the worker.
    pub fn session_below(
        &self,
        parent: &OrchestrationSession,
    ) -> Result<OrchestrationSession, ChildSessionError> {
        parent.open_child(Setup::clone(&self.setup))
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
