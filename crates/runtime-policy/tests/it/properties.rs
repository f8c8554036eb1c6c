//! Every rule of this crate against a naive telling of the same rule.

mod conditions;
mod permissions;
mod rules;
mod strategies;
