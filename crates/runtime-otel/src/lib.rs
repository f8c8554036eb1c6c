//! Agent events as OpenTelemetry spans and metrics, under the semantic conventions for generative AI.
//!
//! The crate needs the API of OpenTelemetry alone; the caller chooses the SDK and the exporter.
//!
//! ```
//! use opentelemetry::trace::TracerProvider;
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use runtime_orchestrator::{Orchestrator, TelemetryConfig};
//! use runtime_otel::{OtelSink, SemconvProfile};
//!
//! let tracers = SdkTracerProvider::builder().build(); // with an exporter of yours
//! let tracer = tracers.tracer_with_scope(SemconvProfile::V1_41.scope());
//! let sink = OtelSink::new(tracer, &opentelemetry::global::meter("my-agents"));
//! let orchestrator = Orchestrator::new("writer", "draft")
//!     .event_sink(sink.clone())
//!     .telemetry(TelemetryConfig::default().scope_hook(sink.scope()));
//! # drop(orchestrator);
//! ```
//!
//! | item | is |
//! |---|---|
//! | [`OtelSink`] | makes spans and metrics while a run happens; [`OtelScope`] puts the caller's spans below them |
//! | [`replay()`] and [`replay_log`] | make the same spans from a log |
//! | [`otlp_json`], [`write_otlp_json`] | write the same spans as a file |
//! | [`OtelConfig`] and [`SemconvProfile`] | say which conventions, and how much is told |
//! | [`Viewer`] | reads facts under names of its own |
//! | [`OtelStats`] | counts spans by fate |
//! | [`names`] | has every name that leaves this crate |
#![cfg_attr(
    feature = "sdk",
    doc = "| [`EventIds`] | gives spans the ids that they have in their events |"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attributes;
mod call;
mod config;
mod contents;
#[cfg(feature = "sdk")]
mod ids;
mod messages;
mod meters;
pub mod names;
mod note;
mod otlp;
mod projection;
mod provider;
mod recorder;
mod replay;
mod sink;
mod spread;
mod table;
mod time;
mod tokens;
mod tracer;

#[cfg(feature = "sdk")]
#[doc(inline)]
pub use self::ids::EventIds;
#[doc(inline)]
pub use self::{
    config::{OtelConfig, SemconvProfile, Viewer},
    otlp::{otlp_json, write_otlp_json},
    projection::OtelStats,
    replay::{Replayed, replay, replay_log},
    sink::{OtelScope, OtelSink},
};
