//! Whole sessions, through the blocking face and through the asynchronous one.

use std::future::ready;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use techrevati_runtime::events::{AgentEventName, ManualClock};
use techrevati_runtime::lifecycle::AgentStatus;
use techrevati_runtime::orchestrator::{OrchestrationSession, Orchestrator, ToolError, TurnError};
use techrevati_runtime::policy::guardrail::{GuardrailSubject, PostCheck, PreCheck};
use techrevati_runtime::policy::{
    Guardrail, GuardrailOutcome, GuardrailStage, PermissionEnforcer, PermissionPolicy, QualityGate,
    QualityLevel,
};
use techrevati_runtime::resilience::CircuitBreaker;
use techrevati_runtime::resilience::breaker::Config as BreakerConfig;
use techrevati_runtime::sinks::RingBufferUsageSink;
use techrevati_runtime::usage::{Budget, PricingTable, UnknownPrice, UsageSnapshot, Usd};
use techrevati_runtime::{BoxError, ToolCall, Turn};

use super::support::{Verdict, every, near, same, same_json, without};
use super::usage::Usage;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    config: Setup,
    ops: Vec<Op>,
    propagates_error: Option<String>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setup {
    role: String,
    phase: String,
    project_id: Option<i64>,
    max_iterations: u32,
    budget_usd: Option<f64>,
    enforce_budget: bool,
    breaker_threshold: Option<NonZeroU32>,
    quality_gate: Option<QualityLevel>,
    permissions: Option<Value>,
    guardrails: Vec<Denies>,
    pricing: Value,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Denies {
    name: String,
    stage: GuardrailStage,
    tools: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Op {
    TurnOk { usage: Usage, model: String, expect: Outcome },
    TurnErr { message: String, expect: Outcome },
    Tool { tool: String, expect: Outcome },
    ToolErr { tool: String, expect: Outcome },
    Gate { observed: QualityLevel, satisfied: Option<bool>, expect: Outcome },
    Handoff { handoff: Map<String, Value>, expect: Outcome },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Outcome {
    result: String,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    status: AgentStatus,
    events: Vec<Value>,
    worker_events: Vec<AgentStatus>,
    usage: Value,
    usage_sink: Vec<(String, Usage, f64)>,
}

#[test]
fn every_session_vector_agrees_through_the_blocking_face() {
    every("session", |case: Case| run(&case, &Blocking));
}

#[test]
fn every_session_vector_agrees_through_the_async_face() {
    every("session", |case: Case| run(&case, &Async));
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
        let listed = subject.tool().is_some_and(|tool| self.tools.iter().any(|held| held == tool));
        if listed && stage == self.stage {
            return GuardrailOutcome::deny("denied");
        }
        GuardrailOutcome::allow()
    }
}

/// One of the two faces of a session.
trait Face {
    fn turn(
        &self,
        session: &OrchestrationSession,
        turn: Turn<UsageSnapshot>,
        reply: Result<u8, String>,
    ) -> Result<Option<BoxError>, TurnError>;

    fn tool(
        &self,
        session: &OrchestrationSession,
        tool: ToolCall,
        result: Result<u8, String>,
    ) -> Result<u8, ToolError>;
}

struct Blocking;
struct Async;

impl Face for Blocking {
    fn turn(
        &self,
        session: &OrchestrationSession,
        turn: Turn<UsageSnapshot>,
        reply: Result<u8, String>,
    ) -> Result<Option<BoxError>, TurnError> {
        let answer = session.run_turn_blocking(turn, || reply)?;
        Ok(answer.over_budget.map(Into::into))
    }

    fn tool(
        &self,
        session: &OrchestrationSession,
        tool: ToolCall,
        result: Result<u8, String>,
    ) -> Result<u8, ToolError> {
        session.run_tool_blocking(tool, || result)
    }
}

impl Face for Async {
    fn turn(
        &self,
        session: &OrchestrationSession,
        turn: Turn<UsageSnapshot>,
        reply: Result<u8, String>,
    ) -> Result<Option<BoxError>, TurnError> {
        let answer = now(session.run_turn(turn, || ready(reply)))?;
        Ok(answer.over_budget.map(Into::into))
    }

    fn tool(
        &self,
        session: &OrchestrationSession,
        tool: ToolCall,
        result: Result<u8, String>,
    ) -> Result<u8, ToolError> {
        now(session.run_tool(tool, || ready(result)))
    }
}

/// Nothing in these sessions waits.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the session waits for something"),
    }
}

fn orchestrator(setup: &Setup, usage: &RingBufferUsageSink) -> Result<Orchestrator, String> {
    let clock = ManualClock::new();
    let prices = PricingTable::from_json(&json!({ "models": setup.pricing }).to_string());
    let mut orchestrator = Orchestrator::new(&*setup.role, &*setup.phase)
        .time(clock.clone())
        .max_iterations(setup.max_iterations)
        .pricing(prices.map_err(|e| e.to_string())?)
        .usage_sink(usage.clone());
    if let Some(project) = setup.project_id {
        orchestrator = orchestrator.project_id(project);
    }
    if let Some(limit) = setup.budget_usd {
        let limit = Usd::try_from(limit).map_err(|e| e.to_string())?;
        let budget =
            if setup.enforce_budget { Budget::enforced(limit) } else { Budget::recorded(limit) };
        // Refusing a model without a price is a difference of ours, and not in the vectors.
        orchestrator = orchestrator.budget(budget.unknown_price(UnknownPrice::Free));
    }
    if let Some(threshold) = setup.breaker_threshold {
        let config = BreakerConfig::default().failure_threshold(threshold);
        let breaker = CircuitBreaker::with_clock("svc", config, Arc::new(clock));
        orchestrator = orchestrator.circuit_breaker(breaker);
    }
    if let Some(level) = setup.quality_gate {
        orchestrator = orchestrator.quality_gate(QualityGate::new(level));
    }
    if let Some(config) = &setup.permissions {
        let policy = json!({
            "roles": { &*setup.role: config },
            "tool_requirements": { "deploy": "full_access" },
        });
        let policy: PermissionPolicy = serde_json::from_value(policy).map_err(|e| e.to_string())?;
        orchestrator = orchestrator.permissions(PermissionEnforcer::new(policy));
    }
    for guardrail in &setup.guardrails {
        orchestrator = orchestrator.guardrail(guardrail.clone());
    }
    Ok(orchestrator)
}

fn run(case: &Case, face: &dyn Face) -> Verdict {
    let usage = RingBufferUsageSink::new();
    let orchestrator = orchestrator(&case.config, &usage)?;
    let session = orchestrator.session().map_err(|e| e.to_string())?;
    let mut last = None;
    for (index, op) in case.ops.iter().enumerate() {
        let (expect, error) =
            perform(op, &session, face).map_err(|why| format!("op {index}: {why}"))?;
        let outcome = match &error {
            None => Outcome { result: "ok".to_owned(), message: None },
            Some(error) => {
                Outcome { result: kind(&**error)?.to_owned(), message: Some(error.to_string()) }
            }
        };
        same(&format!("op {index}"), &outcome, expect)?;
        last = error.map(|error| (outcome.result, error));
    }
    let report = match (&case.propagates_error, last) {
        (None, _) => session.finish(Ok::<_, BoxError>(())),
        (Some(kind), Some((result, error))) => {
            same("propagated", &result, kind)?;
            session.finish(Err(error))
        }
        (Some(_), None) => return Err("no error to propagate".to_owned()),
    };
    let (summary, expect) = (&report.summary, &case.expect);
    same("propagates", &report.result.is_err(), &case.propagates_error.is_some())?;
    same("status", &summary.worker.status(), &expect.status)?;
    let events = summary.agent_events.iter().filter(|event| compared(event.event));
    let events = events.map(
        |event| json!({ "event": event.event, "status": event.status, "detail": event.detail }),
    );
    let expected = expect.events.iter().map(|event| {
        json!({ "event": event["event"], "status": event["status"], "detail": event["detail"] })
    });
    same_json("events", &events.collect(), &expected.collect())?;
    let keys = |event: &Value| event.as_object().map(|event| event.keys().cloned().collect());
    for event in &expect.events {
        let known = ["detail", "event", "status"];
        let found: Vec<String> = keys(event).ok_or("an event that is no object")?;
        same("event keys", &found.iter().all(|key| known.contains(&key.as_str())), &true)?;
    }
    let walked: Vec<AgentStatus> = summary.worker.events().map(|event| event.status).collect();
    same("worker_events", &walked, &expect.worker_events)?;
    same_json("usage", &serde_json::to_value(&summary.usage).unwrap(), &expect.usage)?;
    let records = usage.records();
    same("usage records", &records.len(), &expect.usage_sink.len())?;
    for (record, (model, usage, cost)) in records.iter().zip(&expect.usage_sink) {
        same("recorded model", &&*record.model, &model.as_str())?;
        same("recorded usage", &record.usage, &usage.into())?;
        near("recorded cost", record.cost.to_f64(), *cost)?;
    }
    Ok(())
}

type Performed<'o> = Result<(&'o Outcome, Option<BoxError>), String>;

fn perform<'o>(op: &'o Op, session: &OrchestrationSession, face: &dyn Face) -> Performed<'o> {
    Ok(match op {
        Op::TurnOk { usage, model, expect } => {
            let turn = Turn::model(&**model).usage(usage.into());
            match face.turn(session, turn, Ok(1)) {
                Ok(over_budget) => (expect, over_budget),
                Err(error) => (expect, Some(error.into())),
            }
        }
        Op::TurnErr { message, expect } => {
            let turn = Turn::model("m").usage(UsageSnapshot::default());
            let failed = face.turn(session, turn, Err(message.clone()));
            (expect, Some(failed.err().ok_or("answered")?.into()))
        }
        Op::Tool { tool, expect } => {
            let ran = face.tool(session, ToolCall::new(tool.clone()), Ok(1));
            (expect, ran.err().map(Into::into))
        }
        Op::ToolErr { tool, expect } => {
            let failed = Err("tool failed: disk".to_owned());
            let ran = face.tool(session, ToolCall::new(tool.clone()), failed);
            (expect, ran.err().map(Into::into))
        }
        Op::Gate { observed, satisfied, expect } => {
            let outcome = session.evaluate_gate(*observed);
            same("satisfied", &outcome.map(|outcome| outcome.satisfied), satisfied)?;
            (expect, None)
        }
        Op::Handoff { handoff, expect } => {
            let text = |key: &str| handoff[key].as_str().map(str::to_owned).ok_or("no text");
            let issued = session.handoff_to(
                &text("target_role")?,
                text("reason")?,
                handoff["context"].clone(),
            );
            let issued = serde_json::to_value(issued.map_err(|e| e.to_string())?).unwrap();
            let issued = without(issued, &["created_at", "target_worker_id"]);
            same_json("handoff", &issued, &Value::Object(handoff.clone()))?;
            (expect, None)
        }
    })
}

fn compared(name: AgentEventName) -> bool {
    matches!(
        name,
        AgentEventName::RecoveryAttempted
            | AgentEventName::AgentCompleted
            | AgentEventName::AgentFailed
            | AgentEventName::PhaseGatePassed
            | AgentEventName::PhaseGateFailed
    )
}

/// The vectors' word for what went wrong.
fn kind(error: &(dyn std::error::Error + 'static)) -> Result<&'static str, String> {
    if error.is::<techrevati_runtime::usage::BudgetExceededError>() {
        return Ok("budget_exceeded");
    }
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(TurnError::MaxIterations(_)), _) => Ok("max_iterations_exceeded"),
        (Some(TurnError::CircuitOpen(_)), _) => Ok("circuit_open"),
        (Some(TurnError::Failed(_)), _) | (_, Some(ToolError::Failed(_))) => Ok("failed"),
        (_, Some(ToolError::PermissionDenied(_))) => Ok("permission_denied"),
        (_, Some(ToolError::Guardrail(_))) => Ok("guardrail_violated"),
        _ => Err(format!("unexpected error: {error}")),
    }
}
