//! Tests of `runtime-sinks` through its public face.

mod common;
mod fan_out;
mod jsonl;
mod promises;
mod properties;
mod queue;
#[cfg(feature = "test-util")]
mod recording;
mod ring;
