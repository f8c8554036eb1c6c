//! Spans and metrics of events, as an exporter sees them.
