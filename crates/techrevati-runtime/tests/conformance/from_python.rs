//! Every name of the original has a counterpart, which `docs/from-python.md` lists.

use std::fs;
use std::path::Path;

/// Names of the original and their counterparts. The compiler checks every path.
macro_rules! names {
    ($( $name:literal => $( $part:ident )::+, )+) => {
        #[expect(unused_imports, reason = "they are named, not used")]
        mod imports {
            $( use $( $part )::+ as _; )+
        }

        const NAMES: &[(&str, &str)] = &[$( ($name, stringify!($( $part )::+)), )+];
    };
}

names! {
    "AgentEvent" => techrevati_runtime::events::AgentEvent,
    "AgentEventName" => techrevati_runtime::events::AgentEventName,
    "AgentEventStatus" => techrevati_runtime::events::AgentEventStatus,
    "AgentFailureClass" => techrevati_runtime::events::AgentFailureClass,
    "AgentRegistry" => techrevati_runtime::lifecycle::AgentRegistry,
    "AgentStatus" => techrevati_runtime::lifecycle::AgentStatus,
    "AgentWorker" => techrevati_runtime::lifecycle::AgentWorker,
    "AgentWorkerEvent" => techrevati_runtime::lifecycle::AgentWorkerEvent,
    "InvalidTransitionError" => techrevati_runtime::lifecycle::InvalidTransitionError,
    "AsyncCircuitBreaker" => techrevati_runtime::resilience::CircuitBreaker,
    "CircuitBreaker" => techrevati_runtime::resilience::CircuitBreaker,
    "CircuitOpenError" => techrevati_runtime::resilience::CircuitOpenError,
    "CircuitState" => techrevati_runtime::resilience::CircuitState,
    "AllowAllGuardrail" => techrevati_runtime::policy::AllowAllGuardrail,
    "Guardrail" => techrevati_runtime::policy::Guardrail,
    "GuardrailOutcome" => techrevati_runtime::policy::GuardrailOutcome,
    "GuardrailStage" => techrevati_runtime::policy::GuardrailStage,
    "GuardrailViolatedError" => techrevati_runtime::policy::GuardrailViolatedError,
    "Handoff" => techrevati_runtime::lifecycle::Handoff,
    "AgentSession" => techrevati_runtime::orchestrator::Orchestrator,
    "AsyncOrchestrationSession" => techrevati_runtime::orchestrator::OrchestrationSession,
    "MaxIterationsExceededError" => techrevati_runtime::orchestrator::MaxIterationsExceededError,
    "OrchestrationSession" => techrevati_runtime::orchestrator::OrchestrationSession,
    "Orchestrator" => techrevati_runtime::orchestrator::Orchestrator,
    "PermissionDeniedError" => techrevati_runtime::policy::PermissionDeniedError,
    "TurnTimeoutError" => techrevati_runtime::orchestrator::TurnTimeoutError,
    "PermissionEnforcer" => techrevati_runtime::policy::PermissionEnforcer,
    "PermissionMode" => techrevati_runtime::policy::PermissionMode,
    "PermissionOutcome" => techrevati_runtime::policy::PermissionOutcome,
    "PermissionPolicy" => techrevati_runtime::policy::PermissionPolicy,
    "RolePermissionConfig" => techrevati_runtime::policy::RolePermissionConfig,
    "PhaseContext" => techrevati_runtime::policy::PhaseContext,
    "PolicyAction" => techrevati_runtime::policy::PolicyAction,
    "PolicyActionData" => techrevati_runtime::policy::PolicyActionData,
    "PolicyCondition" => techrevati_runtime::policy::PolicyCondition,
    "PolicyEngine" => techrevati_runtime::policy::PolicyEngine,
    "PolicyRule" => techrevati_runtime::policy::PolicyRule,
    "QualityGate" => techrevati_runtime::policy::QualityGate,
    "QualityGateOutcome" => techrevati_runtime::policy::QualityGateOutcome,
    "QualityLevel" => techrevati_runtime::policy::QualityLevel,
    "EscalationPolicy" => techrevati_runtime::resilience::EscalationPolicy,
    "FailureScenario" => techrevati_runtime::events::FailureScenario,
    "RecoveryContext" => techrevati_runtime::resilience::RecoveryContext,
    "RecoveryEvent" => techrevati_runtime::resilience::RecoveryEvent,
    "RecoveryRecipe" => techrevati_runtime::resilience::RecoveryRecipe,
    "RecoveryResult" => techrevati_runtime::resilience::RecoveryResult,
    "RecoveryStep" => techrevati_runtime::resilience::RecoveryStep,
    "aattempt_recovery" => techrevati_runtime::resilience::attempt_recovery_async,
    "attempt_recovery" => techrevati_runtime::resilience::attempt_recovery,
    "backoff_delay" => techrevati_runtime::resilience::backoff_delay,
    "classify_exception" => techrevati_runtime::resilience::classify_error,
    "next_provider" => techrevati_runtime::resilience::next_provider,
    "recipe_for" => techrevati_runtime::resilience::recipe_for,
    "smaller_context_budget" => techrevati_runtime::resilience::smaller_context_budget,
    "DEFAULT_RING_CAPACITY" => techrevati_runtime::sinks::DEFAULT_RING_CAPACITY,
    "EventSink" => techrevati_runtime::sinks::EventSink,
    "NoopEventSink" => techrevati_runtime::sinks::NoopEventSink,
    "NoopUsageSink" => techrevati_runtime::sinks::NoopUsageSink,
    "RingBufferEventSink" => techrevati_runtime::sinks::RingBufferEventSink,
    "RingBufferUsageSink" => techrevati_runtime::sinks::RingBufferUsageSink,
    "UsageSink" => techrevati_runtime::sinks::UsageSink,
    "PRICING_TABLE" => techrevati_runtime::usage::PricingTable,
    "BudgetExceededError" => techrevati_runtime::usage::BudgetExceededError,
    "ModelPricing" => techrevati_runtime::usage::ModelPricing,
    "UsageSnapshot" => techrevati_runtime::usage::UsageSnapshot,
    "UsageTracker" => techrevati_runtime::usage::UsageTracker,
    "has_pricing" => techrevati_runtime::usage::has_pricing,
    "load_pricing_from_file" => techrevati_runtime::usage::load_pricing_from_file,
    "register_pricing" => techrevati_runtime::usage::register_pricing,
    "__version__" => techrevati_runtime::VERSION,
    "And" => techrevati_runtime::policy::PolicyCondition::And,
    "Or" => techrevati_runtime::policy::PolicyCondition::Or,
    "QualityAt" => techrevati_runtime::policy::PolicyCondition::QualityAt,
    "PhaseCompleted" => techrevati_runtime::policy::PolicyCondition::PhaseCompleted,
    "AgentFailed" => techrevati_runtime::policy::PolicyCondition::AgentFailed,
    "GateBelow" => techrevati_runtime::policy::PolicyCondition::GateBelow,
    "RetryExhausted" => techrevati_runtime::policy::PolicyCondition::RetryExhausted,
    "TimedOut" => techrevati_runtime::policy::PolicyCondition::TimedOut,
    "AllAgentsComplete" => techrevati_runtime::policy::PolicyCondition::AllAgentsComplete,
    "CostExceeded" => techrevati_runtime::policy::PolicyCondition::CostExceeded,
}

/// The exported names of the original, including `__version__`.
const ORIGINAL: usize = 70;

#[test]
fn table_for_python_users_has_every_name() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/from-python.md");
    let document = fs::read_to_string(document).unwrap();

    let listed: Vec<(&str, &str)> = document.lines().filter_map(row).collect();
    let compiled: Vec<(&str, String)> =
        NAMES.iter().map(|(name, path)| (*name, path.replace(' ', ""))).collect();
    let compiled: Vec<(&str, &str)> =
        compiled.iter().map(|(name, path)| (*name, path.as_str())).collect();

    assert_eq!(listed, compiled, "the table and the names above differ");
    let conditions = listed.iter().filter(|(_, path)| path.contains("::PolicyCondition::"));
    assert_eq!(listed.len() - conditions.count(), ORIGINAL, "a name is missing");
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), NAMES.len());
}

/// The name and the path in a row of the table: the code in its first two cells.
fn row(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.strip_prefix("| ")?.split(" | ").map(|cell| cell.trim_matches('`'));
    let (name, path) = (cells.next()?, cells.next()?);
    path.starts_with("techrevati_runtime::").then_some((name, path))
}
