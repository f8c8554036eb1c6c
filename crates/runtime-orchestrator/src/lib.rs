//! The session of one agent: everything around a model call that is not the call.
//!
//! An [`Orchestrator`] is a cheap, cloneable configuration. It opens sessions; a session runs
//! turns (model calls) and tools. **A turn is a transaction**: it is admitted once (session open,
//! iteration cap, deadline, budget, breaker), runs, and is settled once, whichever way it ends:
//! answered, failed, timed out, panicked or dropped. One that [recovers] makes its call again after a
//! failure, as its recipe says: waited for, elsewhere, or changed.
//!
//! [recovers]: OrchestrationSession::run_turn_recovering
//!
//! | module | what |
//! |---|---|
//! | [`orchestrator`] | [`Orchestrator`]: what sessions have in common |
//! | [`session`] | [`OrchestrationSession`]: one agent's run; [`ActiveTurn`], [`SessionHandle`] |
//! | [`turn`] | [`Turn`], [`ToolCall`] and [`Timeout`]: what to run, described |
//! | [`error`] | one error per way to be refused, and [`TurnError`] and [`ToolError`] over them |
//! | [`shutdown`] | [`Shutdown`], [`Drained`]: ending many sessions together |
//! | [`summary`] | [`Summary`] and [`Report`]: what came of it |
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
//! | `anyhow` | no | errors of type `anyhow::Error` are classified by their whole chain and stay downcastable |

mod capture;
pub mod error;
mod escalation;
mod failure;
mod first_tokens;
mod log;
pub mod orchestrator;
mod pace;
mod scope;
pub mod session;
pub mod shutdown;
#[cfg(feature = "tokio")]
mod sleeper;
pub mod summary;
pub mod turn;
mod wait;

#[cfg(feature = "tokio")]
#[doc(inline)]
pub use self::sleeper::TokioSleeper;
#[doc(inline)]
pub use self::{
    capture::{Capture, Content},
    error::{
        AcceptError, BoxError, ChildSessionError, DeadlineExceededError, ForeignAccountError,
        HandoffError, MaxIterationsExceededError, NobodyWaitingError, OpenSessionError, PauseError,
        SessionBusyError, SessionClosedError, SettleError, ShuttingDownError, ToolError,
        ToolTimeoutError, TurnError, TurnTimeoutError, UnestimatedTurnError, UnrecoveredError,
    },
    escalation::Escalation,
    orchestrator::Orchestrator,
    session::{ActiveTurn, Answer, Attempt, OrchestrationSession, SessionHandle, Settled},
    shutdown::{Drained, LeftOver, Shutdown},
    summary::{Report, Summary},
    turn::{Timeout, ToolCall, Turn},
};
