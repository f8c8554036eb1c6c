//! Reports of an agent run, from its events: a page for people, files for viewers, numbers.
//!
//! A [`Timeline`] is the model: sessions, their spans, the events inside each, cost, and gaps. Everything
//! else is a projection of it: the same events give the same bytes.
//!
//! ```
//! use runtime_events::AgentEvent;
//! use runtime_report::{PageConfig, Timeline};
//!
//! let log = r#"{"event":"agent.started","status":"running","emitted_at":"2026-05-20T12:00:00+00:00","role":"writer","session_id":"s1","seq":1,"elapsed_ns":0,"span":"0000000000000001"}
//! {"event":"agent.completed","status":"completed","emitted_at":"2026-05-20T12:00:02+00:00","role":"writer","session_id":"s1","seq":2,"elapsed_ns":2000000000,"span":"0000000000000001","outcome":"ok"}"#;
//! let events: Vec<_> = log.lines().map(AgentEvent::from_json).collect::<Result<_, _>>()?;
//!
//! let timeline = Timeline::read(&events);
//! assert!(timeline.findings().is_empty());
//! let page = timeline.html(&PageConfig::default());
//! assert!(page.starts_with("<!doctype html>") && page.contains("writer"));
//! # Ok::<(), runtime_events::EventParseError>(())
//! ```
//!
//! | item | is |
//! |---|---|
//! | [`Timeline`] | the model, its [`Session`]s and [`Span`]s |
//! | [`Timeline::html`] | one page that needs neither scripts nor a network; [`PageConfig`] |
//! | [`live_page`] | a page whose waterfall grows while a run goes on |
//! | [`Timeline::chrome_trace`] | a Chrome trace, which opens in Perfetto |
//! | [`Timeline::mermaid`] | a sequence diagram for a README or an issue |
//! | [`Stats`] | calls, failures, durations, tokens and cost per agent, model and tool |
//! | [`Finding`] | something wrong with a log |
//! | [`show`] | durations, money and counts as people read them |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod check;
mod chrome;
mod deaths;
mod html;
mod mermaid;
mod problems;
pub mod show;
mod stats;
mod timeline;

#[doc(inline)]
pub use self::{
    check::{Finding, Problem},
    html::{PageConfig, live_page},
    stats::{Recoveries, Stats, StatsLine},
    timeline::{Session, Span, SpanKind, ThreadRun, Timeline, TokenUse},
};
