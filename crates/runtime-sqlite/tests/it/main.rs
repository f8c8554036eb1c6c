//! Tests of the public API.

mod common;
mod failures;
mod imports;
mod kill;
mod opening;
mod promises;
mod properties;
mod reading;
mod real_run;
mod sinks;
mod together;
mod views;
