//! The locks and threads of the standard library, or of loom with `--cfg runtime_loom`.

#[cfg(runtime_loom)]
pub(crate) use loom::{
    sync::{Mutex, MutexGuard},
    thread::{self, Thread},
};
#[cfg(not(runtime_loom))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard},
    thread::{self, Thread},
};
