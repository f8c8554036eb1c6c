//! [`Handoff`]: work that one agent passes on to another.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The record of work that one agent passes on to another.
///
/// The worker of the target waits in the [registry](crate::AgentRegistry::offer) under
/// [`target_worker_id`](Self::target_worker_id) until a session claims it.
///
/// The JSON has all keys of the Python original. Reading ignores unknown keys. `context`, `project_id`
/// and `target_worker_id` may be missing.
///
/// ```
/// use chrono::DateTime;
/// use runtime_lifecycle::Handoff;
///
/// let at = DateTime::UNIX_EPOCH;
/// let mut handoff = Handoff::new("writer", "editor", "draft", "needs polish", at);
/// handoff.project_id = Some(42);
/// let json = serde_json::to_string(&handoff)?;
/// assert!(json.starts_with(r#"{"source_role":"writer","target_role":"editor""#));
/// assert_eq!(serde_json::from_str::<Handoff>(&json)?, handoff);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Handoff {
    /// The role that passes the work on.
    pub source_role: Arc<str>,
    /// The role that takes the work over.
    pub target_role: Arc<str>,
    /// The phase of both.
    pub phase: Arc<str>,
    /// The reason, in one line for people.
    pub reason: String,
    /// The information that the target needs.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// The project of both.
    #[serde(default)]
    pub project_id: Option<i64>,
    /// The id of the worker registered for the target. Empty if there is none.
    #[serde(default = "nobody")]
    pub target_worker_id: Arc<str>,
    /// When the handoff was issued, in whole microseconds.
    #[serde(with = "crate::stamp")]
    pub created_at: DateTime<Utc>,
}

impl Handoff {
    /// Creates a handoff that is issued at a time, without context, project or worker.
    pub fn new(
        source_role: impl Into<Arc<str>>,
        target_role: impl Into<Arc<str>>,
        phase: impl Into<Arc<str>>,
        reason: impl Into<String>,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            source_role: source_role.into(),
            target_role: target_role.into(),
            phase: phase.into(),
            reason: reason.into(),
            context: Map::new(),
            project_id: None,
            target_worker_id: nobody(),
            created_at: at.trunc_subsecs(6),
        }
    }
}

fn nobody() -> Arc<str> {
    Arc::from("")
}
