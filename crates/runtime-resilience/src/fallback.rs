//! Changes before another attempt: the provider, or the size of the context.

/// The usual share of a context that [`smaller_context_budget`] keeps.
pub const CONTEXT_REDUCTION: f64 = 0.75;

/// The first of the `available` providers that is not the `current` one.
///
/// ```
/// use runtime_resilience::next_provider;
///
/// assert_eq!(next_provider(&["openai", "anthropic"], "openai"), Some("anthropic"));
/// assert_eq!(next_provider(&["openai"], "openai"), None);
/// ```
pub fn next_provider<'a, P: AsRef<str>>(available: &'a [P], current: &str) -> Option<&'a str> {
    available.iter().map(AsRef::as_ref).find(|provider| *provider != current)
}

/// The share `reduction` of a context of `chars` characters, rounded down.
///
/// A `reduction` that is negative or not a number leaves nothing. One of at most 1 never returns more
/// than there was.
///
/// ```
/// use runtime_resilience::{CONTEXT_REDUCTION, smaller_context_budget};
///
/// assert_eq!(smaller_context_budget(1_001, CONTEXT_REDUCTION), 750);
/// assert_eq!(smaller_context_budget(1_000, f64::NAN), 0);
/// ```
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate; `as` rounds towards zero, saturates, and takes NaN as zero"
)]
pub fn smaller_context_budget(chars: u64, reduction: f64) -> u64 {
    let budget = (chars as f64 * reduction) as u64;
    // Above 2^53 the conversion may have rounded up.
    if reduction <= 1.0 { budget.min(chars) } else { budget }
}
