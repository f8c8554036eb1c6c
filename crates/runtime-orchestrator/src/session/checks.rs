//! Permission, quality and policy, asked of a session.

use std::time::Duration;

use runtime_events::{AgentEventName, AgentEventStatus};
use runtime_policy::{
    PermissionOutcome, PhaseContext, PolicyActionData, PolicyRule, QualityGateOutcome,
    QualityLevel, RuleExplanation,
};

use crate::log::log;
use crate::session::OrchestrationSession;

/// # Permission, quality and policy
impl OrchestrationSession {
    /// Whether this session's role may use a tool, and emits `agent.permission_checked`. Everything is
    /// allowed without permissions, and then nothing is emitted, as on a session that is over.
    ///
    /// To choose the tools that a model is offered, without an event for each:
    /// [`PermissionEnforcer::filter_tools`](runtime_policy::PermissionEnforcer::filter_tools).
    pub fn authorize(&self, tool: &str) -> PermissionOutcome {
        let core = &*self.core;
        let Some(permissions) = &core.setup.permissions else {
            return PermissionOutcome::allowed_because("no enforcer configured");
        };
        let outcome = permissions.authorize(&core.setup.role, tool);
        if let Ok(_entry) = core.enter(false) {
            core.tell_permission(tool, &outcome);
        }
        outcome
    }

    /// Evaluates the quality gate and emits `phase.gate_passed` or `phase.gate_failed`; `None`
    /// without a gate. On a session that is over the gate is evaluated and nothing is emitted.
    pub fn evaluate_gate(&self, observed: QualityLevel) -> Option<QualityGateOutcome> {
        let core = &*self.core;
        let outcome = core.setup.gate.as_ref()?.evaluate(Some(observed));
        let (name, status) = if outcome.satisfied {
            (AgentEventName::PhaseGatePassed, AgentEventStatus::Green)
        } else {
            log!(info, session = %core.session_id, role = %core.setup.role, observed = %observed.name(), "quality gate failed");
            (AgentEventName::PhaseGateFailed, AgentEventStatus::Red)
        };
        if let Ok(_entry) = core.enter(false) {
            let detail = format!("observed={}", observed.name());
            core.emit(core.event(name, status).with_detail(detail));
        }
        Some(outcome)
    }

    /// What the policy engine recommends now, and emits `agent.policy_decided` with the rules that
    /// fired; nothing without an engine.
    ///
    /// The session fills in its phase, its cost and the scenarios whose recovery is exhausted,
    /// and, where `context` leaves it at zero, the time since it opened.
    pub fn evaluate_policy(&self, context: PhaseContext) -> Vec<PolicyActionData> {
        let Some(engine) = &self.core.setup.policy else { return Vec::new() };
        let context = self.policy_context(context);
        let fired: Vec<&PolicyRule> = engine.firing(&context).collect();
        self.core.tell_policy(&fired);
        fired.into_iter().flat_map(|rule| &rule.actions).cloned().collect()
    }

    /// For each rule whether it fires now, and which part of it decided.
    pub fn explain_policy(&self, context: PhaseContext) -> Vec<RuleExplanation> {
        let Some(engine) = &self.core.setup.policy else { return Vec::new() };
        engine.explain(&self.policy_context(context))
    }

    fn policy_context(&self, mut context: PhaseContext) -> PhaseContext {
        let core = &*self.core;
        context.phase = core.phase.to_string();
        context.total_cost = core.tracker.total_cost();
        context.retry_exhausted_scenarios = core.recovery().exhausted().collect();
        if context.elapsed == Duration::ZERO {
            context.elapsed = core.now().saturating_duration_since(core.started);
        }
        context
    }
}
