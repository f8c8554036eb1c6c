//! Agent states, workers, a shared registry of workers, and handoffs.
//!
//! ```
//! use runtime_lifecycle::{AgentRegistry, AgentStatus};
//!
//! let registry = AgentRegistry::new();
//! let worker = registry.create("writer", "draft", Some(42))?;
//! registry.transition(worker.id(), AgentStatus::Initializing, None)?;
//! registry.transition(worker.id(), AgentStatus::Running, Some("model chosen"))?;
//! assert_eq!(registry.get_by_role_phase("writer", "draft").unwrap().events().count(), 2);
//!
//! let refused = registry.transition(worker.id(), AgentStatus::Idle, None).unwrap_err();
//! assert_eq!(refused.to_string(), "Invalid transition: running → idle");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | name the state of an agent, and check a transition | [`AgentStatus`] |
//! | keep the state and the history of one agent | [`AgentWorker`] |
//! | share the agents of a process | [`AgentRegistry`], [`RegistryConfig`] |
//! | pass work on to another agent | [`Handoff`], [`AgentRegistry::offer`], [`AgentRegistry::claim`] |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod handoff;
mod registry;
mod stamp;
mod status;
mod worker;

pub use self::{
    handoff::Handoff,
    registry::{
        AgentRegistry, Attachment, ClaimError, CreateWorkerError, Offer, RegistryConfig,
        StatusHandle, TransitionError, WorkerNotFoundError,
    },
    status::{AgentStatus, InvalidTransitionError},
    worker::{AgentWorker, AgentWorkerEvent, LastError},
};
