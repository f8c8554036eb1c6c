//! Whole sessions, blocking and async.

mod case;

use std::future::ready;
use std::sync::Arc;

use serde_json::{Value, json};
use techrevati_runtime::events::{AgentEvent, AgentEventName, AgentEventStatus};
use techrevati_runtime::lifecycle::AgentStatus;
use techrevati_runtime::orchestrator::{OrchestrationSession, ToolError, TurnError};
use techrevati_runtime::resilience::{RecoveryOutcome, chain_text};
use techrevati_runtime::sinks::{RingBufferEventSink, RingBufferUsageSink, UsageRecord};
use techrevati_runtime::usage::{BudgetExceededError, UsageSnapshot};
use techrevati_runtime::{BoxError, ToolCall, Turn};

use self::case::{Books, Case, HandedOver, Op, Outcome, Said};
use super::support::{Verdict, every, near, now, same, same_json, without};
use super::usage::Usage;

#[test]
fn every_session_vector_agrees_blocking() {
    every("session", |case: Case| run(&case, &Blocking));
}

#[test]
fn every_session_vector_agrees_async() {
    every("session", |case: Case| run(&case, &Async));
}

/// The blocking or the async API.
trait Face {
    fn turn(
        &self,
        session: &OrchestrationSession,
        turn: Turn<u8>,
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
        turn: Turn<u8>,
        reply: Result<u8, String>,
    ) -> Result<Option<BoxError>, TurnError> {
        let answer = session.blocking().run_turn(turn, || reply)?;
        Ok(answer.over_budget.map(Into::into))
    }

    fn tool(
        &self,
        session: &OrchestrationSession,
        tool: ToolCall,
        result: Result<u8, String>,
    ) -> Result<u8, ToolError> {
        session.blocking().run_tool(tool, || result)
    }
}

impl Face for Async {
    fn turn(
        &self,
        session: &OrchestrationSession,
        turn: Turn<u8>,
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

fn run(case: &Case, face: &dyn Face) -> Verdict {
    let (events, records) = (RingBufferEventSink::default(), RingBufferUsageSink::default());
    let orchestrator = case.config.orchestrator()?;
    let orchestrator = orchestrator.event_sink(events.clone()).usage_sink(records.clone());
    let session = orchestrator.session().map_err(|e| e.to_string())?;
    let mut last = None;
    for (index, op) in case.ops.iter().enumerate() {
        let done = perform(op, &session, face).and_then(|(expect, error)| {
            let (result, message) = match &error {
                None => ("ok", None),
                Some(error) => (kind(&**error)?, Some(chain_text(&**error))),
            };
            let outcome = Outcome { result: result.to_owned(), message };
            same("outcome", &outcome, expect)?;
            Ok(error.map(|error| (outcome.result, error)))
        });
        last = done.map_err(|why| format!("op {index}: {why}"))?;
    }
    let report = match (&case.propagates_error, last) {
        (None, _) => session.finish(Ok::<_, BoxError>(())),
        (Some(kind), Some((result, error))) => {
            same("propagated", &result, kind)?;
            let text = error.to_string();
            let report = session.finish(Err(error));
            let left = report.result.as_ref().err().map(ToString::to_string);
            same("error that left", &left, &Some(text))?;
            report
        }
        (Some(_), None) => return Err("no error to propagate".to_owned()),
    };
    same("propagates", &report.result.is_err(), &case.propagates_error.is_some())?;

    let (summary, expect) = (&report.summary, &case.expect);
    let worker = orchestrator.shared_registry().get(summary.worker.id()).ok_or("no worker")?;
    same("worker in the registry", &worker, &summary.worker)?;
    same("project", &worker.project_id(), &case.config.project_id)?;
    same("status", &worker.status(), &expect.status)?;
    let walked: Vec<AgentStatus> = worker.events().map(|event| event.status).collect();
    same("worker_events", &walked, &expect.worker_events)?;
    // The session's event log and its sink have the same events.
    let expected = expect.events.iter().map(scenario_alone).collect::<Result<Vec<_>, _>>()?;
    same("events", &said(&summary.agent_events), &expected)?;
    same("events in the sink", &said(&events.events()), &expected)?;
    billed(&serde_json::to_value(&summary.usage).unwrap(), &expect.usage)?;
    recorded(&records.records(), &expect.usage_sink)
}

/// Difference 13: of the original's report of an untried recovery, only the scenario remains.
fn scenario_alone(said: &Said) -> Result<Said, String> {
    if said.event != AgentEventName::RecoveryAttempted {
        return Ok(said.clone());
    }
    same("status", &said.status, &AgentEventStatus::Running)?;
    let detail = said.detail.as_deref().unwrap_or_default();
    let (scenario, outcome) = detail.split_once(": ").ok_or("a recovery without an outcome")?;
    outcome.parse::<RecoveryOutcome>().map_err(|e| e.to_string())?;
    Ok(Said { detail: Some(scenario.to_owned()), ..said.clone() })
}

/// The five event names of the vectors, in order. The port emits more events, and a plain turn
/// names its scenario in `agent.turn_failed`, at the same place.
fn said(events: &[Arc<AgentEvent>]) -> Vec<Said> {
    let compared = |event: &&Arc<AgentEvent>| {
        matches!(
            event.event,
            AgentEventName::RecoveryAttempted
                | AgentEventName::TurnFailed
                | AgentEventName::AgentCompleted
                | AgentEventName::AgentFailed
                | AgentEventName::PhaseGatePassed
                | AgentEventName::PhaseGateFailed
        )
    };
    let said = events.iter().filter(compared).map(|event| match event.event {
        AgentEventName::TurnFailed => Said {
            event: AgentEventName::RecoveryAttempted,
            status: AgentEventStatus::Running,
            detail: event
                .data
                .as_ref()
                .and_then(|data| Some(data.get("scenario")?.as_str()?.to_owned())),
        },
        _ => Said {
            event: event.event,
            status: event.status,
            detail: event.detail.as_deref().map(str::to_owned),
        },
    });
    said.collect()
}

fn billed(usage: &Value, expect: &Books) -> Verdict {
    let cost = usage["total_cost_usd"].as_f64().ok_or("the summary has no cost")?;
    near("total_cost_usd", cost, expect.total_cost_usd)?;
    let ours = without(usage.clone(), &["total_cost_usd"]);
    let expect = json!({
        "turns": expect.turns,
        "total_input_tokens": expect.total_input_tokens,
        "total_output_tokens": expect.total_output_tokens,
        "formatted_cost": expect.formatted_cost,
    });
    same_json("usage", &ours, &expect)
}

fn recorded(records: &[UsageRecord], expect: &[(String, Usage, f64)]) -> Verdict {
    same("usage records", &records.len(), &expect.len())?;
    for (record, (model, usage, cost)) in records.iter().zip(expect) {
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
            let HandedOver { target_role, reason, context, .. } = handoff.clone();
            let issued = session.handoff_to(&target_role, reason, context);
            let issued = serde_json::to_value(issued.map_err(|e| e.to_string())?).unwrap();
            let issued = without(issued, &["created_at", "target_worker_id"]);
            same_json("handoff", &issued, &serde_json::to_value(handoff).unwrap())?;
            (expect, None)
        }
    })
}

/// The name of an error in the vectors.
fn kind(error: &(dyn std::error::Error + 'static)) -> Result<&'static str, String> {
    if error.is::<BudgetExceededError>() {
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
