//! Turns that recover: the call is made again, as its recipe says.
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
//! What is decided after a failure, [`TurnRecovery`](runtime_resilience::recovery::TurnRecovery)
//! decides. Here it is carried out, once for tasks and once for threads.

mod attempt;
mod blocking;
mod call;
mod carry_out;
mod drive;
mod ending;
mod hedge;
mod meaning;
mod story;
mod turn;

pub use self::attempt::Attempt;
