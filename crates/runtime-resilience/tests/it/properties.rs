//! The crate against naive models, over many generated histories.

mod backoff;
mod breaker;
mod fault;
mod recovery_turn;
mod route;
