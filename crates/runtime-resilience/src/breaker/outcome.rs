//! The outcome of a call, as the breaker counts it.

/// The outcome of a call, as the breaker counts it.
///
/// Not every error is a failure of the dependency: a provider that answers "invalid request" is
/// healthy, and one that refuses a call because of the caller's quota is no worse than before. Decide
/// this in the function that [`call_judged`](super::CircuitBreaker::call_judged) takes.
///
/// ```
/// use runtime_resilience::CallOutcome;
///
/// fn judge<T>(answer: &Result<T, u16>) -> CallOutcome {
///     match answer {
///         Ok(_) | Err(400..=422) => CallOutcome::Success,
///         Err(429) => CallOutcome::Ignored,
///         Err(_) => CallOutcome::Failure,
///     }
/// }
/// assert_eq!(judge(&Err::<(), _>(529)), CallOutcome::Failure);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a judge must choose among these three")]
pub enum CallOutcome {
    /// The dependency is healthy.
    Success,
    /// The dependency failed.
    Failure,
    /// Nothing is known: the call is not counted, and the place of a probe is free again.
    Ignored,
}

impl CallOutcome {
    /// The outcome of a result where every error is a failure.
    pub const fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Success } else { Self::Failure }
    }
}
