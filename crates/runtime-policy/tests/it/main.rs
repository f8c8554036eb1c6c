//! The behaviour of this crate, through its public API.

mod conditions;
mod engine;
mod guardrails;
mod permissions;
mod promises;
mod properties;
mod quality;
