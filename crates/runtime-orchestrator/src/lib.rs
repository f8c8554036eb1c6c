//! Sessions of an agent: everything around its model calls.
//!
//! An [`Orchestrator`] is a configuration that is cheap to clone. It opens sessions; a session runs
//! turns (model calls) and tools. **A turn is a transaction**: it is admitted once (session open,
//! iteration cap, deadline, budget, breaker), runs, and is settled once, however it ends: answered,
//! failed, timed out, panicked or dropped. A turn that [recovers] repeats its call after a failure,
//! as the recipe of the failure says: after a wait, at another provider, or with a changed request.
//!
//! [recovers]: OrchestrationSession::run_turn_recovering
//!
//! # Example
//!
//! ```
//! use runtime_orchestrator::{Orchestrator, Turn};
//! use runtime_usage::UsageSnapshot;
//!
//! # #[derive(Clone)] struct Reply { text: String, tokens: (u64, u64) }
//! # async fn chat(prompt: &str) -> Result<Reply, std::io::Error> {
//! #     Ok(Reply { text: format!("re: {prompt}"), tokens: (12, 34) })
//! # }
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let orchestrator = Orchestrator::new("writer", "draft").max_iterations(10);
//!
//! let report = orchestrator
//!     .run(async |session| {
//!         let turn = Turn::model("gpt-5")
//!             .usage_from(|reply: &Reply| UsageSnapshot::new(reply.tokens.0, reply.tokens.1));
//!         let draft = session.run_turn(turn, || chat("write a haiku")).await?;
//!         Ok(draft.value.text)
//!     })
//!     .await;
//!
//! assert_eq!(report.summary.usage.turns, 1);
//! assert_eq!(report.result.unwrap(), "re: write a haiku");
//! # });
//! ```
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tokio` | yes | tokio's timer as the default [`Sleeper`](runtime_events::Sleeper), so that a `Duration` is a [`Timeout`] |
//! | `tracing` | yes | log lines through `tracing` |
//! | `stream` | no | [`SessionEvents`] is a `Stream` of `futures` |
//! | `anyhow` | no | errors of type `anyhow::Error` are classified by their whole chain and stay downcastable |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod capture;
mod core;
mod error;
mod escalation;
mod failure;
mod limits;
mod log;
mod orchestrator;
mod park;
mod parts;
mod recover;
mod recovery;
mod report;
mod roster;
mod scope;
mod session;
mod setup;
mod shutdown;
#[cfg(feature = "tokio")]
mod sleeper;
mod telemetry;
mod tell;
mod tool;
mod turn;
mod usual;
mod wait;

#[cfg(feature = "tokio")]
pub use self::sleeper::TokioSleeper;
pub use self::{
    capture::{Capture, Content},
    error::{
        BoxError, CalledFromSinkError, DeadlineExceededError, ForeignAccountError,
        MaxIterationsExceededError, SessionBusyError, SessionClosedError, SessionError,
        ShuttingDownError, TooManyHandoffsError, ToolError, ToolTimeoutError, TurnError,
        TurnTimeoutError, UnestimatedTurnError, UninterruptibleCallError, UnrecoveredError,
    },
    escalation::Escalation,
    limits::Timeout,
    orchestrator::Orchestrator,
    parts::stream::MissedEventsError,
    recover::{ActiveAttempt, Attempt, RecoveringTurn},
    recovery::RecoveryConfig,
    report::{Drained, LeftOver, Report, Summary},
    session::{
        Acceptance, BlockingCalls, OrchestrationSession, Restored, SessionEvents, SessionHandle,
        block_on, role_of,
    },
    shutdown::Shutdown,
    telemetry::TelemetryConfig,
    tool::{ActiveTool, Effect, ToolCall},
    turn::{ActiveTurn, Answer, IntoUsage, ReplyReader, Settled, Turn},
};
