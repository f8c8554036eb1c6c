//! For tests of your own agents: a model that follows a script, a clock that moves by hand, and a
//! sink that records.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! use runtime_events::AgentEventName;
//! use runtime_orchestrator::{Orchestrator, Turn};
//! use runtime_testkit::{ManualClock, RecordingEventSink, ScriptedModel};
//!
//! let events = RecordingEventSink::new();
//! let model = ScriptedModel::new().fails("503 Service Unavailable").replies("hello");
//! let orchestrator = Orchestrator::new("writer", "draft")
//!     .time(ManualClock::new())
//!     .event_sink(events.clone());
//!
//! let session = orchestrator.session()?;
//! let first = session.run_turn(Turn::model("m"), || model.call("hi")).await;
//! assert_eq!(first.unwrap_err().to_string(), "the call failed: provider error");
//! let second = session.run_turn(Turn::model("m"), || model.call("hi again")).await?;
//! assert_eq!(second.value, "hello");
//!
//! assert_eq!(model.prompts(), ["hi", "hi again"]);
//! assert_eq!(events.all(AgentEventName::TurnFailed).len(), 1);
//! # Ok::<_, runtime_orchestrator::BoxError>(()) }).unwrap();
//! ```
//!
//! | to | use |
//! |---|---|
//! | script the replies, failures and delays of a model | [`ScriptedModel`] |
//! | move time by hand, or past every sleep | [`ManualClock`] |
//! | get the same ids in every run | [`CountingIds`] |
//! | look at the events of a run | [`RecordingEventSink`] |
//! | record a run, and play it in a test | `cassette`, with its feature |
//! | run your agent in a world with faults, by seed | `simulation`, with its feature |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `cassette` | no | `cassette`: runs that are recorded in a file and played from it |
//! | `simulation` | no | `simulation`: agents in a world with faults, by seed |
//! | `simulation-durable`, `simulation-fleet` | no | stores and fleets in it |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "cassette")]
#[cfg_attr(docsrs, doc(cfg(feature = "cassette")))]
pub mod cassette;
mod model;
#[cfg(feature = "simulation")]
pub mod simulation;

#[doc(inline)]
pub use self::model::{ScriptOverError, ScriptedModel};
#[doc(inline)]
pub use runtime_events::{CountingIds, ManualClock};
#[doc(inline)]
pub use runtime_sinks::testing::RecordingEventSink;
