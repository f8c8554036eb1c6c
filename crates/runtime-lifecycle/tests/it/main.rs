//! Integration tests, one binary.

mod handoff;
mod properties;
mod registry;
mod status;
mod threads;
mod worker;
