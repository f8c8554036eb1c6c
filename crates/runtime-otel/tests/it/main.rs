//! Spans and metrics of events, as an exporter sees them.

mod contents;
mod conventions;
mod defects;
mod ids;
mod live;
mod metrics;
mod otlp;
mod replay;
mod slow_properties;
mod spans;
mod support;
mod threads;
