//! The runtime of an agent loop as a library.
//!
//! Provider SDKs give the model call; this gives everything around it: who may run which tool, what
//! a run may cost and has cost, when a failing provider is left alone, what is tried after a
//! failure, in which state each agent is, and what happened, in order. **A turn is a transaction**:
//! admitted once, settled once, whichever way it ends.
//!
//! ```
//! use techrevati_runtime::prelude::*;
//!
//! # async fn chat(prompt: &str) -> Result<String, BoxError> { Ok(prompt.to_uppercase()) }
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let orchestrator = Orchestrator::new("writer", "draft")
//!     .circuit_breaker(CircuitBreaker::new("provider"))
//!     .budget(Limit::recorded(Usd::from_dollars(10)));
//!
//! let report = orchestrator
//!     .run(async |session| {
//!         let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(12, 34));
//!         let answer = session.run_turn(turn, || chat("hello")).await?;
//!         Ok(answer.value)
//!     })
//!     .await;
//!
//! assert_eq!(report.summary.usage.total_output_tokens, 34);
//! assert_eq!(report.result?, "HELLO");
//! # Ok::<_, BoxError>(()) }).unwrap();
//! ```
//!
//! # Modules
//!
//! | module | what |
//! |---|---|
//! | [`events`] | typed lifecycle events, the failure taxonomy, clocks |
//! | [`lifecycle`] | agent states, workers, the registry, handoffs |
//! | [`resilience`] | circuit breaker, failure classification, recovery, routes, rate limits, back-off |
//! | [`policy`] | policy rules, quality gates, permissions, guardrails |
//! | [`usage`] | exact money, tokens, prices, cost tracking, budgets |
//! | [`sinks`] | where events and usage records go |
//! | [`orchestrator`] | sessions and turns: all of it wired together |
#![cfg_attr(feature = "report", doc = "| [`report`] | what a run did: a page, traces, numbers |")]
#![cfg_attr(
    feature = "sqlite",
    doc = "| [`sqlite`] | events in a database, with views for cost and tools |"
)]
#![cfg_attr(feature = "otel", doc = "| [`otel`] | events as OpenTelemetry spans and metrics |")]
#![cfg_attr(
    feature = "test-util",
    doc = "| [`testing`] | a scripted model, a manual clock, a recording sink: for tests of your own agents |"
)]
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
//! | `http` | no | a reply of the crate `http` is read by `Fault::from_http`; its `HeaderMap` is read as headers |
//! | `reqwest` | no | the errors of `reqwest` are classified by type: not sent, broken off, too late |
//! | `anyhow` | no | `anyhow::Error` is classified by its whole chain and stays downcastable |
//! | `otel` | no | events as OpenTelemetry spans and metrics |
//! | `otel-sdk` | no | `otel`, and spans under the ids that they have in their events |
//! | `tower` | no | the circuit breaker as a layer of `tower` |
//! | `report` | no | `report`: a run as an HTML page, as traces for viewers, in numbers |
//! | `sqlite` | no | `sqlite`: events in a SQLite database, which is built with a C compiler |
//! | `test-util` | no | `testing`: a scripted model, a manual clock, a recording sink |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(inline)]
pub use runtime_events as events;
#[doc(inline)]
pub use runtime_lifecycle as lifecycle;
#[doc(inline)]
pub use runtime_orchestrator as orchestrator;
#[cfg(feature = "otel")]
#[doc(inline)]
pub use runtime_otel as otel;
#[doc(inline)]
pub use runtime_policy as policy;
#[cfg(feature = "report")]
#[doc(inline)]
pub use runtime_report as report;
#[doc(inline)]
pub use runtime_resilience as resilience;
#[doc(inline)]
pub use runtime_sinks as sinks;
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use runtime_sqlite as sqlite;
#[cfg(feature = "test-util")]
#[doc(inline)]
pub use runtime_testkit as testing;
#[doc(inline)]
pub use runtime_usage as usage;

#[doc(inline)]
pub use runtime_orchestrator::{BoxError, OrchestrationSession, Orchestrator, ToolCall, Turn};

pub mod prelude;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeProgram;

/// The version of this crate, as in its manifest.
#[doc(alias = "__version__")]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
