//! The tests of `runtime-fleet`.

mod memory;
mod money;
mod support;
