//! The crate as its users see it.

mod backoff;
mod breaker;
mod breaker_async;
mod breaker_threads;
#[cfg(feature = "tower")]
mod breaker_tower;
mod classify;
mod fallback;
mod fault;
mod promises;
mod properties;
mod recovery;
mod route;
mod support;
