//! What came of a session, for people and programs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use runtime_events::AgentEvent;
use runtime_lifecycle::{AgentStatus, AgentWorker};
use runtime_resilience::{RecoveryEvent, RecoveryEventType};
use runtime_usage::{Account, AccountStatement, UsageSummary, UsageTracker, Usd};
use serde::Serialize;

use crate::error::{BoxError, OpenSessionError};
use crate::orchestrator::Setup;
use crate::session::core::Core;

/// A session's end: what its body returned, and the books.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "the result of the session is in here"]
pub struct Report<T> {
    /// What the body returned.
    pub result: Result<T, BoxError>,
    /// How things stood at the end.
    pub summary: Summary,
}

impl<T> Report<T> {
    pub(crate) fn unopened(summary: Summary, error: OpenSessionError) -> Self {
        Self { result: Err(error.into()), summary }
    }
}

/// An aggregate snapshot of a session, under the original's keys, and what it lacked.
///
/// Displayed, it is a few lines for a terminal; serialised, it is all of it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The worker and its log.
    pub worker: AgentWorker,
    /// Turns, tokens and cost.
    pub usage: UsageSummary,
    /// The cost of each model.
    pub per_model_cost: BTreeMap<Arc<str>, Usd>,
    /// What recovery did: the last events, where it is more than the session keeps.
    pub recovery_events: Vec<RecoveryEvent>,
    /// The last events of the session.
    pub agent_events: Vec<Arc<AgentEvent>>,
    /// The session's id.
    pub session_id: Arc<str>,
    /// Whether a shutdown cancelled the session, and not a user.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shutdown: bool,
    /// How many turns were asked for, refused ones too.
    pub iterations: u32,
    /// The session's budget, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<AccountStatement>,
    /// The budgets above it, from the next to the topmost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets_above: Vec<AccountStatement>,
    /// How many events the session emitted. `agent_events` holds the last of them.
    pub events_emitted: u64,
    /// How many events the session no longer keeps.
    pub events_dropped: u64,
    /// How many events and usage records a sink did not take.
    pub sink_failures: u64,
}

impl Summary {
    pub(crate) fn of(core: &Core) -> Self {
        let (agent_events, events_emitted, event_failures) = core.stream().snapshot();
        let recovery_events = core.recovery().events().cloned().collect();
        let kept = u64::try_from(agent_events.len()).unwrap_or(u64::MAX);
        let mut statements = core.account.iter().flat_map(Account::path).map(Account::statement);
        let (budget, budgets_above) = (statements.next(), statements.collect());
        Self {
            worker: core.worker(),
            usage: core.tracker.summary(),
            per_model_cost: core.tracker.per_model_summary(),
            recovery_events,
            agent_events,
            session_id: Arc::clone(&core.session_id),
            shutdown: core.ended().is_some_and(|end| end.shutdown),
            iterations: core.state().iterations(),
            budget,
            budgets_above,
            events_emitted,
            events_dropped: events_emitted - kept,
            // Relaxed: a count that nothing else depends on.
            sink_failures: event_failures + core.usage_sink_failures.load(Ordering::Relaxed),
        }
    }

    /// The summary of a session that could not be opened.
    pub(crate) fn unopened(setup: &Setup, error: &OpenSessionError) -> Self {
        let (role, phase) = (Arc::clone(&setup.role), Arc::clone(&setup.phase));
        let now = setup.clock.utc_now();
        let mut worker = AgentWorker::new("", role, phase, setup.project_id, now);
        let shutdown = error.is_shutdown();
        let status = if shutdown { AgentStatus::Cancelled } else { AgentStatus::Failed };
        // A new worker may always fail or be cancelled.
        let _ = worker.transition(status, Some(&error.to_string()), now);
        Self {
            worker,
            usage: UsageTracker::new().summary(),
            per_model_cost: BTreeMap::new(),
            recovery_events: Vec::new(),
            agent_events: Vec::new(),
            session_id: "".into(),
            shutdown,
            iterations: 0,
            budget: setup.account.as_ref().map(Account::statement),
            budgets_above: Vec::new(),
            events_emitted: 0,
            events_dropped: 0,
            sink_failures: 0,
        }
    }

    /// How the session's worker stands.
    pub fn status(&self) -> AgentStatus {
        self.worker.status()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worker = &self.worker;
        let by = if self.shutdown { " by a shutdown" } else { "" };
        writeln!(f, "{} in {}: {}{by}", worker.role(), worker.phase(), worker.status())?;
        if let Some(error) = worker.last_error() {
            writeln!(f, "  error     {}", error.message)?;
        }
        let usage = &self.usage;
        writeln!(
            f,
            "  usage     {} turns, {} tokens in, {} out, {}",
            usage.turns, usage.total_input_tokens, usage.total_output_tokens, usage.formatted_cost
        )?;
        for (model, cost) in &self.per_model_cost {
            writeln!(f, "  model     {model}: {cost}")?;
        }
        for budget in self.budget.iter().chain(&self.budgets_above) {
            writeln!(f, "  budget    {}", budget.headline())?;
        }
        for recovery in &self.recovery_events {
            let said = match recovery.event_type {
                // Nothing has come of it yet, or nothing did.
                RecoveryEventType::Attempted | RecoveryEventType::Failed => {
                    recovery.event_type.as_str()
                }
                _ => recovery.result.outcome.as_str(),
            };
            writeln!(f, "  recovery  {}: {said}", recovery.scenario)?;
        }
        if self.sink_failures > 0 {
            writeln!(f, "  sinks     {} deliveries failed", self.sink_failures)?;
        }
        write!(f, "  events    {} emitted", self.events_emitted)?;
        if self.events_dropped > 0 {
            write!(f, ", the last {} kept", self.agent_events.len())?;
        }
        Ok(())
    }
}
