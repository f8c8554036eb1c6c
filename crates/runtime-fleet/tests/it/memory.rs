//! The backend in memory does what the suite says.

use futures_util::FutureExt as _;
use runtime_fleet::{MemoryState, conformance};

#[test]
fn memory_state_passes_the_suite() {
    conformance::run(|| async { MemoryState::new() }).now_or_never().expect("it never waits");
}
