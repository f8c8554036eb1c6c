//! Policy rules, quality gates, tool permissions and guardrails for agent loops.
//!
//! Everything here decides and nothing acts: a rule recommends actions, a gate compares quality
//! levels, a permission policy authorises tools, a guardrail objects to content.
//!
//! ```
//! use runtime_policy::{PermissionMode, PermissionPolicy, RolePermissionConfig};
//!
//! let reader = RolePermissionConfig::new("reader", PermissionMode::ReadOnly)?;
//! let policy = PermissionPolicy::new().role(reader).requires("write", PermissionMode::WorkspaceWrite);
//! assert!(policy.is_allowed("reader", "search"));
//! assert!(!policy.is_allowed("reader", "write"));
//! # Ok::<(), runtime_policy::EmptyRoleError>(())
//! ```
//!
//! Configuration is data, which is read from JSON and written as JSON:
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
//!         "name": "too expensive",
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
//!     "rule `too expensive` (priority 10) did not fire: \
//!      cost_exceeded($5): total_cost $0 is not more than $5",
//! );
//! # Ok::<(), runtime_policy::ConfigParseError>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | decide which role may use which tool | [`PermissionPolicy`], [`PermissionEnforcer`] |
//! | check arguments and results | [`Guardrail`], [`AsyncGuardrail`], [`Guardrails`], [`guardrail`] |
//! | recommend actions by the state of a phase | [`PolicyEngine`], [`PolicyRule`], [`PolicyCondition`] |
//! | require a quality level | [`QualityGate`] |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod action;
mod condition;
mod context;
mod engine;
pub mod guardrail;
mod parse;
mod permissions;
mod quality;
mod seconds;

pub use self::{
    action::{PolicyAction, PolicyActionData},
    condition::{CustomCondition, DecidingPart, InvalidThresholdError, PolicyCondition, Threshold},
    context::PhaseContext,
    engine::{PolicyEngine, PolicyRule, RuleExplanation},
    guardrail::{
        check::{GuardrailSubject, PostCheck, PreCheck},
        contract::{
            AllowAllGuardrail, AsyncGuardrail, Guardrail, GuardrailFuture, GuardrailOutcome,
            GuardrailStage,
        },
        set::Guardrails,
        violation::{GuardrailViolatedError, Violation},
    },
    parse::ConfigParseError,
    permissions::{
        EmptyRoleError, PermissionDeniedError, PermissionEnforcer, PermissionMode,
        PermissionOutcome, PermissionPolicy, RequiredMode, RolePermissionConfig, UnknownRoles,
    },
    quality::{QualityGate, QualityGateOutcome, QualityLevel},
};
