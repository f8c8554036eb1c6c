#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | what |
//! |---|---|
//! | [`events`] | typed lifecycle events, the failure taxonomy, clocks |
//! | [`lifecycle`] | agent states, workers, the registry, handoffs |
//! | [`resilience`] | circuit breaker, failure classification, recovery, back-off |
//! | [`policy`] | policy rules, quality gates, permissions, guardrails |
//! | [`usage`] | exact money, tokens, prices, cost tracking, budgets |
//! | [`sinks`] | where events and usage records go |
//! | [`orchestrator`] | sessions and turns: all of it wired together |
#![cfg_attr(feature = "test-util", doc = "| [`testing`] | for tests of your own agents |")]
//!
//! The names of the paved path are at the root and in the [`prelude`]; everything else is in its
//! module.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tokio` | yes | tokio's timer behind timeouts |
//! | `tracing` | yes | log lines through `tracing` |
//! | `anyhow` | no | `anyhow::Error` is classified by its whole chain and stays downcastable |
//! | `test-util` | no | `testing`: a manual clock, a scripted model, a recording sink |

#[doc(inline)]
pub use runtime_events as events;
#[doc(inline)]
pub use runtime_lifecycle as lifecycle;
#[doc(inline)]
pub use runtime_orchestrator as orchestrator;
#[doc(inline)]
pub use runtime_policy as policy;
#[doc(inline)]
pub use runtime_resilience as resilience;
#[doc(inline)]
pub use runtime_sinks as sinks;
#[doc(inline)]
pub use runtime_usage as usage;

#[doc(inline)]
pub use runtime_orchestrator::{BoxError, OrchestrationSession, Orchestrator, ToolCall, Turn};

pub mod prelude;
#[cfg(feature = "test-util")]
pub mod testing;

/// The version of this crate, as in its manifest.
#[doc(alias = "__version__")]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
