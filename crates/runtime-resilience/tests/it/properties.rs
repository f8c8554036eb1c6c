//! The crate against naive models, over many generated histories.

mod backoff;
mod breaker;
mod fault;
mod route;
