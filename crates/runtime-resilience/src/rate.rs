//! The rate limiter.
//!
//! All dimensions and the queue are behind one small lock, and the clock is read outside of it. With
//! a word for each dimension, a call that is refused by the second would have to give back what it
//! took of the first, and refuse others in the meantime that would have fit.

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
