//! Integration tests, one binary.

mod budget;
mod cancellation;
mod children;
mod drain;
mod errors;
mod handoffs;
mod hedging;
mod input;
mod limits;
mod money;
mod panics;
mod properties;
mod rates;
mod recovering;
mod replay;
mod scopes;
mod sessions;
mod shared_accounts;
mod sinks;
mod stream;
mod support;
mod threads;
mod tools;
mod turns;
mod turns_cut_short;
mod worst_cases;
