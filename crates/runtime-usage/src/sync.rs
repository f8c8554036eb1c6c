//! The atomics of the standard library, or of loom with `--cfg runtime_loom`.

#[cfg(runtime_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(runtime_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
