//! One breaker, one budget, one rate limit for all processes of a fleet.
//!
//! Calls use accounts, breakers and limiters of their own process, as fast as without a fleet. A [`Fleet`] keeps them together
//! through a backend, an existing database: in two calls a second, and none on the path of a turn while all is well.
//!
//! ```
//! use std::num::NonZeroU32;
//! use runtime_fleet::{Fleet, MemoryState};
//! use runtime_resilience::{CircuitBreakerConfig, RateLimits};
//! use runtime_usage::{Limit, Usd};
//!
//! const RPM: NonZeroU32 = NonZeroU32::new(600).unwrap();
//!
//! # futures_executor::block_on(async {
//! // In a process of yours: a backend of `runtime-postgres` or `runtime-redis`.
//! let fleet = Fleet::new(MemoryState::new())?;
//! let account = fleet.account("company", Limit::enforced(Usd::from_dollars(500))).await?;
//! let breaker = fleet.breaker("openai", CircuitBreakerConfig::default())?;
//! let limiter = fleet.limiter("openai/gpt-5", RateLimits::default().requests_per_minute(RPM))?;
//! # let _ = (account, breaker, limiter);
//! fleet.shutdown().await?;
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! | to | use |
//! |---|---|
//! | be a member | [`Fleet`], with [`FleetConfig`] and a [`Policy`] for each [`SharedKind`] |
//! | implement a backend | [`SharedState`] and [`Accounts`]; a [`link`] to a server; the suite [`conformance`] |
//! | administer accounts | [`Accounts`], [`Rules`], [`AccountState`] |
//! | test and simulate | [`MemoryState`], [`Fleet::driven`], [`FleetDriver`] |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `conformance` | no | [`conformance`]: the suite of tests that any backend runs |
//! | `link` | no | [`link`]: one connection to a server, driven by a thread of its own, for backends |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod core;
mod counted;
mod error;
mod fleet;
#[cfg(feature = "link")]
pub mod link;
mod member;
mod memory;
mod money;
mod name;
mod pace;
mod probe;
mod state;
mod watchers;

pub use futures_core::future::BoxFuture;

#[doc(inline)]
pub use self::{
    config::{FleetConfig, Policy, SharedKind},
    error::StateError,
    fleet::{Fleet, FleetDriver, FleetError, FleetStatus, HeldMoney},
    member::{MemberId, SHORT},
    memory::MemoryState,
    money::{
        AccountLevel, AccountPath, AccountPathError, AccountState, Booked, Booking, Holder,
        LARGEST_SUM, OnLoss, Rules,
    },
    name::NameError,
    pace::{PerMinute, Share, Want, fair_parts},
    probe::{BreakerView, Probe, ProbeLease, Probed},
    state::{Accounts, Change, MemberReport, SharedState, StateFuture, View, Watcher},
    watchers::Watchers,
};
