//! The atomics and locks of the standard library, or, with `--cfg runtime_loom`, those that loom
//! explores.

#[cfg(runtime_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};
#[cfg(not(runtime_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};
