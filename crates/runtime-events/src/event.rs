//! One thing that happened to an agent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Timelike, Utc};

use crate::data::Data;
use crate::failure::AgentFailureClass;
use crate::name::{AgentEventName, AgentEventStatus};
use crate::span::{SpanId, SpanOutcome};
use crate::time::{Clock, SystemClock};

/// What a caller ties to all events of an orchestrator or a session: tenant, user, request.
pub type Labels = BTreeMap<String, String>;

/// The thread of a durable agent and the number of its life, by the labels `thread` and `life` that all events
/// of the life have. `None` of any other agent.
///
/// A log that outlives processes has the events of all lives. Those of one thread are one stream, life by
/// life:
///
/// ```
/// use std::sync::Arc;
/// use runtime_events::{AgentEvent, Labels, thread_of};
///
/// let event = |thread: &str, life: &str| {
///     let labels = [("thread", thread), ("life", life)].map(|(k, v)| (k.to_owned(), v.to_owned()));
///     let mut event = AgentEvent::started("clerk", "orders");
///     event.labels = Some(Arc::new(Labels::from(labels)));
///     event
/// };
/// let log = [event("order-1", "1"), event("order-2", "1"), event("order-1", "2")];
///
/// let life = |event: &AgentEvent| match event.labels.as_deref().and_then(thread_of) {
///     Some(("order-1", life)) => Some(life),
///     _ => None,
/// };
/// assert_eq!(log.iter().filter_map(life).collect::<Vec<_>>(), [1, 2]);
/// ```
pub fn thread_of(labels: &Labels) -> Option<(&str, u32)> {
    Some((labels.get("thread")?, labels.get("life")?.parse().ok()?))
}

/// A typed lifecycle event.
///
/// The first nine fields are the original's. The envelope after them places the event in
/// its session; all of it is left out of the JSON while unset.
///
/// Texts are shared (`Arc<str>`), so that the events of a run do not copy its names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AgentEvent {
    /// What happened.
    pub event: AgentEventName,
    /// How things stand now.
    pub status: AgentEventStatus,
    /// When, by the wall clock, in whole microseconds.
    pub emitted_at: DateTime<Utc>,
    /// The role of the agent.
    pub role: Option<Arc<str>>,
    /// The phase the agent works in.
    pub phase: Option<Arc<str>>,
    /// The project the agent works for.
    pub project_id: Option<i64>,
    /// How it failed, where it did.
    pub failure_class: Option<AgentFailureClass>,
    /// One line for people.
    pub detail: Option<Cow<'static, str>>,
    /// Facts for programs.
    pub data: Option<Data>,
    /// The session that emitted it.
    pub session_id: Option<Arc<str>>,
    /// Its place in the session, counted from 1 without gaps.
    pub seq: Option<u64>,
    /// When, since the session opened, by the monotonic clock: for durations, which the wall clock
    /// cannot tell.
    pub elapsed: Option<Duration>,
    /// The span it begins, ends or belongs to.
    pub span: Option<SpanId>,
    /// The span around that span.
    pub parent: Option<SpanId>,
    /// How the span ended. Only an event that carries this ends its span.
    pub outcome: Option<SpanOutcome>,
    /// The caller's labels.
    pub labels: Option<Arc<Labels>>,
}

impl AgentEvent {
    /// An event with nothing set but what happened, how things stand and when.
    ///
    /// What is finer than a microsecond is cut off `at`, so that an event survives its JSON.
    #[inline]
    pub fn new(event: AgentEventName, status: AgentEventStatus, at: DateTime<Utc>) -> Self {
        Self {
            event,
            status,
            emitted_at: micros(at),
            role: None,
            phase: None,
            project_id: None,
            failure_class: None,
            detail: None,
            data: None,
            session_id: None,
            seq: None,
            elapsed: None,
            span: None,
            parent: None,
            outcome: None,
            labels: None,
        }
    }

    fn now(event: AgentEventName, status: AgentEventStatus, phase: impl Into<Arc<str>>) -> Self {
        Self::new(event, status, SystemClock.utc_now()).with_phase(phase)
    }

    /// An agent began: `agent.started`, running.
    pub fn started(role: impl Into<Arc<str>>, phase: impl Into<Arc<str>>) -> Self {
        Self::now(AgentEventName::AgentStarted, AgentEventStatus::Running, phase).with_role(role)
    }

    /// An agent finished: `agent.completed`, completed.
    pub fn completed(role: impl Into<Arc<str>>, phase: impl Into<Arc<str>>) -> Self {
        Self::now(AgentEventName::AgentCompleted, AgentEventStatus::Completed, phase)
            .with_role(role)
    }

    /// An agent failed: `agent.failed`, failed.
    pub fn failed(
        role: impl Into<Arc<str>>,
        phase: impl Into<Arc<str>>,
        class: AgentFailureClass,
    ) -> Self {
        Self::now(AgentEventName::AgentFailed, AgentEventStatus::Failed, phase)
            .with_role(role)
            .with_failure_class(class)
    }

    /// A phase began: `phase.started`, running.
    pub fn phase_started(phase: impl Into<Arc<str>>) -> Self {
        Self::now(AgentEventName::PhaseStarted, AgentEventStatus::Running, phase)
    }

    /// A quality gate was satisfied: `phase.gate_passed`, green.
    pub fn gate_passed(phase: impl Into<Arc<str>>) -> Self {
        Self::now(AgentEventName::PhaseGatePassed, AgentEventStatus::Green, phase)
    }

    /// A quality gate was not satisfied: `phase.gate_failed`, red.
    pub fn gate_failed(phase: impl Into<Arc<str>>) -> Self {
        Self::now(AgentEventName::PhaseGateFailed, AgentEventStatus::Red, phase)
    }

    /// Recovery was tried: `agent.recovery.attempted`, running.
    pub fn recovery_attempted(role: impl Into<Arc<str>>, phase: impl Into<Arc<str>>) -> Self {
        Self::now(AgentEventName::RecoveryAttempted, AgentEventStatus::Running, phase)
            .with_role(role)
    }
}

/// Builders. Each but `stamp` hands the event on.
impl AgentEvent {
    /// Sets the time. What is finer than a microsecond is cut off, as by [`new`](Self::new).
    #[inline]
    pub fn stamp(&mut self, at: DateTime<Utc>) {
        self.emitted_at = micros(at);
    }

    /// Sets the role.
    #[must_use]
    pub fn with_role(mut self, role: impl Into<Arc<str>>) -> Self {
        self.role = Some(role.into());
        self
    }

    /// Sets the phase.
    #[must_use]
    pub fn with_phase(mut self, phase: impl Into<Arc<str>>) -> Self {
        self.phase = Some(phase.into());
        self
    }

    /// Sets the project.
    #[must_use]
    pub const fn with_project(mut self, project_id: i64) -> Self {
        self.project_id = Some(project_id);
        self
    }

    /// Sets the failure class.
    #[must_use]
    pub const fn with_failure_class(mut self, class: AgentFailureClass) -> Self {
        self.failure_class = Some(class);
        self
    }

    /// Sets the line for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sets the facts for programs.
    #[must_use]
    #[inline]
    pub fn with_data(mut self, data: impl Into<Data>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Sets the span this event belongs to.
    #[must_use]
    #[inline]
    pub const fn with_span(mut self, span: SpanId, parent: Option<SpanId>) -> Self {
        self.span = Some(span);
        self.parent = parent;
        self
    }

    /// Says how the span ended.
    #[must_use]
    #[inline]
    pub const fn with_outcome(mut self, outcome: SpanOutcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Whether it is the last event of its session. Another `agent.failed` may tell that a budget is exceeded.
    pub const fn ends_session(&self) -> bool {
        matches!(self.event, AgentEventName::AgentCompleted | AgentEventName::AgentFailed)
            && self.outcome.is_some()
    }
}

/// `at` without what is finer than a microsecond.
#[inline]
fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    let local = at.naive_utc();
    let nanos = local.nanosecond();
    if nanos.is_multiple_of(1_000) {
        return at;
    }
    local.with_nanosecond(nanos - nanos % 1_000).map_or(at, |local| local.and_utc())
}
