//! The names and statuses of events, as they are written on the wire.

use std::fmt;

use thiserror::Error;

use crate::wire_names;

wire_names! {
    /// What happened.
    ///
    /// Written as a dotted path; the last part is the event's short type. A variant has the words of its
    /// path. `agent` is left out where other words say what the event is about: `agent.started` is
    /// `AgentStarted`, and `agent.tool_called` is `ToolCalled`.
    #[non_exhaustive]
    pub enum AgentEventName: "event name" {
        /// A session opened and its worker runs.
        AgentStarted = "agent.started",
        /// An agent waits for work.
        AgentReady = "agent.ready",
        /// A turn or a tool was refused before it began; `data` says why.
        AgentBlocked = "agent.blocked",
        /// A tool is about to run.
        ToolCalled = "agent.tool_called",
        /// A tool returned, failed, timed out or was dropped.
        ToolCompleted = "agent.tool_completed",
        /// An agent finished its work.
        AgentCompleted = "agent.completed",
        /// An agent failed or was cancelled.
        AgentFailed = "agent.failed",
        /// A model turn was admitted and is about to run.
        TurnStarted = "agent.turn_started",
        /// A model turn was answered.
        TurnCompleted = "agent.turn_completed",
        /// A model turn failed, timed out or was cancelled.
        TurnFailed = "agent.turn_failed",
        /// One attempt at a recovering turn's call was admitted and is about to run.
        AttemptStarted = "agent.attempt_started",
        /// An attempt was answered.
        AttemptCompleted = "agent.attempt_completed",
        /// An attempt failed, timed out or was cancelled.
        AttemptFailed = "agent.attempt_failed",
        /// An agent waits: for room under a rate limit, or for a back-off to pass.
        WaitStarted = "agent.wait_started",
        /// The wait is over.
        WaitEnded = "agent.wait_ended",
        /// The state of an agent's worker changed; `data` says from which to which.
        StatusChanged = "agent.status_changed",
        /// A circuit breaker changed its state; `data` says which, from what to what, and why.
        BreakerChanged = "agent.breaker_changed",
        /// A guardrail looked at something; `data` says at what, and what it found.
        GuardrailChecked = "agent.guardrail_checked",
        /// Whether a role may use a tool was asked; `data` says which, and the answer.
        PermissionChecked = "agent.permission_checked",
        /// The policy was asked; `data` says which rules fired, and what they recommend.
        PolicyDecided = "agent.policy_decided",
        /// An agent handed its work to another; `data` says to whom, and why.
        HandedOver = "agent.handed_over",
        /// What was said, where it was asked to be kept; `data` has it, redacted, and what it is.
        ContentCaptured = "agent.content_captured",
        /// A share of a budget was spent; `data` says of which, and how it stands.
        BudgetMark = "agent.budget_mark",
        /// An agent waits for an answer from outside.
        AgentPaused = "agent.paused",
        /// The answer came and the agent goes on.
        AgentResumed = "agent.resumed",
        /// A life of a thread began, after earlier ones; `data` says which.
        ThreadResumed = "thread.resumed",
        /// Nobody knows whether an earlier life's tool had its effect; `data` says which tool.
        ToolInDoubt = "tool.in_doubt",
        /// A tool in doubt is clear: `data` says how it ended, and who said so.
        ToolReconciled = "tool.reconciled",
        /// A person is asked to approve a tool; `data` says which.
        ApprovalRequested = "approval.requested",
        /// A person has decided, or was silent too long; `data` says what.
        ApprovalDecided = "approval.decided",
        /// A tool begins with its approval, which is used up.
        ApprovalUsed = "approval.used",
        /// Another life has taken the thread over. This one writes nothing more.
        JournalFenced = "journal.fenced",
        /// A member of a fleet cannot reach what the fleet shares; `data` says why. Of no session, as is the next.
        FleetDegraded = "fleet.degraded",
        /// It can again; `data` says for how long it could not.
        FleetRecovered = "fleet.recovered",
        /// A phase began.
        PhaseStarted = "phase.started",
        /// A phase ended.
        PhaseCompleted = "phase.completed",
        /// A quality gate was evaluated.
        PhaseGateEvaluated = "phase.gate_evaluated",
        /// A quality gate was satisfied.
        PhaseGatePassed = "phase.gate_passed",
        /// A quality gate was not satisfied.
        PhaseGateFailed = "phase.gate_failed",
        /// Recovery from a failure was tried.
        RecoveryAttempted = "agent.recovery.attempted",
        /// Recovery worked.
        RecoverySucceeded = "agent.recovery.succeeded",
        /// Recovery did not work.
        RecoveryFailed = "agent.recovery.failed",
        /// Recovery was given up and handed to somebody.
        RecoveryEscalated = "agent.recovery.escalated",
        /// Recovery moved to another provider.
        RecoveryProviderSwitched = "agent.recovery.provider_switched",
        /// A hook runs before a tool.
        HookPreTool = "hook.pre_tool",
        /// A hook runs after a tool.
        HookPostTool = "hook.post_tool",
        /// A sink opened a log. Of no session, as all that a sink says of itself.
        LogOpened = "log.opened",
        /// A sink found a log that was cut off, and has repaired it; `data` says what was lost.
        LogRecovered = "log.recovered",
        /// A sink goes on in another file.
        LogRotated = "log.rotated",
        /// A sink had no room for events; `data` says how many, and of which sessions.
        LogDropped = "log.dropped",
    }
}

impl AgentEventName {
    /// The last part of the name: `failed` of `agent.recovery.failed`.
    pub const fn short(self) -> &'static str {
        const SHORT: [&str; AgentEventName::ALL.len()] = {
            let mut short = [""; AgentEventName::ALL.len()];
            let mut place = 0;
            while place < short.len() {
                short[place] = last_part(AgentEventName::ALL[place].as_str());
                place += 1;
            }
            short
        };
        SHORT[self as usize]
    }
}

const fn last_part(name: &str) -> &str {
    let mut begin = name.len();
    while begin > 0 && name.as_bytes()[begin - 1] != b'.' {
        begin -= 1;
    }
    name.split_at(begin).1
}

wire_names! {
    /// How things stood when the event was emitted.
    #[non_exhaustive]
    pub enum AgentEventStatus: "event status" {
        /// Under way.
        Running = "running",
        /// Waiting for work.
        Ready = "ready",
        /// Held up by a rule or a missing answer.
        Blocked = "blocked",
        /// A check was satisfied.
        Green = "green",
        /// A check was not satisfied.
        Red = "red",
        /// Ended well.
        Completed = "completed",
        /// Ended badly.
        Failed = "failed",
        /// Ended before its time, by request.
        Cancelled = "cancelled",
    }
}

/// The most words that an error lists. A longer list would bury the word that was found.
const LISTED: usize = 20;

/// A word that is not in the vocabulary.
///
/// ```
/// use runtime_events::AgentEventStatus;
///
/// let error = "purple".parse::<AgentEventStatus>().unwrap_err();
/// assert!(error.to_string().starts_with("unknown event status `purple`, expected `running`, "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown {what} `{name}`{}", Expected(", expected ", .expected))]
#[non_exhaustive]
pub struct UnknownNameError {
    /// The kind of word that was expected.
    pub what: &'static str,
    /// The word that was found.
    pub name: String,
    /// The words that are accepted.
    pub expected: &'static [&'static str],
}

impl UnknownNameError {
    #[doc(hidden)]
    pub fn new(what: &'static str, name: &str, expected: &'static [&'static str]) -> Self {
        Self { what, name: name.to_owned(), expected }
    }

    /// What serde says was expected where there is no word at all.
    #[doc(hidden)]
    pub fn expecting(
        what: &str,
        expected: &'static [&'static str],
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        write!(f, "the {what} as a string{}", Expected(": ", expected))
    }
}

/// "`a`, `b` or `c`", behind a lead; nothing where there are too many to list.
struct Expected(&'static str, &'static [&'static str]);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(lead, words) = self;
        if words.len() > LISTED {
            return Ok(());
        }
        f.write_str(lead)?;
        for (place, word) in words.iter().enumerate() {
            let last = place + 1 == words.len();
            let separator = if place == 0 {
                ""
            } else if last {
                " or "
            } else {
                ", "
            };
            write!(f, "{separator}`{word}`")?;
        }
        Ok(())
    }
}
