//! Permission, quality and policy, asked of a session.

use std::time::Duration;

use runtime_events::{AgentEventName, AgentEventStatus};
use runtime_policy::{
    PermissionOutcome, PhaseContext, PolicyActionData, QualityGateOutcome, QualityLevel,
    RuleExplanation,
};

use crate::log::log;
use crate::session::OrchestrationSession;

/// # Permission, quality and policy
impl OrchestrationSession {
    /// Whether this session's role may use a tool. Everything is allowed without permissions.
    pub fn authorize(&self, tool: &str) -> PermissionOutcome {
        match &self.core.setup.permissions {
            Some(permissions) => permissions.check(&self.core.setup.role, tool),
            None => PermissionOutcome::allowed_because("no enforcer configured"),
        }
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

    /// What the policy engine recommends now; nothing without an engine.
    ///
    /// The session fills in its phase, its cost and the scenarios whose recovery is exhausted,
    /// and, where `context` leaves it at zero, the time since it opened.
    pub fn evaluate_policy(&self, context: PhaseContext) -> Vec<PolicyActionData> {
        let Some(engine) = &self.core.setup.policy else { return Vec::new() };
        let actions = engine.evaluate(&self.policy_context(context));
        self.core.tell_policy(&actions);
        actions
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
