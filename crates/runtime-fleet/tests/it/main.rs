//! The tests of `runtime-fleet`.

mod breakers;
mod limits;
mod memory;
mod money;
mod properties;
mod support;
mod thread;
