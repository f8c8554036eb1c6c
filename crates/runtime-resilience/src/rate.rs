//! How fast calls may go: [`RateLimiter`], for requests and tokens at once.
//!
//! A call takes what it is likely to use before it is made, and gives the rest back, or takes the
//! difference, when it is known:
//!
//! ```text
//!            try_reserve                          settle(used)
//!            reserve (waits)      ┌────────────┐  given back: reserved, not used
//!  caller ───────────────────────▶│ Reservation│──────────────────────────────────▶ done
//!     │                           └────────────┘  taken: used, not reserved
//!     │ refused: RateLimitedError       │ cancel: all given back, it was never sent
//!     ▼                                 │ drop: all kept, it may have been counted
//!  what, and for how long               ▼
//! ```
//!
//! # What is guaranteed
//!
//! - Of every dimension that is limited, or of none: a refused call changes nothing.
//! - What calls used that were let through within any time `t` is at most a burst and what comes in
//!   during `t`, as long as they use no more than they reserved; what they use beyond it is made up
//!   for before the next call goes.
//! - Settling for less is as if no more had been reserved, and cancelling as if nothing had been. The
//!   order in which calls settle makes no difference.
//! - `retry_after` is exact: not a nanosecond sooner, and no later unless something else happens.
//! - Those who wait go in the order in which they came, at the rate of the limits: nobody who comes
//!   later or does not wait goes first. Giving up passes the turn on.
//!
//! # One lock
//!
//! All dimensions and the queue are behind one small lock, and the clock is read outside of it. With a
//! word for each dimension, a call that is refused by the second would have to give back what it took
//! of the first, and refuse others in the meantime that would have fit.

mod bucket;
mod core;
mod demand;
mod error;
mod limiter;
mod limits;
#[cfg(all(test, runtime_loom))]
mod loom_tests;
mod queue;
mod snapshot;

pub use self::core::RateSent;
pub use self::demand::{Demand, RateDimension};
pub use self::error::RateLimitedError;
pub use self::limiter::{RateAvailable, RateLimiter, RateReservation, RateReserve};
pub use self::limits::RateLimits;
pub use self::snapshot::{RateQuota, RateSnapshot};
