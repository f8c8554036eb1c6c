//! Tests of sessions that survive their process.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod approvals;
mod branch;
mod crashes;
mod ends;
mod fences;
mod handoffs;
mod killed;
mod mortal;
mod order;
mod resumed;
#[cfg(feature = "seal")]
mod sealed;
mod world;
