//! Tests of sessions that survive their process.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod approvals;
mod attempts;
mod branch;
mod case;
mod clients;
mod clocks;
mod crashes;
mod doubts;
mod ends;
mod engine;
mod everywhere;
mod faults;
mod fences;
mod fleet;
mod handoffs;
mod histories;
mod history;
mod killed;
mod late;
mod moments;
mod mortal;
mod order;
mod places;
mod resumed;
#[cfg(feature = "seal")]
mod sealed;
mod stuck;
#[cfg(feature = "seal")]
mod whole;
mod world;
