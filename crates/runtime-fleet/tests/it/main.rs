//! The tests of `runtime-fleet`.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod breakers;
mod counted;
mod crowd;
mod forgotten;
mod histories;
mod limits;
mod memory;
mod money;
mod properties;
mod refused;
mod returned;
mod routes;
mod rules;
mod support;
mod thread;
mod unused;
mod waiting;
