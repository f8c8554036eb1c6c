//! The promises of the tools for tests.

#[cfg(feature = "cassette")]
mod cassette;
mod model;
#[cfg(feature = "simulation")]
mod simulation;
