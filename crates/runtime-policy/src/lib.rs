//! Policy rules, quality gates, tool permissions and guardrails for agent loops.
//!
//! Everything here decides and nothing acts: a rule recommends, a gate compares, a policy
//! authorises, a guardrail objects. Configuration is data, read and written as JSON.
//!
//! | module | what |
//! |---|---|
//! | [`condition`] | [`PolicyCondition`]: questions about a phase, and how they combine |
//! | [`context`] | [`PhaseContext`]: what the questions are asked of |
//! | [`action`] | [`PolicyAction`] and [`PolicyActionData`]: what a rule recommends |
//! | [`engine`] | [`PolicyRule`], [`PolicyEngine`], and the explanation of a decision |
//! | [`quality`] | [`QualityLevel`] and [`QualityGate`] |
//! | [`permissions`] | [`PermissionPolicy`] and [`PermissionEnforcer`]: which role may use which tool |
//! | [`guardrail`] | [`Guardrail`] and [`Guardrails`]: checks of arguments and results |
//! | [`parse`] | [`ConfigParseError`], which says where a configuration is wrong |
//!
//! # Example
//!
//! ```
//! use runtime_policy::{PhaseContext, PolicyAction, PolicyEngine, QualityLevel};
//!
//! let engine = PolicyEngine::from_json(r#"[
//!     {
//!         "name": "good enough",
//!         "condition": {"and": [{"quality_at": "standard"}, {"not": {"gate_below": 0.8}}]},
//!         "actions": [{"action": "advance_phase"}]
//!     },
//!     {
//!         "name": "too dear",
//!         "condition": {"cost_exceeded": 5.0},
//!         "actions": [{"action": "escalate", "params": {"to": "owner"}}],
//!         "priority": 10
//!     }
//! ]"#)?;
//!
//! let ctx = PhaseContext::new("draft").quality_level(QualityLevel::Strict).gate(0.9, 0.8);
//! assert_eq!(engine.evaluate(&ctx)[0].action, PolicyAction::AdvancePhase);
//! assert_eq!(
//!     engine.explain(&ctx)[0].to_string(),
//!     "rule `too dear` (priority 10) did not fire: \
//!      cost_exceeded($5): total_cost $0 is not more than $5",
//! );
//! # Ok::<(), runtime_policy::ConfigParseError>(())
//! ```

pub mod action;
pub mod condition;
pub mod context;
pub mod engine;
pub mod guardrail;
pub mod parse;
pub mod permissions;
pub mod quality;
mod seconds;

#[doc(inline)]
pub use self::{
    action::{PolicyAction, PolicyActionData},
    condition::PolicyCondition,
    context::PhaseContext,
    engine::{PolicyEngine, PolicyRule, RuleExplanation},
    guardrail::{
        AllowAllGuardrail, AsyncGuardrail, Guardrail, GuardrailOutcome, GuardrailStage,
        GuardrailViolatedError, Guardrails,
    },
    parse::ConfigParseError,
    permissions::{
        PermissionDeniedError, PermissionEnforcer, PermissionMode, PermissionOutcome,
        PermissionPolicy, RolePermissionConfig, UnknownRoles,
    },
    quality::{QualityGate, QualityGateOutcome, QualityLevel},
};
