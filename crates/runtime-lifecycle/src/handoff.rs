//! One agent's work passed on to another.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use runtime_events::{Clock, SystemClock, format_utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// The record of a handoff: who passes on what to whom, and why.
///
/// The target's worker waits in the [registry](crate::AgentRegistry::offer) under
/// [`target_worker_id`](Self::target_worker_id) until a session claims it.
///
/// As JSON it has the original's keys, all of them. Reading ignores unknown keys; `context`,
/// `project_id` and `target_worker_id` may be missing.
///
/// ```
/// use runtime_lifecycle::Handoff;
///
/// let handoff = Handoff::new("writer", "editor", "draft", "needs polish").project_id(42);
/// let json = serde_json::to_string(&handoff)?;
/// assert!(json.starts_with(r#"{"source_role":"writer","target_role":"editor""#));
/// assert_eq!(serde_json::from_str::<Handoff>(&json)?, handoff);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Handoff {
    /// The role that passes its work on.
    pub source_role: Arc<str>,
    /// The role that is to take it.
    pub target_role: Arc<str>,
    /// The phase both work in.
    pub phase: Arc<str>,
    /// Why, in one line for people.
    pub reason: String,
    /// What the target needs to know.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// The project both work for.
    #[serde(default)]
    pub project_id: Option<i64>,
    /// The worker registered for the target; empty while there is none.
    #[serde(default = "nobody")]
    pub target_worker_id: Arc<str>,
    /// When it was issued, in whole microseconds.
    #[serde(serialize_with = "write_stamp", deserialize_with = "read_stamp")]
    pub created_at: DateTime<Utc>,
}

impl Handoff {
    /// A handoff with no context, project or worker, issued now.
    pub fn new(
        source_role: impl Into<Arc<str>>,
        target_role: impl Into<Arc<str>>,
        phase: impl Into<Arc<str>>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            source_role: source_role.into(),
            target_role: target_role.into(),
            phase: phase.into(),
            reason: reason.into(),
            context: Map::new(),
            project_id: None,
            target_worker_id: nobody(),
            created_at: SystemClock.utc_now().trunc_subsecs(6),
        }
    }

    /// Sets what the target needs to know.
    #[must_use]
    pub fn context(mut self, context: Map<String, Value>) -> Self {
        self.context = context;
        self
    }

    /// Sets the project.
    #[must_use]
    pub fn project_id(mut self, project_id: impl Into<Option<i64>>) -> Self {
        self.project_id = project_id.into();
        self
    }

    /// Sets the worker registered for the target.
    #[must_use]
    pub fn target_worker_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.target_worker_id = id.into();
        self
    }

    /// Sets when it was issued; what is finer than a microsecond is cut off.
    #[must_use]
    pub fn created_at(mut self, at: DateTime<Utc>) -> Self {
        self.created_at = at.trunc_subsecs(6);
        self
    }
}

fn nobody() -> Arc<str> {
    Arc::from("")
}

fn write_stamp<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_utc(*at))
}

fn read_stamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    DateTime::parse_from_rfc3339(&text).map(|at| at.with_timezone(&Utc).trunc_subsecs(6)).map_err(
        |error| de::Error::custom(format!("created_at `{text}` is not an RFC 3339 time: {error}")),
    )
}
