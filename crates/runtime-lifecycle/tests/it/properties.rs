//! Worker and registry against models too simple to be wrong.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod registry;
mod worker;
