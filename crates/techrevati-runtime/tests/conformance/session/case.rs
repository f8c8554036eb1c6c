//! A session's case, and its orchestrator.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use techrevati_runtime::events::{AgentEventName, AgentEventStatus, ManualClock};
use techrevati_runtime::lifecycle::AgentStatus;
use techrevati_runtime::orchestrator::Orchestrator;
use techrevati_runtime::policy::{
    Guardrail, GuardrailOutcome, GuardrailStage, GuardrailSubject, Guardrails, PermissionMode,
    PermissionPolicy, PostCheck, PreCheck, QualityGate, QualityLevel, RolePermissionConfig,
};
use techrevati_runtime::resilience::{CircuitBreaker, CircuitBreakerConfig};
use techrevati_runtime::usage::{Limit, PricingTable, UnknownPrice, Usd};

use crate::conformance::support::present;
use crate::conformance::usage::Usage;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) config: Setup,
    pub(super) ops: Vec<Op>,
    #[serde(deserialize_with = "present")]
    pub(super) propagates_error: Option<String>,
    pub(super) expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    pub(super) role: String,
    pub(super) phase: String,
    #[serde(deserialize_with = "present")]
    pub(super) project_id: Option<i64>,
    pub(super) max_iterations: u32,
    #[serde(deserialize_with = "present")]
    pub(super) budget_usd: Option<f64>,
    pub(super) enforce_budget: bool,
    #[serde(deserialize_with = "present")]
    pub(super) breaker_threshold: Option<NonZeroU32>,
    #[serde(deserialize_with = "present")]
    pub(super) quality_gate: Option<QualityLevel>,
    #[serde(deserialize_with = "present")]
    pub(super) permissions: Option<Permissions>,
    pub(super) guardrails: Vec<Denies>,
    pub(super) pricing: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Permissions {
    pub(super) mode: PermissionMode,
    pub(super) denied_tools: Vec<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Denies {
    pub(super) name: String,
    pub(super) stage: GuardrailStage,
    pub(super) tools: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Op {
    TurnOk {
        usage: Usage,
        model: String,
        expect: Outcome,
    },
    TurnErr {
        message: String,
        expect: Outcome,
    },
    Tool {
        tool: String,
        expect: Outcome,
    },
    ToolErr {
        tool: String,
        expect: Outcome,
    },
    Gate {
        observed: QualityLevel,
        #[serde(deserialize_with = "present")]
        satisfied: Option<bool>,
        expect: Outcome,
    },
    Handoff {
        handoff: HandedOver,
        expect: Outcome,
    },
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandedOver {
    pub(super) source_role: String,
    pub(super) target_role: String,
    pub(super) phase: String,
    pub(super) reason: String,
    pub(super) context: Value,
    #[serde(deserialize_with = "present")]
    pub(super) project_id: Option<i64>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    pub(super) result: String,
    pub(super) message: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) status: AgentStatus,
    pub(super) events: Vec<Said>,
    pub(super) worker_events: Vec<AgentStatus>,
    pub(super) usage: Books,
    pub(super) usage_sink: Vec<(String, Usage, f64)>,
}

/// The compared parts of an event.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    pub(super) event: AgentEventName,
    pub(super) status: AgentEventStatus,
    #[serde(deserialize_with = "present")]
    pub(super) detail: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Books {
    pub(super) turns: u64,
    pub(super) total_input_tokens: u64,
    pub(super) total_output_tokens: u64,
    /// Rounded to four digits.
    pub(super) total_cost_usd: f64,
    pub(super) formatted_cost: String,
}

impl Setup {
    /// The orchestrator of the configuration, on a stopped clock.
    pub(super) fn orchestrator(&self) -> Result<Orchestrator, String> {
        let clock = ManualClock::new();
        let prices = PricingTable::from_json(&json!({ "models": self.pricing }).to_string());
        let mut orchestrator = Orchestrator::new(&*self.role, &*self.phase)
            .time(clock.clone())
            .max_iterations(self.max_iterations)
            .pricing(prices.map_err(|e| e.to_string())?);
        if let Some(project) = self.project_id {
            orchestrator = orchestrator.project_id(project);
        }
        if let Some(limit) = self.budget_usd {
            let limit = Usd::try_from(limit).map_err(|e| e.to_string())?;
            let budget =
                if self.enforce_budget { Limit::enforced(limit) } else { Limit::recorded(limit) };
            // Refusing unpriced models is a difference, and not in the vectors.
            orchestrator = orchestrator.budget(budget.unknown_price(UnknownPrice::Free));
        }
        if let Some(threshold) = self.breaker_threshold {
            let config = CircuitBreakerConfig::default().failure_threshold(threshold);
            let breaker = CircuitBreaker::with_clock("svc", config, Arc::new(clock));
            orchestrator = orchestrator.circuit_breaker(breaker);
        }
        if let Some(level) = self.quality_gate {
            orchestrator = orchestrator.quality_gate(QualityGate::new(level));
        }
        if let Some(config) = &self.permissions {
            let role = RolePermissionConfig::new(&*self.role, config.mode);
            let role = role.map_err(|e| e.to_string())?.denied_tools(&config.denied_tools);
            let policy = PermissionPolicy::new().role(role);
            let policy = policy.requires("deploy", PermissionMode::FullAccess);
            orchestrator = orchestrator.permissions(policy.into());
        }
        let guardrails = self.guardrails.iter().cloned().fold(Guardrails::new(), Guardrails::with);
        Ok(orchestrator.guardrails(guardrails))
    }
}

impl Guardrail for Denies {
    fn name(&self) -> &str {
        &self.name
    }

    fn check_pre(&self, check: &PreCheck<'_>) -> GuardrailOutcome {
        self.judge(GuardrailStage::Pre, check.subject)
    }

    fn check_post(&self, check: &PostCheck<'_>) -> GuardrailOutcome {
        self.judge(GuardrailStage::Post, check.subject)
    }
}

impl Denies {
    fn judge(&self, stage: GuardrailStage, subject: GuardrailSubject<'_>) -> GuardrailOutcome {
        let GuardrailSubject::Tool(tool) = subject else { return GuardrailOutcome::allow() };
        let listed = self.tools.iter().any(|held| held == tool);
        if listed && stage == self.stage {
            return GuardrailOutcome::deny("denied");
        }
        GuardrailOutcome::allow()
    }
}
