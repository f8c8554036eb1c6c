//! What several modules need.

use runtime_usage::Usd;

/// An amount, from its text.
pub(crate) fn usd(text: &str) -> Usd {
    text.parse().expect("the amount is well-formed")
}
