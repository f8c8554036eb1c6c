//! Tests of the public API.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod conditions;
mod engine;
mod guardrails;
mod permissions;
mod promises;
mod properties;
mod quality;
