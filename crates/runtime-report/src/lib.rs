//! What an agent run did, read from its events: a page for people, files for viewers, numbers.
//!
//! A [`Timeline`] is the model: sessions, the spans in them, what happened inside each, what it
//! cost, what is missing. Everything else is a projection of it, and nothing else: the same events
//! give the same bytes.
//!
//! | module | what |
//! |---|---|
//! | [`timeline`] | [`Timeline`], its sessions and spans |
//! | [`check`] | [`Finding`]: what is wrong with a log |
//! | [`stats`] | [`Stats`]: calls, failures, durations, tokens and cost per agent, model and tool |
//! | [`html`] | one page that needs neither scripts nor a network |
//! | [`chrome`] | a Chrome trace, which opens in Perfetto |
//! | [`otlp`] | OTLP JSON, which opens in Jaeger and is read by collectors |
//! | [`mermaid`] | a sequence diagram for a README or an issue |
//! | [`show`] | durations, money and counts as people read them |
//!
//! # Example
//!
//! ```
//! use runtime_events::AgentEvent;
//! use runtime_report::Timeline;
//! use runtime_report::html::Options;
//!
//! let log = r#"{"event":"agent.started","status":"running","emitted_at":"2026-05-20T12:00:00+00:00","role":"writer","session_id":"s1","seq":1,"elapsed_ns":0,"span":"0000000000000001"}
//! {"event":"agent.completed","status":"completed","emitted_at":"2026-05-20T12:00:02+00:00","role":"writer","session_id":"s1","seq":2,"elapsed_ns":2000000000,"span":"0000000000000001","outcome":"ok"}"#;
//! let events: Vec<_> = log.lines().map(AgentEvent::from_json).collect::<Result<_, _>>()?;
//!
//! let timeline = Timeline::read(&events);
//! assert!(timeline.findings().is_empty());
//! let page = timeline.html(&Options::default());
//! assert!(page.starts_with("<!doctype html>") && page.contains("writer"));
//! # Ok::<(), runtime_events::EventParseError>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod check;
pub mod chrome;
pub mod html;
pub mod mermaid;
pub mod otlp;
pub mod show;
pub mod stats;
pub mod timeline;

#[doc(inline)]
pub use self::{
    check::Finding,
    stats::Stats,
    timeline::{Session, Span, SpanKind, Timeline},
};
