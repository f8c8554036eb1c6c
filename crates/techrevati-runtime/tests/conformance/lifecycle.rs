//! Workers: single steps and whole walks.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use techrevati_runtime::lifecycle::{AgentStatus, AgentWorker, InvalidTransitionError};

use super::support::{Verdict, every, same, same_json, without};

#[derive(Deserialize)]
#[serde(untagged)]
enum Case {
    Step(Step),
    Walk(Walk),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    from: AgentStatus,
    to: AgentStatus,
    allowed: bool,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Walk {
    ops: Vec<Op>,
    expect: End,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Op {
    to: AgentStatus,
    detail: Option<String>,
    ok: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    status: AgentStatus,
    is_terminal: bool,
    last_error_message: Option<String>,
    events: Vec<Value>,
}

#[test]
fn every_lifecycle_vector_agrees() {
    every("lifecycle", |case| match case {
        Case::Step(step) => single(&step),
        Case::Walk(walk) => walked(&walk),
    });
}

fn worker() -> AgentWorker {
    AgentWorker::new("w", "writer", "draft", None, DateTime::<Utc>::UNIX_EPOCH)
}

fn go(
    worker: &mut AgentWorker,
    to: AgentStatus,
    detail: Option<&str>,
) -> Result<(), InvalidTransitionError> {
    worker.transition(to, detail, DateTime::<Utc>::UNIX_EPOCH).map(|_| ())
}

fn single(step: &Step) -> Verdict {
    let mut worker = worker();
    let path: &[AgentStatus] = match step.from {
        AgentStatus::Idle => &[],
        AgentStatus::Initializing => &[AgentStatus::Initializing],
        AgentStatus::WaitingForInput => &[AgentStatus::Initializing, AgentStatus::WaitingForInput],
        AgentStatus::Running => &[AgentStatus::Initializing, AgentStatus::Running],
        AgentStatus::Completed => {
            &[AgentStatus::Initializing, AgentStatus::Running, AgentStatus::Completed]
        }
        AgentStatus::Failed => &[AgentStatus::Failed],
        AgentStatus::Cancelled => &[AgentStatus::Cancelled],
    };
    for &status in path {
        go(&mut worker, status, None).map_err(|e| e.to_string())?;
    }
    same("can_become", &step.from.can_become(step.to), &step.allowed)?;
    let went = go(&mut worker, step.to, None);
    same("allowed", &went.is_ok(), &step.allowed)?;
    same("status", &worker.status(), if step.allowed { &step.to } else { &step.from })?;
    if let Err(refused) = went {
        same("message", &refused.to_string(), &step.message)?;
    }
    Ok(())
}

fn walked(walk: &Walk) -> Verdict {
    let mut worker = worker();
    for (index, op) in walk.ops.iter().enumerate() {
        let went = go(&mut worker, op.to, op.detail.as_deref()).is_ok();
        same(&format!("op {index}"), &went, &op.ok)?;
    }
    same("status", &worker.status(), &walk.expect.status)?;
    same("is_terminal", &worker.is_terminal(), &walk.expect.is_terminal)?;
    let message = worker.last_error().map(|error| error.message.to_string());
    same("last_error", &message, &walk.expect.last_error_message)?;
    let events = worker.events().map(|event| serde_json::to_value(event).unwrap());
    let events: Value = events.map(|event| without(event, &["timestamp"])).collect();
    same_json("events", &events, &walk.expect.events.iter().cloned().collect())
}
