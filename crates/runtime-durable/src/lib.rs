//! Sessions that survive their process.
//!
//! A *thread* is run by name. What its steps come to is recorded; after a crash, a deploy or a wait for a
//! person, the same code runs again, in this process or another, and recorded steps answer without being made
//! again. An effect that must not happen twice is announced before it begins, so that nobody pays twice.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
//! # runtime.block_on(async {
//! use runtime_durable::{Durable, Run};
//! use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
//! use runtime_store::MemoryStore;
//!
//! # async fn chat(prompt: &str) -> Result<String, BoxError> { Ok(format!("pay 12 for {prompt}")) }
//! # async fn pay(key: &str) -> Result<u32, BoxError> { Ok(12) }
//! let durable = Durable::new(Orchestrator::new("clerk", "orders"), MemoryStore::new());
//! let order = String::from("order 4711");
//! let run = async || {
//!     durable
//!         .run("order-4711", async |session| {
//!             let plan = session.run_turn(Turn::model("gpt-5"), || chat(&order)).await?;
//!             let call = ToolCall::new("pay").call_id("call_1").effect(Effect::Keyed);
//!             let paid = session
//!                 .run_tool(call, async |attempt| pay(attempt.key()).await)
//!                 .await?;
//!             Ok(format!("{}: paid {paid}", plan.value))
//!         })
//!         .await
//! };
//!
//! let Run::Done(first) = run().await? else { panic!("nothing waits") };
//! assert_eq!(first.value, "pay 12 for order 4711: paid 12");
//! // The same thread again has its answer, and calls nobody.
//! let Run::Done(again) = run().await? else { panic!("nothing waits") };
//! assert_eq!(again.value, first.value);
//! # Ok::<_, BoxError>(()) }).unwrap();
//! ```
//!
//! | to | use |
//! |---|---|
//! | run threads | [`Durable`], [`Run`] |
//! | record steps | [`DurableSession`]: turns, tools, waits, values, checkpoints |
//! | say what a tool does, and how to find out | [`DurableTool`], [`ToolAttempt`], [`Reconciled`] |
//! | ask a person | [`DurableSession::approval`], [`Approved`] |
//! | record the calls of a layer below a client | [`DurableHandle`], [`Begin`], [`TurnRecord`] |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `seal` | no | `KeySeal`: what a store keeps is encrypted |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod appended;
mod durable;
mod engine;
mod error;
mod finite;
mod handle;
mod held;
mod journal;
mod json;
#[cfg(feature = "seal")]
mod key_seal;
mod life;
mod look;
mod outcome;
mod place;
mod run;
mod session;
mod steps;
mod writer;

#[cfg(feature = "seal")]
pub use self::key_seal::KeySeal;
pub use self::{
    durable::{Durable, OnDivergence},
    error::{ParkedError, RunError, StepError, StepFailure, UnrecordedError},
    handle::DurableHandle,
    outcome::{Done, Parked, Run},
    session::DurableSession,
    steps::{
        ActiveDurableTurn, Approved, Begin, BlockingSteps, DurableTool, Reconciled, ToolAttempt,
        TurnRecord,
    },
};
