//! Handing the work over to another agent.

use std::sync::Arc;

use runtime_events::payload::{Any, SessionEnded};
use runtime_lifecycle::{AgentStatus, Handoff, Offer};
use serde_json::{Map, Value};

use super::estate::Estate;
use crate::core::{Core, completed};
use crate::error::{SessionError, TooManyHandoffsError};
use crate::log::log;
use crate::parts::life::Ending;
use crate::parts::stream::Speaker;

/// Completes the session and registers a worker for `target_role`.
pub(crate) fn hand_over(
    core: &Core,
    target_role: &str,
    reason: &str,
    context: Value,
) -> Result<Handoff, SessionError> {
    let context = object(context)?;
    check_number(core, target_role)?;
    let Speaker { role, phase, project_id, .. } = core.stream.speaker();
    let handoff = core.end(true, |iterations| {
        let detail = format!("handoff from {role}: {reason}");
        let (phase_of_both, estate) = (Arc::clone(phase), Arc::new(Estate::of(core, iterations)));
        let registry = &core.setup.registry;
        let target = registry.offer(
            target_role,
            phase_of_both,
            *project_id,
            Offer::new(&detail).attach(estate),
        );
        let target = target
            .map_err(|source| SessionError::Worker { role: target_role.to_owned(), source })?;
        let at = core.time.clock().utc_now();
        let mut handoff =
            Handoff::new(Arc::clone(role), target_role, Arc::clone(phase), reason, at);
        handoff.context = context;
        handoff.project_id = *project_id;
        handoff.target_worker_id = target.id().clone();
        // Strings, a number and a JSON object: serialisation cannot fail.
        let json = serde_json::to_value(&handoff).unwrap_or_default();
        let handoff_json = Some(Any::Json(&json));
        let ended = SessionEnded { handoff_json, ..SessionEnded::default() };
        let event = completed(&core.stream, Some(format!("handoff → {target_role}: {reason}")))
            .with_data(ended.data());
        let worker_detail = Some(format!("handoff to {target_role}"));
        let status = AgentStatus::Completed;
        Ok((Ending { status, worker_detail, event, shutdown: false }, handoff))
    })?;
    log!(info, session = %core.session_id(), role = %role, target_role = %target_role, reason = %reason, "handoff issued");
    Ok(handoff)
}

/// Refuses one handoff too many in a row.
fn check_number(core: &Core, target_role: &str) -> Result<(), TooManyHandoffsError> {
    let max_handoffs = core.setup.registry.max_handoffs();
    let before = core.roles().count() - 1;
    if before < usize::try_from(max_handoffs).unwrap_or(usize::MAX) {
        return Ok(());
    }
    let roles = core.roles().cloned().chain([target_role.into()]).collect();
    Err(TooManyHandoffsError { max_handoffs, roles })
}

fn object(context: Value) -> Result<Map<String, Value>, SessionError> {
    let found = match context {
        Value::Object(object) => return Ok(object),
        Value::Null => return Ok(Map::new()),
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
    };
    Err(SessionError::Context { found })
}
