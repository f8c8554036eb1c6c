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
mod hedge;
mod promises;
mod properties;
mod rate;
mod recovery;
mod recovery_turn;
mod retry_budget;
mod route;
mod support;
