//! The runtime of an agent loop as a library.
//!
//! Provider SDKs make the model call; this library does everything around it: permissions of tools,
//! limits and costs of a run, breakers for failing providers, recovery from failures, the states of
//! agents, and an ordered log of events. **A turn is a transaction**: admitted once, settled once,
//! however it ends.
//!
//! ```
//! use techrevati_runtime::prelude::*;
//!
//! /// Your provider's client goes here.
//! async fn chat(prompt: &str) -> Result<String, BoxError> {
//!     Ok(prompt.to_uppercase())
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), BoxError> {
//!     let orchestrator = Orchestrator::new("writer", "draft")
//!         .circuit_breaker(CircuitBreaker::new("provider"))
//!         .budget(Limit::recorded(Usd::from_dollars(10)));
//!
//!     let report = orchestrator
//!         .run(async |session| {
//!             let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(12, 34));
//!             let answer = session.run_turn(turn, || chat("hello")).await?;
//!             Ok(answer.value)
//!         })
//!         .await;
//!
//!     assert_eq!(report.summary.usage.total_output_tokens, 34);
//!     assert_eq!(report.result?, "HELLO");
//!     Ok(())
//! }
//! ```
//!
//! # Below the client that you have
//!
//! A client that sends its calls by HTTP needs no closure around each of them. `http_layer::Turns` stands below it and makes
//! a turn of each: as a layer of `async-openai`, as a middleware of `reqwest` and so of `rig`, or as a layer of `tower`. It
//! takes one line and one of the [features](#features) with their names.
//!
//! The [guides](https://github.com/Techrevati/runtime/blob/main/docs/README.md) begin with an agent from an empty file, and
//! have a page for clients, budgets, recovery, tools and each other part.
//!
//! # Modules
//!
//! | module | contents |
//! |---|---|
//! | [`events`] | typed lifecycle events, the failure taxonomy, clocks |
//! | [`lifecycle`] | agent states, workers, the registry, handoffs |
//! | [`resilience`] | circuit breaker, failure classification, recovery, routes, rate limits, back-off |
//! | [`policy`] | policy rules, quality gates, permissions, guardrails |
//! | [`usage`] | exact money, tokens, prices, cost tracking, budgets |
//! | [`sinks`] | destinations of events and usage records |
//! | [`orchestrator`] | sessions and turns, which connect all other modules |
#![cfg_attr(
    feature = "http-layer",
    doc = "| [`http_layer`] | a layer below HTTP clients: each model call is a turn |"
)]
#![cfg_attr(feature = "report", doc = "| [`report`] | what a run did: a page, traces, numbers |")]
#![cfg_attr(
    feature = "sqlite",
    doc = "| [`sqlite`] | events in a database, with views for cost and tools |"
)]
#![cfg_attr(
    feature = "postgres",
    doc = "| [`postgres`] | threads of durable agents in a database that a fleet shares |"
)]
#![cfg_attr(
    feature = "fleet-redis",
    doc = "| [`redis`] | what the processes of a fleet share, in Redis |"
)]
#![cfg_attr(feature = "otel", doc = "| [`otel`] | events as OpenTelemetry spans and metrics |")]
#![cfg_attr(
    feature = "durable",
    doc = "| [`durable`], [`store`] | sessions that survive their process, and what their stores keep |"
)]
#![cfg_attr(
    feature = "fleet",
    doc = "| [`fleet`] | one breaker, one budget, one limit for all processes |"
)]
#![cfg_attr(
    feature = "tools",
    doc = "| [`tools`] | typed tools for a model, and the loop from a question to an answer |"
)]
#![cfg_attr(feature = "mcp", doc = "| [`mcp`] | the tools of MCP servers |")]
#![cfg_attr(
    feature = "test-util",
    doc = "| [`testing`] | a scripted model, a manual clock, a recording sink: for tests of your own agents |"
)]
//!
//! The most used names are at the root and in the [`prelude`]; all others are in their modules.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tokio` | yes | tokio's timer behind timeouts |
//! | `tracing` | yes | log lines through `tracing` |
//! | `http` | no | the `HeaderMap` of the crate `http` is accepted as headers of a reply |
//! | `reqwest-0-12`, `reqwest-0-13` | no | errors of that version of `reqwest` are classified by type: not sent, broken off, too late |
//! | `stream` | no | `SessionEvents`, the events of a session as they happen, is a `Stream` of `futures` |
//! | `anyhow` | no | `anyhow::Error` is classified by its whole chain and stays downcastable |
//! | `otel` | no | events as OpenTelemetry spans and metrics |
//! | `otel-sdk` | no | `otel`, and spans with the ids of their events |
//! | `http-layer` | no | `http_layer`: each model call of an HTTP client is a turn |
//! | `tower` | no | the circuit breaker as a layer of `tower`; with `http-layer` its turns, too |
//! | `reqwest-middleware` | no | `http-layer` as a middleware of `reqwest-middleware`, and so of `rig` |
//! | `async-openai` | no | `http-layer` as a layer of `async-openai` 0.43 |
//! | `bedrock` | no | `http-layer` reads the binary streams of Amazon Bedrock |
//! | `report` | no | `report`: a run as an HTML page, as traces for viewers, in numbers |
//! | `sqlite` | no | `sqlite`: events in a SQLite database, built with a C compiler |
//! | `durable` | no | `durable` and `store`: sessions that survive their process, and what their stores keep; with `sqlite` a store in a file, with `http-layer` recorded calls of clients |
//! | `fleet` | no | `fleet`: one breaker, one budget, one limit for all processes of a fleet |
//! | `durable-seal` | no | encryption of what a store keeps; with `durable` |
//! | `postgres` | no | `postgres`: threads of durable agents in a Postgres database |
//! | `fleet-postgres` | no | `postgres::PgFleet`: what the processes of a fleet share, in Postgres |
//! | `fleet-redis` | no | `redis`: what the processes of a fleet share, in Redis |
//! | `tools` | no | `tools`: typed tools for a model, with JSON schemas, and the loop around them |
//! | `mcp` | no | `mcp`: the tools of MCP servers, through `rmcp`; with `tools` |
//! | `test-util` | no | `testing`: a scripted model, a manual clock, a recording sink |
//! | `cassette` | no | `test-util`, and `testing::cassette`: runs that are recorded in a file and played in tests; with `http-layer` below HTTP clients |
//! | `simulation` | no | `testing::simulation`: agents in a world with faults, by seed; `simulation-durable` and `simulation-fleet` add stores and fleets |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(inline)]
pub use runtime_events as events;
#[cfg(feature = "fleet")]
#[doc(inline)]
pub use runtime_fleet as fleet;
#[cfg(feature = "http-layer")]
#[doc(inline)]
pub use runtime_http as http_layer;
#[doc(inline)]
pub use runtime_lifecycle as lifecycle;
#[cfg(feature = "mcp")]
#[doc(inline)]
pub use runtime_mcp as mcp;
#[doc(inline)]
pub use runtime_orchestrator as orchestrator;
#[cfg(feature = "otel")]
#[doc(inline)]
pub use runtime_otel as otel;
#[doc(inline)]
pub use runtime_policy as policy;
#[cfg(feature = "postgres")]
#[doc(inline)]
pub use runtime_postgres as postgres;
#[cfg(feature = "fleet-redis")]
#[doc(inline)]
pub use runtime_redis as redis;
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
#[cfg(feature = "tools")]
#[doc(inline)]
pub use runtime_tools as tools;
#[doc(inline)]
pub use runtime_usage as usage;
#[cfg(feature = "durable")]
#[doc(inline)]
pub use {runtime_durable as durable, runtime_store as store};

#[doc(inline)]
pub use runtime_orchestrator::{BoxError, OrchestrationSession, Orchestrator, ToolCall, Turn};

pub mod prelude;

/// The version of this crate.
#[doc(alias = "__version__")]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
