//! Reports of sessions and drains.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use runtime_events::{AgentEvent, without_secrets};
use runtime_lifecycle::{AgentStatus, AgentWorker};
use runtime_resilience::{RecoveryEvent, RecoveryEventType};
use runtime_usage::{AccountStatement, UsageSummary, Usd};
use serde::Serialize;

use crate::error::BoxError;

/// The result of a session's body, and the session's summary.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "the report has the result of the session"]
pub struct Report<T> {
    /// The result of the body.
    pub result: Result<T, BoxError>,
    /// The state of the session at its end.
    pub summary: Summary,
}

/// A snapshot of a session, with the keys of the Python original and more.
///
/// `Display` writes a few lines for a terminal; JSON has all fields.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The worker and its log.
    pub worker: AgentWorker,
    /// Turns, tokens and cost.
    pub usage: UsageSummary,
    /// The cost of each model.
    pub per_model_cost: BTreeMap<Arc<str>, Usd>,
    /// The last recovery events.
    pub recovery_events: Vec<RecoveryEvent>,
    /// The last events of the session.
    pub agent_events: Vec<Arc<AgentEvent>>,
    /// The session's id.
    pub session_id: Arc<str>,
    /// Whether a shutdown cancelled the session, not a user.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shutdown: bool,
    /// The number of requested turns, including refused ones, and those of sessions that handed over to
    /// this one.
    pub iterations: u32,
    /// The session's budget, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<AccountStatement>,
    /// The budgets above the session's, from the nearest to the topmost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets_above: Vec<AccountStatement>,
    /// The number of emitted events. `agent_events` has the last of them.
    pub events_emitted: u64,
    /// The number of events that are no longer kept.
    pub events_dropped: u64,
    /// The number of events and usage records that a sink failed to take.
    pub sink_failures: u64,
}

impl Summary {
    /// The status of the session's worker.
    pub fn status(&self) -> AgentStatus {
        self.worker.status()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worker = &self.worker;
        let by = if self.shutdown { " by a shutdown" } else { "" };
        let (role, phase) = (without_secrets(worker.role()), without_secrets(worker.phase()));
        writeln!(f, "{role} in {phase}: {}{by}", worker.status())?;
        if let Some(error) = worker.last_error() {
            writeln!(f, "  error     {}", error.message)?;
        }
        let usage = &self.usage;
        let (turns, s) = (usage.turns, if usage.turns == 1 { "" } else { "s" });
        let (read, written) = (usage.total_input_tokens, usage.total_output_tokens);
        let cost = usage.total_cost_usd;
        write!(f, "  usage     {turns} turn{s}, {read} tokens in, {written} out, {cost}")?;
        if usage.unpriced_turns > 0 {
            write!(f, "; {} without a price", usage.unpriced_turns)?;
        }
        writeln!(f)?;
        for (model, cost) in &self.per_model_cost {
            writeln!(f, "  model     {model}: {cost}")?;
        }
        for budget in self.budget.iter().chain(&self.budgets_above) {
            writeln!(f, "  budget    {}", budget.headline())?;
        }
        for recovery in &self.recovery_events {
            let said = match recovery.event_type {
                // The recovery is pending or has failed.
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

/// The result of a drain. `Display` writes a few lines for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "the report has the sessions left over"]
pub struct Drained {
    /// The number of sessions that came to their own end during the drain: completed, failed, or
    /// cancelled by a user.
    pub ended: u64,
    /// The other sessions, in the order of their opening: cancelled by the shutdown, or still stuck
    /// in code that cannot be interrupted.
    pub left_over: Vec<LeftOver>,
    /// Whether all sessions had ended within the timeout.
    pub in_time: bool,
    /// The number of sessions whose last event is missing in their sink: it failed to take the
    /// event, or had not returned when the drain did.
    pub undelivered: u64,
    /// The errors of sinks that were not flushed. A flush fails as well if it takes longer than a
    /// second.
    pub sink_failures: Vec<String>,
}

/// A session that a drain cancelled or left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeftOver {
    /// The session id in its events.
    pub session_id: Arc<str>,
    /// The id of the session's worker.
    pub worker_id: Arc<str>,
    /// The role of the session's agent.
    pub role: Arc<str>,
    /// The phase of the session's work.
    pub phase: Arc<str>,
    /// The project of the session.
    pub project_id: Option<i64>,
    /// The status at its end: `cancelled`, unless the session is only [stuck](Self::stuck).
    pub status: AgentStatus,
    /// The number of turns and tools that were running at the end.
    pub in_flight: u32,
    /// Whether the session was waiting for input at the end.
    pub waiting_for_input: bool,
    /// Whether the session was still in code that cannot be interrupted, such as a call on a thread
    /// or a sink, when the drain returned.
    pub stuck: bool,
    /// Whether the last event of the session is missing in its sink.
    pub undelivered: bool,
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = if self.in_time { "in time" } else { "late" };
        write!(f, "drained {time}: {} ended, {} left over", self.ended, self.left_over.len())?;
        match self.undelivered {
            0 => {}
            1 => f.write_str(", 1 last event undelivered")?,
            events => write!(f, ", {events} last events undelivered")?,
        }
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
        if self.undelivered {
            f.write_str(", last event undelivered")?;
        }
        Ok(())
    }
}
