//! [`Filter`]: selects the events for a sink.

use std::sync::Arc;

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass};

use crate::level::Level;
use crate::sink::{EventSink, SinkError, SinkStats};

/// Selects events. An event passes if it meets all conditions that are set.
///
/// ```
/// use std::sync::Arc;
/// use runtime_events::{AgentEvent, AgentFailureClass};
/// use runtime_sinks::{EventSink, Filter, Level, RingBufferEventSink};
///
/// let trouble = RingBufferEventSink::new();
/// let sink = Filter::all().at_least(Level::Warn).before(trouble.clone());
/// sink.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
/// sink.emit(&Arc::new(AgentEvent::failed("writer", "draft", AgentFailureClass::LlmError)))?;
/// assert_eq!(trouble.len(), 1);
/// # Ok::<(), runtime_sinks::SinkError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a filter does nothing until it is before a sink"]
pub struct Filter {
    only: Option<Vec<AgentEventName>>,
    without: Vec<AgentEventName>,
    least: Option<Level>,
    classes: Option<Vec<AgentFailureClass>>,
    /// Whether events are translated to the vocabulary of the Python original.
    original: bool,
}

impl Filter {
    /// A filter that every event passes.
    pub const fn all() -> Self {
        Self { only: None, without: Vec::new(), least: None, classes: None, original: false }
    }

    /// A filter for the events that no log should miss: starts and ends of agents, refusals, checks,
    /// budgets, handoffs, approvals and effects in doubt, the state of a fleet, and the events of sinks
    /// themselves.
    pub fn critical() -> Self {
        Self::all().names(CRITICAL.iter().copied())
    }

    /// A filter for the Python package techrevati-runtime 0.1.0: events whose names it knows, without
    /// their envelope. A status that it does not know becomes `failed`, a failure class `unknown`.
    pub fn original_vocabulary() -> Self {
        let filter = Self::all().names(ORIGINAL.iter().copied());
        Self { original: true, ..filter }
    }

    /// Passes only events with these names.
    pub fn names(mut self, names: impl IntoIterator<Item = AgentEventName>) -> Self {
        self.only = Some(names.into_iter().collect());
        self
    }

    /// Blocks events with these names.
    pub fn without(mut self, names: impl IntoIterator<Item = AgentEventName>) -> Self {
        self.without.extend(names);
        self
    }

    /// Passes only events of this level or a higher one.
    pub const fn at_least(mut self, level: Level) -> Self {
        self.least = Some(level);
        self
    }

    /// Passes only events with one of these failure classes.
    pub fn failures(mut self, classes: impl IntoIterator<Item = AgentFailureClass>) -> Self {
        self.classes = Some(classes.into_iter().collect());
        self
    }

    /// Creates a sink that passes the selected events on to `sink`.
    pub fn before<S: EventSink>(self, sink: S) -> Filtered<S> {
        Filtered { filter: self, sink }
    }

    /// Whether an event passes.
    pub fn passes(&self, event: &AgentEvent) -> bool {
        let name = event.event;
        self.only.as_ref().is_none_or(|only| only.contains(&name))
            && !self.without.contains(&name)
            && self.least.is_none_or(|least| Level::of(event) >= least)
            && self.classes.as_ref().is_none_or(|classes| {
                event.failure_class.is_some_and(|class| classes.contains(&class))
            })
    }

    /// Returns the event if it passes, translated if the filter translates.
    fn apply(&self, event: &Arc<AgentEvent>) -> Option<Arc<AgentEvent>> {
        self.passes(event)
            .then(|| if self.original { Arc::new(original(event)) } else { Arc::clone(event) })
    }
}

/// A sink behind a [`Filter`]. A gap in the sequence numbers of a session is not a loss here.
#[derive(Clone, Debug)]
pub struct Filtered<S> {
    filter: Filter,
    sink: S,
}

impl<S: EventSink> EventSink for Filtered<S> {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.filter.apply(event).map_or(Ok(()), |event| self.sink.emit(&event))
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        let passed: Vec<_> = events.iter().filter_map(|event| self.filter.apply(event)).collect();
        if passed.is_empty() { Ok(()) } else { self.sink.emit_all(&passed) }
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.sink.flush()
    }

    /// The numbers for the events that passed.
    fn stats(&self) -> Option<SinkStats> {
        self.sink.stats()
    }
}

fn original(event: &AgentEvent) -> AgentEvent {
    use AgentFailureClass as Class;
    let status = match event.status {
        AgentEventStatus::Cancelled => AgentEventStatus::Failed,
        status => status,
    };
    let class = event.failure_class.map(|class| match class {
        Class::GovernanceBreach
        | Class::PermissionDenied
        | Class::GuardrailViolation
        | Class::Cancelled => Class::Unknown,
        class => class,
    });
    let mut plain = AgentEvent::new(event.event, status, event.emitted_at);
    plain.role.clone_from(&event.role);
    plain.phase.clone_from(&event.phase);
    plain.project_id = event.project_id;
    plain.failure_class = class;
    plain.detail.clone_from(&event.detail);
    plain.data.clone_from(&event.data);
    plain
}

const CRITICAL: &[AgentEventName] = &[
    AgentEventName::AgentStarted,
    AgentEventName::AgentCompleted,
    AgentEventName::AgentFailed,
    AgentEventName::AgentBlocked,
    AgentEventName::AgentPaused,
    AgentEventName::AgentResumed,
    AgentEventName::ApprovalDecided,
    AgentEventName::ApprovalRequested,
    AgentEventName::ApprovalUsed,
    AgentEventName::BudgetMark,
    AgentEventName::FleetDegraded,
    AgentEventName::FleetRecovered,
    AgentEventName::GuardrailChecked,
    AgentEventName::HandedOver,
    AgentEventName::JournalFenced,
    AgentEventName::PermissionChecked,
    AgentEventName::RecoveryEscalated,
    AgentEventName::ThreadResumed,
    AgentEventName::ToolInDoubt,
    AgentEventName::ToolReconciled,
    AgentEventName::LogOpened,
    AgentEventName::LogRecovered,
    AgentEventName::LogRotated,
    AgentEventName::LogDropped,
];

const ORIGINAL: &[AgentEventName] = &[
    AgentEventName::AgentStarted,
    AgentEventName::AgentReady,
    AgentEventName::AgentBlocked,
    AgentEventName::ToolCalled,
    AgentEventName::ToolCompleted,
    AgentEventName::AgentCompleted,
    AgentEventName::AgentFailed,
    AgentEventName::PhaseStarted,
    AgentEventName::PhaseCompleted,
    AgentEventName::PhaseGateEvaluated,
    AgentEventName::PhaseGatePassed,
    AgentEventName::PhaseGateFailed,
    AgentEventName::RecoveryAttempted,
    AgentEventName::RecoverySucceeded,
    AgentEventName::RecoveryFailed,
    AgentEventName::RecoveryEscalated,
    AgentEventName::RecoveryProviderSwitched,
    AgentEventName::HookPreTool,
    AgentEventName::HookPostTool,
];
