//! The circuit breaker: leaves a failing dependency alone, and asks now and then whether it is back.
//!
//! ```text
//!           failures in a row == failure_threshold,
//!           or the window holds too many failed or slow calls, or trip
//!     Closed ─────────────────────────────────────▶ Open ◀──────────┐
//!        ▲                                            │             │
//!        │                        the open wait is over             │ a probe
//!        │                           and a call comes ▼             │ failed
//!        └───────────────────────────────────────── HalfOpen ───────┘
//!              probes succeeded == successes_to_close │ ▲
//!                                                     └─┘ all probes out for longer than a lease
//!
//!     any ── force_open, disable, metrics_only ──▶ ForcedOpen, Disabled, MetricsOnly ── reset ──▶ Closed
//! ```
//!
//! Each arrow, and [`reset`](CircuitBreaker::reset), begins a new *generation*. A [`Permit`] carries
//! the generation it was issued in, and an outcome of an earlier one changes nothing: a call that
//! takes ten minutes says nothing about a breaker that has opened and recovered since.
//!
//! A permit is spent by its outcome. One that is dropped is a cancelled call: it counts neither
//! way, and the place of a cancelled probe is free again.
//!
//! The whole state is one word. Its rules are pure functions from a word to the next one; around
//! them are `compare_exchange` loops. A call through a closed breaker reads the word twice and
//! writes nothing, so that threads do not slow each other down. Only a [`CircuitWindow`] makes outcomes go
//! through a lock, which is held for as long as it takes to write one down.

mod books;
mod call;
mod cell;
mod config;
mod core;
mod error;
#[cfg(all(test, runtime_loom))]
mod loom_tests;
mod outcome;
mod percent;
mod shell;
mod snapshot;
mod state;
mod tick;
#[cfg(feature = "tower")]
pub mod tower;
mod wait;
mod window;
mod word;

pub use self::config::CircuitBreakerConfig;
pub use self::error::{CallError, CircuitOpenError};
pub use self::outcome::CallOutcome;
pub use self::percent::Percent;
pub use self::shell::{CircuitBreaker, Permit, PermitRef, TransitionListener};
pub use self::snapshot::CircuitSnapshot;
pub use self::state::{CircuitCounts, CircuitState, Transition, TransitionCause};
pub use self::wait::{GrowingWait, OpenWait};
pub use self::window::{CircuitWindow, InvalidWindowError};
