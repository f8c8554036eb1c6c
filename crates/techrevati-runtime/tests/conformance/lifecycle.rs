//! Workers: single transitions and whole walks.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use techrevati_runtime::lifecycle::{
    AgentRegistry, AgentStatus, AgentWorker, InvalidTransitionError, TransitionError,
};

use super::support::{Verdict, every, present, same, same_json, shape, without};

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
    #[serde(deserialize_with = "present")]
    detail: Option<String>,
    ok: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    status: AgentStatus,
    is_terminal: bool,
    #[serde(deserialize_with = "present")]
    last_error_message: Option<String>,
    events: Vec<Value>,
}

#[test]
fn every_lifecycle_vector_agrees() {
    every("lifecycle", |case: Value| {
        if case.get("ops").is_some() {
            let walk = shape(case)?;
            walked(&walk, &mut lone())?;
            walked(&walk, &mut Registered::new()).map_err(|why| format!("in a registry: {why}"))
        } else {
            let step = shape(case)?;
            single(&step, &mut lone())?;
            single(&step, &mut Registered::new()).map_err(|why| format!("in a registry: {why}"))
        }
    });
}

/// A worker, alone or in a registry: both use the same table.
trait Walker {
    fn go(&mut self, to: AgentStatus, detail: Option<&str>) -> Result<(), InvalidTransitionError>;

    fn worker(&self) -> AgentWorker;
}

impl Walker for AgentWorker {
    fn go(&mut self, to: AgentStatus, detail: Option<&str>) -> Result<(), InvalidTransitionError> {
        self.transition(to, detail, DateTime::<Utc>::UNIX_EPOCH).map(|_| ())
    }

    fn worker(&self) -> AgentWorker {
        self.clone()
    }
}

struct Registered {
    registry: AgentRegistry,
    id: String,
}

impl Registered {
    fn new() -> Self {
        let registry = AgentRegistry::new();
        let id = registry.create("writer", "draft", None).unwrap().id().to_string();
        Self { registry, id }
    }
}

impl Walker for Registered {
    fn go(&mut self, to: AgentStatus, detail: Option<&str>) -> Result<(), InvalidTransitionError> {
        match self.registry.transition(&self.id, to, detail) {
            Ok(_) => Ok(()),
            Err(TransitionError::Invalid(refused)) => Err(refused),
            Err(other) => panic!("{other}"),
        }
    }

    fn worker(&self) -> AgentWorker {
        self.registry.get(&self.id).unwrap()
    }
}

fn lone() -> AgentWorker {
    AgentWorker::new("w", "writer", "draft", None, DateTime::<Utc>::UNIX_EPOCH)
}

fn single(step: &Step, walker: &mut impl Walker) -> Verdict {
    use AgentStatus::{Completed, Failed, Idle, Initializing, Running, WaitingForInput};
    let path: &[AgentStatus] = match step.from {
        Idle => &[],
        Initializing => &[Initializing],
        WaitingForInput => &[Initializing, WaitingForInput],
        Running => &[Initializing, Running],
        Completed => &[Initializing, Running, Completed],
        Failed => &[Failed],
        AgentStatus::Cancelled => &[AgentStatus::Cancelled],
    };
    for &status in path {
        walker.go(status, None).map_err(|e| e.to_string())?;
    }
    same("can_become", &step.from.can_become(step.to), &step.allowed)?;
    let went = walker.go(step.to, None);
    same("allowed", &went.is_ok(), &step.allowed)?;
    let (status, message) = match went {
        // The vectors have a message for every pair, including allowed ones.
        Ok(()) => (step.to, format!("Invalid transition: {} → {}", step.from, step.to)),
        Err(refused) => (step.from, refused.to_string()),
    };
    same("status", &walker.worker().status(), &status)?;
    same("message", &message, &step.message)
}

fn walked(walk: &Walk, walker: &mut impl Walker) -> Verdict {
    for (index, op) in walk.ops.iter().enumerate() {
        let went = walker.go(op.to, op.detail.as_deref()).is_ok();
        same(&format!("op {index}"), &went, &op.ok)?;
    }
    let worker = walker.worker();
    same("status", &worker.status(), &walk.expect.status)?;
    same("is_terminal", &worker.status().is_terminal(), &walk.expect.is_terminal)?;
    let message = worker.last_error().map(|error| error.message.to_string());
    same("last_error", &message, &walk.expect.last_error_message)?;
    let events = worker.events().map(|event| serde_json::to_value(event).unwrap());
    let events: Value = events.map(|event| without(event, &["timestamp"])).collect();
    same_json("events", &events, &walk.expect.events.iter().cloned().collect())
}
