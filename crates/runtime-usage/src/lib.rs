//! Exact money, token usage, price tables, cost tracking and budgets for model calls.
//!
//! | module | what |
//! |---|---|
//! | [`usd`], [`signed`] | [`Usd`], an exact amount, and [`SignedUsd`], a difference of two |
//! | [`snapshot`] | [`UsageSnapshot`], the tokens of a turn |
//! | [`reported`], [`tier`] | [`ReportedUsage`], what a provider says of a turn, and its [`ServiceTier`] |
//! | [`wire`], [`stream`] | usage as providers report it: read at once, or gathered by [`StreamUsage`] |
//! | [`pricing`] | [`ModelPricing`], the prices of a model, and what a turn costs |
//! | [`table`] | [`PricingTable`]: prices by model name, and the one of the process |
//! | [`file`](mod@file) | what can be wrong with a price file |
//! | [`tracker`], [`summary`] | [`UsageTracker`]: turns, tokens and cost per model |
//! | [`budget`] | [`Budget`] and its refusals |
//!
//! Each turn's cost is rounded to a nano-dollar once; everything after that is a sum of integers,
//! the same in any order.
//!
//! # Example
//!
//! ```
//! use runtime_usage::{Budget, PricingTable, UsageSnapshot, UsageTracker, Usd};
//!
//! let pricing = PricingTable::from_json(
//!     r#"{"models": {"gpt-5": {"input_per_million": 1.25, "output_per_million": 10}}}"#,
//! )?;
//! let tracker = UsageTracker::with_pricing(pricing);
//! let budget = Budget::enforced(Usd::from_cents(2));
//!
//! let turn = tracker.record_turn("gpt-5-2026-05-14", &UsageSnapshot::new(12_000, 800));
//! assert_eq!(turn.cost.to_string(), "$0.02");
//!
//! let exceeded = budget.check(turn.total).unwrap_err();
//! assert_eq!(exceeded.to_string(), "budget exceeded: $0.0230 > $0.0200");
//! assert!(budget.admit(turn.total, Usd::ZERO).is_err(), "the next turn is refused");
//! # Ok::<(), runtime_usage::PricingParseError>(())
//! ```

pub mod budget;
mod decimal;
pub mod file;
mod index;
mod json;
pub mod pricing;
pub mod reported;
pub mod signed;
pub mod snapshot;
pub mod stream;
pub mod summary;
pub mod table;
pub mod tier;
pub mod tracker;
pub mod usd;
pub mod wire;

#[doc(inline)]
pub use self::{
    budget::{Budget, BudgetExceededError, BudgetRefusedError, UnknownPrice, UnpricedModelError},
    file::{PricingFileError, PricingParseError},
    pricing::ModelPricing,
    reported::ReportedUsage,
    signed::SignedUsd,
    snapshot::{UsageParseError, UsageSnapshot},
    stream::StreamUsage,
    summary::{ModelUsage, UsageSummary},
    table::{
        EmptyModelNameError, PricingTable, has_pricing, load_pricing_from_file, register_pricing,
    },
    tier::{ServiceTier, UnknownTierError},
    tracker::{RecordedTurn, UsageTracker},
    usd::{Usd, UsdErrorKind, UsdParseError},
    wire::{ReportedUsageError, ReportedUsageErrorKind},
};
