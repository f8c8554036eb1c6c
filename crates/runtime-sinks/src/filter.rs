//! [`Filter`]: which events a sink is given, and in whose words.

use std::sync::Arc;

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass};

use crate::level::Level;
use crate::sink::{EventSink, SinkError};
use crate::stats::SinkStats;

/// Says which events pass: those that meet each condition that was set.
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
#[must_use = "a filter does nothing until it is put before a sink"]
pub struct Filter {
    only: Option<Vec<AgentEventName>>,
    without: Vec<AgentEventName>,
    least: Option<Level>,
    classes: Option<Vec<AgentFailureClass>>,
    /// Whether what passes is put into the words of the original.
    original: bool,
}

impl Filter {
    /// Every event passes.
    pub const fn all() -> Self {
        Self { only: None, without: Vec::new(), least: None, classes: None, original: false }
    }

    /// What no log should miss: how agents began and ended, what was refused and decided, budgets,
    /// handoffs, and what sinks say of themselves.
    pub fn critical() -> Self {
        Self::all().names(CRITICAL.iter().copied())
    }

    /// What the Python package techrevati-runtime 0.1.0 can read, as it would have written it: only
    /// events whose names it knows, without the envelope. A status or failure class that it does not
    /// know becomes the nearest one that it does: `failed`, and `unknown`.
    pub fn original_vocabulary() -> Self {
        let filter = Self::all().names(ORIGINAL.iter().copied());
        Self { original: true, ..filter }
    }

    /// Only events of these names pass.
    pub fn names(mut self, names: impl IntoIterator<Item = AgentEventName>) -> Self {
        self.only = Some(names.into_iter().collect());
        self
    }

    /// Events of these names do not pass.
    pub fn without(mut self, names: impl IntoIterator<Item = AgentEventName>) -> Self {
        self.without.extend(names);
        self
    }

    /// Only events of this level, or above, pass.
    pub const fn at_least(mut self, level: Level) -> Self {
        self.least = Some(level);
        self
    }

    /// Only events of a failure of one of these classes pass.
    pub fn failures(mut self, classes: impl IntoIterator<Item = AgentFailureClass>) -> Self {
        self.classes = Some(classes.into_iter().collect());
        self
    }

    /// Puts the filter before a sink.
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

    /// The event, if it passes, in the words that the filter is for.
    pub fn apply(&self, event: &Arc<AgentEvent>) -> Option<Arc<AgentEvent>> {
        self.passes(event)
            .then(|| if self.original { Arc::new(original(event)) } else { Arc::clone(event) })
    }
}

/// A sink that gets what passes a [`Filter`].
///
/// A gap in the numbers of a session is then no sign of a loss.
#[derive(Clone, Debug)]
pub struct Filtered<S> {
    filter: Filter,
    sink: S,
}

impl<S> Filtered<S> {
    /// The sink behind the filter.
    pub const fn sink(&self) -> &S {
        &self.sink
    }
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

    /// Of those events that passed.
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
    AgentEventName::BudgetMark,
    AgentEventName::GuardrailChecked,
    AgentEventName::HandedOver,
    AgentEventName::PermissionChecked,
    AgentEventName::RecoveryEscalated,
    AgentEventName::LogOpened,
    AgentEventName::LogRecovered,
    AgentEventName::LogRotated,
    AgentEventName::LogDropped,
];

const ORIGINAL: &[AgentEventName] = &[
    AgentEventName::AgentStarted,
    AgentEventName::AgentReady,
    AgentEventName::AgentBlocked,
    AgentEventName::AgentToolCalled,
    AgentEventName::AgentToolCompleted,
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
