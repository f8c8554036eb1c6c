//! One breaker, one budget, one rate limit for all processes of a fleet.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod memory;
mod money;
mod pace;
mod probe;
mod state;

pub use futures_core::future::BoxFuture;

#[doc(inline)]
pub use self::{
    error::StateError,
    memory::MemoryState,
    money::{AccountPath, AccountPathError, AccountState, Booked, Booking, Level, OnLoss, Rules},
    pace::{PerMinute, Share, Want, fair_parts},
    probe::{BreakerView, Probe, ProbeLease, Probed},
    state::{Accounts, Change, MemberId, Report, SHORT, SharedState, StateFuture, View, Watcher},
};
