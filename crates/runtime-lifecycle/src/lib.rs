//! Agent states, workers, the worker registry and handoffs.
//!
//! | module | what |
//! |---|---|
//! | [`status`] | [`AgentStatus`], its transition table, [`InvalidTransitionError`] |
//! | [`worker`] | [`AgentWorker`], one agent's state machine, and its bounded log |
//! | [`registry`] | [`AgentRegistry`], the workers of a process, shared and indexed |
//! | [`handoff`] | [`Handoff`], one agent's work passed on to another |
//!
//! # Example
//!
//! ```
//! use runtime_lifecycle::{AgentRegistry, AgentStatus};
//!
//! let registry = AgentRegistry::new();
//! let worker = registry.create("writer", "draft", Some(42))?;
//! registry.transition(worker.id(), AgentStatus::Initializing, None)?;
//! registry.transition(worker.id(), AgentStatus::Running, Some("model chosen"))?;
//!
//! let running = registry.get_by_role_phase("writer", "draft").unwrap();
//! assert_eq!(running.id(), worker.id());
//! assert_eq!(running.events().count(), 2);
//!
//! let refused = registry.transition(worker.id(), AgentStatus::Idle, None).unwrap_err();
//! assert_eq!(refused.to_string(), "Invalid transition: running → idle");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod handoff;
pub mod registry;
pub mod status;
pub mod worker;

#[doc(inline)]
pub use self::{
    handoff::Handoff,
    registry::{
        AgentRegistry, ClaimError, CreateWorkerError, StatusHandle, TransitionError,
        WorkerNotFoundError,
    },
    status::{AgentStatus, InvalidTransitionError},
    worker::{AgentWorker, AgentWorkerEvent, LastError},
};
