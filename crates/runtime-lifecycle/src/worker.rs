//! [`AgentWorker`]: the state and the history of one agent.

mod log;

use std::num::NonZeroUsize;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_events::{format_utc, without_secrets};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

pub use self::log::AgentWorkerEvent;
pub(crate) use self::log::DEFAULT_HISTORY;
use self::log::Log;
use crate::status::{AgentStatus, InvalidTransitionError};

/// The identity, the state and the history of one agent.
///
/// It is a plain state machine, which takes the time as an argument and has no lock. A clone shares its
/// contents with the original until one of them changes, so clones are cheap.
///
/// The history keeps the newest transitions, 256 by default. [`events_dropped`](Self::events_dropped)
/// is the number of older ones. Sequence numbers keep counting.
///
/// ```
/// use chrono::DateTime;
/// use runtime_lifecycle::{AgentStatus, AgentWorker};
///
/// let at = DateTime::UNIX_EPOCH;
/// let mut worker = AgentWorker::new("writer-draft-1", "writer", "draft", Some(42), at);
/// let event = worker.transition(AgentStatus::Failed, Some("no model"), at)?;
/// assert_eq!((event.seq, event.status), (1, AgentStatus::Failed));
/// assert_eq!(&*worker.last_error().unwrap().message, "no model");
/// assert!(worker.status().is_terminal());
/// # Ok::<(), runtime_lifecycle::InvalidTransitionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentWorker {
    state: Arc<State>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    id: Arc<str>,
    role: Arc<str>,
    phase: Arc<str>,
    project_id: Option<i64>,
    status: AgentStatus,
    retry_count: u32,
    /// Boxed, because few workers fail.
    last_error: Option<Box<LastError>>,
    provider_used: Option<Arc<str>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    log: Log,
}

/// Why a worker failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastError {
    /// The detail of the transition to `FAILED`.
    pub message: Arc<str>,
    /// The time of the transition.
    #[serde(with = "crate::stamp")]
    pub timestamp: DateTime<Utc>,
}

impl AgentWorker {
    /// Creates an idle worker without a history.
    pub fn new(
        id: impl Into<Arc<str>>,
        role: impl Into<Arc<str>>,
        phase: impl Into<Arc<str>>,
        project_id: Option<i64>,
        at: DateTime<Utc>,
    ) -> Self {
        let state = State {
            id: id.into(),
            role: role.into(),
            phase: phase.into(),
            project_id,
            status: AgentStatus::Idle,
            retry_count: 0,
            last_error: None,
            provider_used: None,
            created_at: at,
            updated_at: at,
            log: Log::default(),
        };
        Self { state: Arc::new(state) }
    }

    /// Sets how many transitions the history keeps, and drops older ones. Default: 256.
    #[must_use]
    pub fn with_history(mut self, events: NonZeroUsize) -> Self {
        Arc::make_mut(&mut self.state).log.set_capacity(events);
        self
    }

    /// Moves the worker to another state and records the transition.
    ///
    /// An empty `detail` counts as none, and one loses its [secrets](without_secrets). A failure with a
    /// detail sets [`last_error`](Self::last_error).
    ///
    /// # Errors
    ///
    /// [`InvalidTransitionError`] if `to` cannot follow the current state. Nothing changes then.
    pub fn transition(
        &mut self,
        to: AgentStatus,
        detail: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<&AgentWorkerEvent, InvalidTransitionError> {
        let current = self.status();
        if !current.can_become(to) {
            return Err(InvalidTransitionError { current, target: to });
        }
        let detail: Option<Arc<str>> = detail.filter(|text| !text.is_empty()).map(clean);
        let state = Arc::make_mut(&mut self.state);
        state.status = to;
        state.updated_at = at;
        if to == AgentStatus::Failed
            && let Some(message) = &detail
        {
            let last = LastError { message: Arc::clone(message), timestamp: at };
            state.last_error = Some(Box::new(last));
        }
        Ok(state.log.record(to, detail, at))
    }

    /// Counts a retry.
    pub fn note_retry(&mut self) {
        let state = Arc::make_mut(&mut self.state);
        state.retry_count = state.retry_count.saturating_add(1);
    }

    /// Sets the provider that answered, without [secrets](without_secrets).
    pub fn note_provider(&mut self, provider: impl AsRef<str>) {
        Arc::make_mut(&mut self.state).provider_used = Some(clean(provider.as_ref()));
    }

    /// The id of the worker.
    #[doc(alias = "worker_id")]
    pub fn id(&self) -> &Arc<str> {
        &self.state.id
    }

    /// The role of the agent.
    pub fn role(&self) -> &Arc<str> {
        &self.state.role
    }

    /// The phase in which the agent works.
    pub fn phase(&self) -> &Arc<str> {
        &self.state.phase
    }

    /// The project for which the agent works.
    pub fn project_id(&self) -> Option<i64> {
        self.state.project_id
    }

    /// The state of the agent.
    pub fn status(&self) -> AgentStatus {
        self.state.status
    }

    /// The transitions in the history, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &AgentWorkerEvent> + ExactSizeIterator {
        self.state.log.iter()
    }

    /// The number of transitions that the history has dropped.
    pub fn events_dropped(&self) -> u64 {
        self.state.log.dropped()
    }

    /// The number of retries.
    pub fn retry_count(&self) -> u32 {
        self.state.retry_count
    }

    /// Why the worker failed, if it failed with a detail.
    pub fn last_error(&self) -> Option<&LastError> {
        self.state.last_error.as_deref()
    }

    /// The provider that answered last, if one was set.
    pub fn provider_used(&self) -> Option<&str> {
        self.state.provider_used.as_deref()
    }

    /// When the worker was created.
    pub fn created_at(&self) -> DateTime<Utc> {
        self.state.created_at
    }

    /// When the state last changed.
    pub fn updated_at(&self) -> DateTime<Utc> {
        self.state.updated_at
    }
}

fn clean(text: &str) -> Arc<str> {
    without_secrets(text).into()
}

/// Writes the keys of the Python original, and `events_dropped` if it is not zero. Names lose their
/// [secrets](without_secrets).
impl Serialize for AgentWorker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = &*self.state;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("worker_id", &*state.id)?;
        map.serialize_entry("role", &without_secrets(&state.role))?;
        map.serialize_entry("phase", &without_secrets(&state.phase))?;
        map.serialize_entry("project_id", &state.project_id)?;
        map.serialize_entry("status", &state.status)?;
        map.serialize_entry("retry_count", &state.retry_count)?;
        map.serialize_entry("last_error", &state.last_error)?;
        map.serialize_entry("provider_used", &state.provider_used)?;
        map.serialize_entry("created_at", &format_utc(state.created_at))?;
        map.serialize_entry("updated_at", &format_utc(state.updated_at))?;
        map.serialize_entry("events", &state.log)?;
        if state.log.dropped() > 0 {
            map.serialize_entry("events_dropped", &state.log.dropped())?;
        }
        map.end()
    }
}
