//! Recovering turns, which repeat their call as a recipe says.
//!
//! ```text
//!   turn_started
//!     ├─ attempt 1 ── failed ─▶ recovery.attempted {steps, wait} ─▶ waits, or
//!     │                                                  recovery.provider_switched
//!     ├─ attempt 2 ── failed ─▶ recovery.failed ─▶ recovery.attempted ─▶ …
//!     ├─ attempt 3 ── answered ─▶ recovery.succeeded
//!   turn_completed
//!                     …or no step helps, or none is left ─▶ recovery.failed
//!                                                           recovery.escalated
//!   turn_failed
//! ```
//!
//! [`TurnRecovery`](runtime_resilience::TurnRecovery) decides the next step after a failure; this
//! module carries it out.

mod attempt;
mod call;
mod hedge;
mod meaning;
mod plan;
mod run;
mod settle;
mod steps;
mod story;
mod turn;

pub use self::attempt::Attempt;
pub(crate) use self::run::run;
pub use self::turn::{ActiveAttempt, RecoveringTurn};
