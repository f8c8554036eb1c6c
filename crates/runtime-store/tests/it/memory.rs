//! The store in memory.

use futures_util::FutureExt;
use runtime_store::{MemoryStore, conformance};

#[test]
fn it_passes_the_suite() {
    conformance::run(|| async { MemoryStore::new() }).now_or_never().expect("it never waits");
}
