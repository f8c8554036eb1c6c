//! Passing the work on to another agent.

use runtime_events::payload::{Any, SessionEnded};
use runtime_lifecycle::{AgentStatus, Handoff};
use serde_json::{Map, Value};

use crate::error::HandoffError;
use crate::log::log;
use crate::session::OrchestrationSession;
use crate::session::core::Ending;

/// # Handing over
impl OrchestrationSession {
    /// Completes this session and registers a worker for `target_role`, in this session's phase
    /// and for its project.
    ///
    /// `context` is what the target needs to know: a JSON object, or null for nothing. Open the
    /// target's session with [`Orchestrator::accept`](crate::Orchestrator::accept); a worker that
    /// nobody claims is cancelled once too many of them wait.
    ///
    /// # Errors
    ///
    /// [`HandoffError`] if the session is over or busy, if the target role is empty, or if the
    /// context is no object. Nothing has changed then.
    pub fn handoff_to(
        &self,
        target_role: &str,
        reason: impl Into<String>,
        context: Value,
    ) -> Result<Handoff, HandoffError> {
        let core = &*self.core;
        let reason = reason.into();
        let context = object(context)?;
        let role = &core.setup.role;
        let handoff = core.end(true, || {
            let registry = &core.setup.registry;
            let detail = format!("handoff from {role}: {reason}");
            let target =
                registry.offer(target_role, core.phase.clone(), core.project_id, &detail)?;
            let handoff = Handoff::new(role.clone(), target_role, core.phase.clone(), &*reason)
                .context(context)
                .project_id(core.project_id)
                .target_worker_id(target.id().clone())
                .created_at(core.setup.clock.utc_now());
            // Texts, a number and a JSON object: none of it can fail to serialise.
            let json = serde_json::to_value(&handoff).unwrap_or_default();
            let ended =
                SessionEnded { handoff_json: Some(Any::Json(&json)), ..SessionEnded::default() };
            let event = core
                .completed(Some(format!("handoff → {target_role}: {reason}")))
                .with_data(ended.data());
            let worker_detail = Some(format!("handoff to {target_role}"));
            let ending =
                Ending { status: AgentStatus::Completed, worker_detail, event, shutdown: false };
            Ok::<_, HandoffError>((ending, handoff))
        })?;
        log!(info, session = %core.session_id, role = %role, target_role = %target_role, reason = %reason, "handoff issued");
        Ok(handoff)
    }
}

fn object(context: Value) -> Result<Map<String, Value>, HandoffError> {
    let found = match context {
        Value::Object(object) => return Ok(object),
        Value::Null => return Ok(Map::new()),
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
    };
    Err(HandoffError::Context { found })
}
