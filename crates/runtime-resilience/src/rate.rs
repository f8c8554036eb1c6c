//! The rate limiter.
//!
//! All dimensions and the queue are behind one small lock, and the clock is read outside it. With an
//! atomic word for each dimension, a call refused by the second would have to return its units of the
//! first, and other calls would be refused meanwhile for no reason.

mod bucket;
mod core;
mod demand;
mod error;
mod limiter;
mod limits;
#[cfg(all(test, runtime_loom))]
mod loom_tests;
mod marks;
mod queue;
mod snapshot;

pub use self::core::RateSent;
pub use self::demand::{Demand, RateAsked, RateDimension};
pub use self::error::RateLimitedError;
pub use self::limiter::{
    PauseListener, RateAvailable, RateLimiter, RateReservation, RateReservationRef, RateReserve,
};
pub use self::limits::RateLimits;
pub use self::snapshot::{RateQuota, RateSnapshot};
