//! The crate against naive models, over many generated histories.

mod apply;
mod backoff;
mod breaker;
mod fault;
mod rate;
mod recovery_turn;
mod retry_budget;
mod route;
