//! [`Level`]: how much an event matters.

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, SpanOutcome};

/// How much an event matters to a person who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the levels that logs have")]
pub enum Level {
    /// What was looked at and waited for on the way.
    Debug,
    /// The course of things.
    Info,
    /// Something failed, was refused, or may soon be.
    Warn,
    /// An agent failed, something panicked, or events are lost.
    Error,
}

impl Level {
    /// The level of an event, by its name, its status and its outcome.
    ///
    /// ```
    /// use runtime_events::{AgentEvent, AgentFailureClass};
    /// use runtime_sinks::Level;
    ///
    /// assert_eq!(Level::of(&AgentEvent::started("writer", "draft")), Level::Info);
    /// let failed = AgentEvent::failed("writer", "draft", AgentFailureClass::LlmError);
    /// assert_eq!(Level::of(&failed), Level::Error);
    /// ```
    pub fn of(event: &AgentEvent) -> Self {
        use AgentEventName as Name;
        if event.outcome == Some(SpanOutcome::Panicked) {
            return Self::Error;
        }
        match event.event {
            // One that was cancelled did as it was told.
            Name::AgentFailed if event.status == AgentEventStatus::Cancelled => Self::Warn,
            Name::AgentFailed
            | Name::RecoveryFailed
            | Name::RecoveryEscalated
            | Name::LogDropped => Self::Error,
            Name::AgentBlocked
            | Name::BreakerChanged
            | Name::BudgetMark
            | Name::LogRecovered
            | Name::RecoveryAttempted
            | Name::RecoveryProviderSwitched => Self::Warn,
            _ if Self::speaks_of_failure(event) => Self::Warn,
            Name::WaitStarted
            | Name::WaitEnded
            | Name::StatusChanged
            | Name::GuardrailChecked
            | Name::PermissionChecked
            | Name::PolicyDecided
            | Name::AttemptStarted
            | Name::HookPreTool
            | Name::HookPostTool => Self::Debug,
            _ => Self::Info,
        }
    }

    const fn speaks_of_failure(event: &AgentEvent) -> bool {
        event.failure_class.is_some()
            || matches!(event.status, AgentEventStatus::Failed | AgentEventStatus::Red)
            || matches!(event.outcome, Some(SpanOutcome::Failed | SpanOutcome::TimedOut))
    }
}
