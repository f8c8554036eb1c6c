//! Token usage, exact cost and enforced budgets for model calls.
//!
//! A [`PricingTable`] knows what models cost, a [`UsageTracker`] adds up what turns used, and an
//! [`Account`] lets calls reserve money before they spend it:
//!
//! ```
//! use runtime_usage::{Account, Charge, Limit, PricingTable, UsageSnapshot, UsageTracker, Usd};
//!
//! let tracker = UsageTracker::with_pricing(PricingTable::from_json(
//!     r#"{"models": {"gpt-5": {"input_per_million": 1.25, "output_per_million": 10}}}"#,
//! )?);
//! let account = Account::new(Limit::enforced(Usd::from_cents(4)));
//!
//! // Reserve what the call may cost, make the call, settle what it did cost.
//! let reservation = account.reserve(Usd::from_cents(3))?;
//! let turn = tracker.record_turn("gpt-5-2026-05-14", &UsageSnapshot::new(12_000, 800));
//! reservation.settle(Charge::new(turn.cost).model("gpt-5"));
//!
//! assert_eq!(turn.cost.to_string(), "$0.023");
//! assert!(account.reserve(Usd::from_cents(3)).is_err(), "only $0.017 is left");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The cost of a turn is rounded once, to a nano-dollar. Everything after that is a sum of integers,
//! so totals are the same in any order.
//!
//! | to | use |
//! |---|---|
//! | hold an amount of money, or a difference of two | [`Usd`], [`SignedUsd`] |
//! | count the tokens of a turn | [`UsageSnapshot`] |
//! | read usage from a provider's reply or stream | [`UsageFormat`], [`StreamUsage`], [`ReportedUsage`] |
//! | price a turn, line by line | [`ModelPricing`], [`ModelPrices`], [`Cost`] |
//! | keep prices, and read published price lists | [`PricingTable`], [`PriceReader`] |
//! | add up usage and cost by model | [`UsageTracker`] |
//! | keep within a budget | [`Limit`], [`Account`], [`Reservation`] |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod book;
mod cost;
mod decimal;
mod diff;
mod file;
mod finish;
mod json;
mod kind;
mod names;
mod prices;
mod pricing;
mod reported;
mod signed;
mod snapshot;
mod stream;
mod summary;
mod sync;
mod table;
mod tier;
mod tracker;
mod usd;
mod wire;
mod worst;

pub use self::{
    account::{
        Account, AccountStatement, Balance, BudgetExceededError, BudgetListener, BudgetMark,
        BudgetRefusedError, Charge, FundFuture, Funding, Lack, Limit, Purse, Reservation,
        Settlement, UnknownPrice, UnpricedModelError,
    },
    book::EmptyModelNameError,
    cost::{Cost, LineItem},
    decimal::UsdErrorKind,
    diff::{PriceDifference, TableDiff},
    file::{
        InvalidDateError, PriceFormat, PriceList, PriceReader, PricingFileError, PricingParseError,
        SkipReason, Skipped,
    },
    finish::FinishReason,
    kind::TokenKind,
    names::NameMatch,
    prices::ModelPrices,
    pricing::ModelPricing,
    reported::ReportedUsage,
    signed::SignedUsd,
    snapshot::{UsageParseError, UsageSnapshot},
    stream::StreamUsage,
    summary::{ModelUsage, UsageSummary},
    table::{PriceMatch, PricingTable, has_pricing, load_pricing_from_file, register_pricing},
    tier::{ServiceTier, UnknownTierError},
    tracker::{RecordedTurn, UsageTracker},
    usd::{Usd, UsdParseError},
    wire::{ReportedUsageError, ReportedUsageErrorKind, UsageFormat},
};
