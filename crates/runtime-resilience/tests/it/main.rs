//! The crate as its users see it.
#![cfg_attr(
    all(feature = "reqwest-0-12", feature = "reqwest-0-13"),
    expect(clippy::duplicate_mod, reason = "the same cases run against each version of reqwest")
)]

mod backoff;
mod breaker;
mod breaker_async;
mod breaker_threads;
#[cfg(feature = "tower")]
mod breaker_tower;
mod classify;
mod classify_text;
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
mod shared;
mod support;
