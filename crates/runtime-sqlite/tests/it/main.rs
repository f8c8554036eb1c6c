//! Tests of the public API.

mod common;
mod failures;
mod imports;
mod kill;
mod migration;
mod opening;
mod promises;
mod reading;
mod real_run;
mod sinks;
mod slow_properties;
mod store;
mod together;
mod views;
