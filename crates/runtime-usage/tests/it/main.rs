//! Tests of `runtime-usage` through its public face.

mod accounts;
mod budget;
mod money;
mod prices;
mod promises;
mod properties;
mod snapshot;
mod support;
mod threads;
mod tracker;
