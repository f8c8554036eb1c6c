//! Benchmarks of this crate.
fn main() {}
