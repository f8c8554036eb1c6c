//! The vocabulary of an agent runtime: what happened, how it failed, and when.
//!
//! | module | what |
//! |---|---|
//! | [`event`] | [`AgentEvent`], its constructors, its JSON and its envelope |
//! | [`name`] | [`AgentEventName`] and [`AgentEventStatus`] |
//! | [`failure`] | [`AgentFailureClass`], [`FailureScenario`] and the map between them |
//! | [`data`] | [`Data`], the free-form part of an event |
//! | [`span`] | [`SpanId`] and [`SpanOutcome`] |
//! | [`time`] | [`Clock`] and [`Sleeper`], and the system's |
//! | [`manual`] | [`ManualClock`], which is both and moves only when told to |
//! | [`id`] | [`IdSource`]: where random identifiers come from |
//! | [`scope`] | [`ScopeHook`]: the caller's code inside a span |
//! | [`otel`] | an event as OpenTelemetry attributes |
//!
//! # Example
//!
//! ```
//! use runtime_events::{AgentEvent, AgentFailureClass};
//!
//! let event = AgentEvent::failed("writer", "draft", AgentFailureClass::RateLimit)
//!     .with_detail("429 from the provider")
//!     .with_project(42);
//!
//! let json = event.to_json();
//! assert!(json.starts_with(r#"{"event":"agent.failed","type":"failed","status":"failed""#));
//! assert_eq!(AgentEvent::from_json(&json)?, event);
//! # Ok::<(), runtime_events::EventParseError>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod macros;

pub mod data;
pub mod event;
mod fact;
pub mod failure;
pub mod id;
pub mod manual;
pub mod name;
pub mod otel;
pub mod payload;
pub mod scope;
pub mod span;
pub mod time;
mod wire;

#[doc(inline)]
pub use self::{
    data::{Data, NotAnObjectError},
    event::{AgentEvent, Labels},
    fact::{Fact, Text},
    failure::{AgentFailureClass, FailureScenario},
    id::{CountingIds, IdSource, RandomIds},
    manual::ManualClock,
    name::{AgentEventName, AgentEventStatus, UnknownNameError},
    scope::ScopeHook,
    span::{SpanId, SpanOutcome},
    time::{Clock, Sleep, Sleeper, SystemClock, format_utc},
    wire::EventParseError,
};

#[doc(hidden)]
pub mod __private {
    pub use serde;
}
