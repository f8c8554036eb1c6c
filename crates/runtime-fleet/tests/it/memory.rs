//! The backend in memory does what the suite says.

use futures_util::FutureExt as _;
use runtime_fleet::{MemoryState, conformance};

#[test]
fn memory_state_passes_the_suite() {
    conformance::run(|| async { MemoryState::new() }).now_or_never().expect("it never waits");
}

#[test]
fn memory_state_is_fair_to_many() {
    let state = MemoryState::new();
    let states = vec![state; 3];
    conformance::one_probe_each_time(&states).now_or_never().expect("it never waits");
    conformance::parts_of_a_whole(&states).now_or_never().expect("it never waits");
    conformance::one_dollar(&states, || {}).now_or_never().expect("it never waits");
}
