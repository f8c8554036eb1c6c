//! The configuration behind an orchestrator.

use std::sync::Arc;

use runtime_events::{IdSource, Labels, RandomIds, Sleeper, SystemClock};
use runtime_lifecycle::{AgentRegistry, RegistryConfig};
use runtime_policy::{Guardrails, PermissionEnforcer, PolicyEngine, QualityGate};
use runtime_resilience::{CircuitBreaker, RateLimiter, RecoveryContextConfig};
use runtime_usage::{Account, Limit, PricingTable};

use crate::limits::Timeout;
use crate::park::Timers;
use crate::recovery::RecoveryConfig;
use crate::roster::Roster;
use crate::telemetry::TelemetryConfig;
use crate::usual::UsualOutput;

/// The default maximum number of turns.
pub(crate) const DEFAULT_MAX_ITERATIONS: u32 = 25;

/// The fields behind an orchestrator, shared by its sessions.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) role: Arc<str>,
    pub(crate) phase: Arc<str>,
    pub(crate) project_id: Option<i64>,
    pub(crate) labels: Option<Arc<Labels>>,
    pub(crate) registry: AgentRegistry,
    /// Whether the registry was created here, so that it follows the orchestrator's clock and ids.
    pub(crate) own_registry: bool,
    pub(crate) permissions: Option<PermissionEnforcer>,
    pub(crate) breaker: Option<CircuitBreaker>,
    pub(crate) limiter: Option<RateLimiter>,
    pub(crate) policy: Option<Arc<PolicyEngine>>,
    pub(crate) gate: Option<QualityGate>,
    pub(crate) guardrails: Guardrails,
    /// Shared by the accounts of all sessions.
    pub(crate) budget: Option<Arc<Limit>>,
    pub(crate) account: Option<Account>,
    /// The usual length of answers, as all sessions have observed it.
    pub(crate) usual: UsualOutput,
    pub(crate) pricing: PricingTable,
    pub(crate) max_iterations: u32,
    pub(crate) deadline: Option<Timeout>,
    /// Shared by the settings of children.
    pub(crate) recovery: Arc<RecoveryConfig>,
    pub(crate) telemetry: TelemetryConfig,
    /// Shared by the parts of all sessions.
    pub(crate) timers: Arc<Timers>,
    pub(crate) ids: Arc<dyn IdSource>,
    /// The open sessions of all orchestrators that shut down together.
    pub(crate) roster: Arc<Roster>,
}

impl Setup {
    /// The defaults, for sessions of this role in this phase.
    pub(crate) fn new(role: Arc<str>, phase: Arc<str>) -> Self {
        Self {
            role,
            phase,
            project_id: None,
            labels: None,
            registry: AgentRegistry::new(),
            own_registry: true,
            permissions: None,
            breaker: None,
            limiter: None,
            policy: None,
            gate: None,
            guardrails: Guardrails::default(),
            budget: None,
            account: None,
            usual: UsualOutput::default(),
            pricing: PricingTable::global().clone(),
            max_iterations: DEFAULT_MAX_ITERATIONS,
            deadline: None,
            recovery: Arc::default(),
            telemetry: TelemetryConfig::default(),
            timers: Arc::new(Timers { clock: Arc::new(SystemClock), sleeper: default_sleeper() }),
            ids: Arc::new(RandomIds),
            roster: Arc::default(),
        }
    }

    /// The configuration of a session's record of recoveries.
    pub(crate) fn recovery_books(&self) -> RecoveryContextConfig {
        RecoveryContextConfig::default()
            .recipes(self.recovery.recipes.clone())
            .max_events(self.telemetry.event_log.get())
            .clock(Arc::clone(&self.timers.clock))
    }

    /// Gives the orchestrator's clock and ids to the registry, if it was created here.
    pub(crate) fn renew_registry(&mut self) {
        if self.own_registry {
            let config = RegistryConfig::default();
            let config = config.clock(Arc::clone(&self.timers.clock)).ids(Arc::clone(&self.ids));
            self.registry = AgentRegistry::with_config(config);
        }
    }
}

/// An account for the limit, below the shared one if there is one, and whether the account is new.
pub(crate) fn account(
    shared: Option<&Account>,
    limit: Option<Arc<Limit>>,
) -> (Option<Account>, bool) {
    let owned = limit.is_some();
    let account = match (shared, limit) {
        (None, None) => None,
        (Some(shared), None) => Some(shared.clone()),
        (None, Some(limit)) => Some(Account::new(limit)),
        (Some(shared), Some(limit)) => Some(shared.child(limit)),
    };
    (account, owned)
}

/// Tokio's timer, with the feature.
#[cfg_attr(
    feature = "tokio",
    expect(clippy::unnecessary_wraps, reason = "without the feature there is none")
)]
pub(crate) fn default_sleeper() -> Option<Arc<dyn Sleeper>> {
    #[cfg(feature = "tokio")]
    return Some(Arc::new(crate::TokioSleeper));
    #[cfg(not(feature = "tokio"))]
    None
}
