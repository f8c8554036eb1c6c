//! Exact money, token usage, price tables, cost tracking and budgets for model calls.

mod decimal;
pub mod signed;
pub mod usd;

#[doc(inline)]
pub use self::{
    signed::SignedUsd,
    usd::{Usd, UsdErrorKind, UsdParseError},
};
