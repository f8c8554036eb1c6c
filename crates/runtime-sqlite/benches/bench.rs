//! Benchmarks of this crate: what it takes to keep an event.
fn main() {}
