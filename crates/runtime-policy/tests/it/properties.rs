//! Properties, compared with naive models.

mod conditions;
mod permissions;
mod rules;
mod strategies;
