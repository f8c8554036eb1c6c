//! One breaker, one budget, one rate limit for all processes of a fleet.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod core;
mod error;
mod fleet;
mod memory;
mod money;
mod pace;
mod probe;
mod state;

pub use futures_core::future::BoxFuture;

#[doc(inline)]
pub use self::{
    config::{FleetConfig, Kind, Policy},
    error::StateError,
    fleet::{Fleet, FleetDriver, FleetError, FleetStatus, HeldMoney},
    memory::MemoryState,
    money::{AccountPath, AccountPathError, AccountState, Booked, Booking, Level, OnLoss, Rules},
    pace::{PerMinute, Share, Want, fair_parts},
    probe::{BreakerView, Probe, ProbeLease, Probed},
    state::{Accounts, Change, MemberId, Report, SHORT, SharedState, StateFuture, View, Watcher},
};
