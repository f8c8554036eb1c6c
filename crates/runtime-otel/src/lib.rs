//! Agent events as OpenTelemetry spans and metrics, under the semantic conventions for generative AI.
//!
//! | module | what |
//! |---|---|
//! | [`sink`] | [`OtelSink`]: spans and metrics while a run happens; [`OtelScope`]: the caller's spans below them |
//! | [`replay`](mod@replay) | [`replay()`] and [`replay_log`]: the same spans from a log |
//! | [`config`] | [`Config`] and [`SemconvProfile`]: which conventions, and how much is told |
//! | [`projection`] | how events become spans; [`Stats`] |
//! | [`names`] | every name that leaves this crate |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    feature = "sdk",
    doc = "| [`ids`] | [`EventIds`]: spans under the ids that they have in their events |"
)]
//!
//! It needs the API of OpenTelemetry alone: which SDK and which exporter there are is the caller's
//! choice. See [`OtelSink`] for an example.

mod attributes;
pub mod config;
#[cfg(feature = "sdk")]
pub mod ids;
mod meters;
pub mod names;
mod note;
pub mod projection;
pub mod replay;
pub mod sink;
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
    config::{Config, SemconvProfile},
    projection::Stats,
    replay::{Replayed, replay, replay_log},
    sink::{OtelScope, OtelSink},
};
