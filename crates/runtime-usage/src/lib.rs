//! Exact money, token usage, price tables, cost tracking and budgets for model calls.
//!
//! | module | what |
//! |---|---|
//! | [`usd`], [`signed`] | [`Usd`], an exact amount, and [`SignedUsd`], a difference of two |
//! | [`snapshot`] | [`UsageSnapshot`], the tokens of a turn |
//! | [`reported`], [`tier`] | [`ReportedUsage`], what a provider says of a turn, and its [`ServiceTier`] |
//! | [`wire`], [`stream`] | usage as providers report it: read at once, or gathered by [`StreamUsage`] |
//! | [`pricing`], [`prices`] | [`ModelPricing`], a set of prices, and [`ModelPrices`], all of a model |
//! | [`cost`], [`kind`] | [`Cost`], the bill of a turn, and its lines by [`TokenKind`] |
//! | [`table`], [`diff`] | [`PricingTable`]: prices by model name; where two tables disagree |
//! | [`file`](mod@file) | [`PriceReader`]: price lists, as published and our own |
//! | [`tracker`], [`summary`] | [`UsageTracker`]: turns, tokens and cost per model |
//! | [`usual`] | [`UsualOutput`]: how long a model's answers usually are |
//! | [`account`] | [`Account`], an account that calls reserve from, its [`Limit`], and its refusals |
//!
//! Each turn's cost is rounded to a nano-dollar once; everything after that is a sum of integers,
//! the same in any order.
//!
//! # Example
//!
//! ```
//! use runtime_usage::{Account, Charge, PricingTable, UsageSnapshot, UsageTracker, Usd};
//!
//! let pricing = PricingTable::from_json(
//!     r#"{"models": {"gpt-5": {"input_per_million": 1.25, "output_per_million": 10}}}"#,
//! )?;
//! let tracker = UsageTracker::with_pricing(pricing);
//! let account = Account::enforced(Usd::from_cents(4));
//!
//! // What the call may cost is set aside before it is made …
//! let reservation = account.reserve(Usd::from_cents(3))?;
//! let turn = tracker.record_turn("gpt-5-2026-05-14", &UsageSnapshot::new(12_000, 800));
//! assert_eq!(turn.cost.to_string(), "$0.02");
//! // … and settled with what it did cost.
//! reservation.settle(Charge::new(turn.cost).model("gpt-5"));
//!
//! let refused = account.reserve(Usd::from_cents(3)).unwrap_err();
//! assert_eq!(refused.left.to_string(), "$0.02");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod account;
mod book;
mod clause;
pub mod cost;
mod decimal;
pub mod diff;
pub mod file;
mod index;
mod json;
pub mod kind;
pub mod prices;
pub mod pricing;
pub mod reported;
pub mod signed;
pub mod snapshot;
pub mod stream;
pub mod summary;
mod sync;
pub mod table;
pub mod tier;
pub mod tracker;
pub mod usd;
pub mod usual;
pub mod wire;
mod worst;

#[doc(inline)]
pub use self::{
    account::{
        Account, AccountStatement, Balance, BudgetExceededError, BudgetListener, BudgetMark,
        BudgetRefusedError, Charge, Limit, Reservation, Settlement, UnknownPrice,
        UnpricedModelError,
    },
    cost::{Cost, LineItem},
    diff::{PriceDifference, TableDiff},
    file::{
        InvalidDateError, PriceFormat, PriceList, PriceReader, PricingFileError, PricingParseError,
        SkipReason, Skipped,
    },
    kind::TokenKind,
    prices::ModelPrices,
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
    usual::UsualOutput,
    wire::{ReportedUsageError, ReportedUsageErrorKind},
};
