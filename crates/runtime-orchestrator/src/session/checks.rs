//! Permission, quality gate and policy of a session.

use std::time::Duration;

use runtime_policy::{
    PermissionOutcome, PhaseContext, PolicyActionData, PolicyRule, QualityGateOutcome, QualityLevel,
};

use crate::core::Core;
use crate::log::log;
use crate::tell;
use crate::tool::ToolCall;

pub(crate) fn authorize(core: &Core, tool: &str) -> PermissionOutcome {
    let Some(permissions) = &core.setup.permissions else {
        return PermissionOutcome::allowed_because("no enforcer configured");
    };
    let outcome = permissions.authorize(core.role(), tool);
    if let Ok(_entry) = core.enter(false) {
        tell::permission(&core.stream, tool, &outcome);
    }
    outcome
}

pub(crate) fn permits(core: &Core, tool: &ToolCall) -> bool {
    core.setup
        .permissions
        .as_ref()
        .is_none_or(|permissions| tool.is_permitted(permissions, core.role()))
}

pub(crate) fn gate(core: &Core, observed: QualityLevel) -> Option<QualityGateOutcome> {
    let outcome = core.setup.gate.as_ref()?.evaluate(Some(observed));
    if !outcome.satisfied {
        log!(info, session = %core.session_id(), role = %core.role(), required = %outcome.required_level.name(), observed = %observed.name(), "quality gate failed");
    }
    if let Ok(_entry) = core.enter(false) {
        tell::gate(&core.stream, outcome, observed);
    }
    Some(outcome)
}

pub(crate) fn policy(core: &Core, context: PhaseContext) -> Vec<PolicyActionData> {
    let Some(engine) = &core.setup.policy else { return Vec::new() };
    let context = policy_context(core, context);
    let fired: Vec<&PolicyRule> = engine.firing(&context).collect();
    if let Ok(_entry) = core.enter(false) {
        tell::policy(&core.stream, &fired);
    }
    fired.into_iter().flat_map(|rule| &rule.actions).cloned().collect()
}

/// Sets the fields that the session knows in the caller's context.
pub(crate) fn policy_context(core: &Core, mut context: PhaseContext) -> PhaseContext {
    context.phase = core.phase().to_string();
    context.total_cost = core.money.tracker().total_cost();
    context.retry_exhausted_scenarios = core.books.exhausted().into_iter().collect();
    if context.elapsed == Duration::ZERO {
        context.elapsed = core.time.now().saturating_duration_since(core.stream.started());
    }
    context
}
