//! The atomics of the standard library, or, with `--cfg runtime_loom`, those that loom explores.

#[cfg(runtime_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(runtime_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
