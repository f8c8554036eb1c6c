//! The tests of `runtime-fleet`.

mod memory;
