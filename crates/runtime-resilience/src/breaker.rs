//! The circuit breaker.
//!
//! The whole state is one word. Its rules are pure functions from a word to the next one; around
//! them are `compare_exchange` loops. A call through a closed breaker reads the word twice and
//! writes nothing, so that threads do not slow each other down. Only a [`CircuitWindow`] makes
//! outcomes go through a lock, which is held while one outcome is written down.

mod books;
mod call;
mod cell;
mod config;
mod core;
mod error;
mod line;
#[cfg(all(test, runtime_loom))]
mod loom_tests;
mod outcome;
mod percent;
mod shell;
mod snapshot;
mod state;
mod tick;
mod ticket;
#[cfg(feature = "tower")]
pub mod tower;
mod wait;
mod window;
mod word;

pub use self::config::CircuitBreakerConfig;
pub use self::error::{CallError, CircuitOpenError};
pub use self::outcome::CallOutcome;
pub use self::percent::Percent;
pub use self::shell::{
    BreakerFollower, CircuitBreaker, Permit, PermitRef, ProbeGate, TransitionListener,
};
pub use self::snapshot::CircuitSnapshot;
pub use self::state::{CircuitCounts, CircuitState, Transition, TransitionCause};
pub use self::wait::{GrowingWait, OpenWait};
pub use self::window::{CircuitWindow, InvalidWindowError};
