//! Tests of the public API.

mod choice;
mod common;
mod fan_out;
mod folder;
mod jsonl;
#[cfg(unix)]
mod kill;
mod promises;
mod properties;
mod queue;
mod reader;
#[cfg(feature = "test-util")]
mod recording;
mod ring;
mod wakes;
