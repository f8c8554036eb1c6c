//! Spans and metrics of events, as an exporter sees them.

mod conventions;
mod defects;
#[cfg(feature = "sdk")]
mod ids;
mod live;
#[cfg(feature = "sdk")]
mod properties;
mod replay;
mod spans;
mod support;
mod threads;
