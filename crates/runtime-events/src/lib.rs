//! The vocabulary of an agent runtime: typed lifecycle events, the failure taxonomy, and the clock.
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
//!
//! | item | what |
//! |---|---|
//! | [`AgentEvent`] | one event: its constructors, its JSON and its envelope; [`AgentEventName`] and [`AgentEventStatus`] |
//! | [`payload`] | what each kind of event carries, as a struct |
//! | [`Data`] | the free-form part of an event, made of [`Fact`]s |
//! | [`AgentFailureClass`] | how something failed; [`FailureScenario`], and the map between them |
//! | [`SpanId`] | the span an event belongs to; [`SpanOutcome`], how a span ended |
//! | [`Clock`] and [`Sleeper`] | time, as a caller supplies it: [`SystemClock`] and [`ThreadSleeper`]; [`ManualClock`] is both, and moves only when told to |
//! | [`IdSource`] | where random identifiers come from |
//! | [`ScopeHook`] | the caller's code inside a span |
//! | [`without_secrets`] | a text without the keys and passwords in it; [`json_without_secrets`], a value |
//! | [`otel`] | an event as OpenTelemetry attributes |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod macros;

mod data;
mod event;
mod fact;
mod failure;
mod id;
mod manual;
mod name;
pub mod otel;
pub mod payload;
mod scope;
mod secrets;
mod span;
mod thread;
mod time;
mod wire;

#[doc(inline)]
pub use self::{
    data::{Data, NotAnObjectError},
    event::{AgentEvent, Labels, thread_of},
    fact::{Fact, Text},
    failure::{AgentFailureClass, FailureScenario},
    id::{CountingIds, IdSource, RandomIds},
    manual::ManualClock,
    name::{AgentEventName, AgentEventStatus, UnknownNameError},
    scope::ScopeHook,
    secrets::{json_without_secrets, without_secrets},
    span::{SpanId, SpanIdParseError, SpanOutcome},
    thread::ThreadSleeper,
    time::{Clock, Sleep, Sleeper, SystemClock, format_utc},
    wire::EventParseError,
};

#[doc(hidden)]
pub mod __private {
    pub use serde;
}
