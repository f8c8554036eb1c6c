//! What came of a session or of a drain, for people and programs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use runtime_events::AgentEvent;
use runtime_lifecycle::{AgentStatus, AgentWorker};
use runtime_resilience::{RecoveryEvent, RecoveryEventType};
use runtime_usage::{AccountStatement, UsageSummary, Usd};
use serde::Serialize;

use crate::error::BoxError;

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

/// What came of a drain. Displayed, it is a few lines for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "what was left is in here"]
pub struct Drained {
    /// How many sessions have ended since draining began as they would have without it: completed,
    /// failed, or cancelled by a user.
    pub ended: u64,
    /// The other ones, in the order in which they were opened: cancelled as shutdown, be it that
    /// their time was over or that they gave up at a refusal; or not out of their code yet.
    pub left_over: Vec<LeftOver>,
    /// Whether all sessions had ended when the time was over.
    pub in_time: bool,
    /// What kept sinks from writing what they had buffered.
    pub sink_failures: Vec<String>,
}

/// A session that a drain did not let come to its own end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeftOver {
    /// The session's id, as its events carry it.
    pub session_id: Arc<str>,
    /// The id of its worker.
    pub worker_id: Arc<str>,
    /// The role of its agent.
    pub role: Arc<str>,
    /// The phase it worked in.
    pub phase: Arc<str>,
    /// The project it worked for.
    pub project_id: Option<i64>,
    /// How it ended: `cancelled`, unless it is only [stuck](Self::stuck).
    pub status: AgentStatus,
    /// How many turns and tools were under way when it ended.
    pub in_flight: u32,
    /// Whether it waited for input then.
    pub waiting_for_input: bool,
    /// Whether it was still in code that cannot be interrupted when the drain returned, such as a
    /// call on a thread. Its last event is not out then.
    pub stuck: bool,
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = if self.in_time { "in time" } else { "late" };
        write!(f, "drained {time}: {} ended, {} left over", self.ended, self.left_over.len())?;
        for left in &self.left_over {
            write!(f, "\n  {left}")?;
        }
        for failure in &self.sink_failures {
            write!(f, "\n  a sink was not flushed: {failure}")?;
        }
        Ok(())
    }
}

impl fmt::Display for LeftOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, phase, session_id, status, .. } = self;
        write!(f, "{role} in {phase}, session {session_id}: {status}")?;
        match self.in_flight {
            0 => {}
            1 => f.write_str(", 1 turn or tool under way")?,
            calls => write!(f, ", {calls} turns or tools under way")?,
        }
        if self.waiting_for_input {
            f.write_str(", waiting for input")?;
        }
        if self.stuck {
            f.write_str(", stuck")?;
        }
        Ok(())
    }
}
