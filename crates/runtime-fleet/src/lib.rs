//! One breaker, one budget, one rate limit for all processes of a fleet.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod money;
mod pace;
mod probe;
mod state;
