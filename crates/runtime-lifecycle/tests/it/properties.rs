//! Worker and registry, compared with naive models.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod registry;
mod worker;
