//! [`Level`]: the importance of an event.

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, SpanOutcome};

/// The importance of an event to a person who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the levels that logs have")]
pub enum Level {
    /// A check or a wait.
    Debug,
    /// The normal course of a session.
    Info,
    /// Something failed, was refused, or may be soon.
    Warn,
    /// An agent failed, code panicked, or events are lost.
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
            // A cancellation is a request that was followed.
            Name::AgentFailed if event.status == AgentEventStatus::Cancelled => Self::Warn,
            Name::AgentFailed
            | Name::RecoveryFailed
            | Name::RecoveryEscalated
            | Name::LogDropped => Self::Error,
            Name::AgentBlocked
            | Name::BreakerChanged
            | Name::BudgetMark
            | Name::FleetDegraded
            | Name::LogRecovered
            | Name::RecoveryAttempted
            | Name::RecoveryProviderSwitched
            | Name::ToolInDoubt => Self::Warn,
            // The event of the failure itself follows.
            Name::StatusChanged => Self::Debug,
            _ if Self::speaks_of_failure(event) => Self::Warn,
            Name::WaitStarted
            | Name::WaitEnded
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
