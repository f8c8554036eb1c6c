//! The circuit breaker: leaves a failing dependency alone, and asks now and then whether it is back.
//!
//! ```text
//!            failures in a row == failure_threshold
//!     Closed ─────────────────────────────────────▶ Open ◀──────────┐
//!        ▲                                            │             │
//!        │                       recovery_timeout over│             │ a probe
//!        │                           and a call comes ▼             │ failed
//!        └───────────────────────────────────────── HalfOpen ───────┘
//!              probes succeeded == successes_to_close
//! ```
//!
//! Each arrow, and [`reset`](CircuitBreaker::reset), begins a new *generation*. A [`Permit`] carries
//! the generation it was issued in, and an outcome of an earlier one changes nothing: a call that
//! takes ten minutes says nothing about a breaker that has opened and recovered since.
//!
//! A permit is spent by its outcome. One that is dropped is a cancelled call: it counts neither
//! way, and the place of a cancelled probe is free again.
//!
//! [`Core`] holds the rules and takes the time as an argument; [`CircuitBreaker`] holds the lock and
//! the clock, and is the same for threads and tasks.

mod call;
mod config;
mod core;
mod error;
mod permit;
mod shell;

pub use self::config::Config;
pub use self::core::{CircuitState, Core, Refusal, Ticket, Transition};
pub use self::error::{CallError, CircuitOpenError};
pub use self::permit::Permit;
pub use self::shell::{CircuitBreaker, TransitionListener};
