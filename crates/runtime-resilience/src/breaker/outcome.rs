//! What a call says about its dependency.

/// What a call says about its dependency.
///
/// Not every error is a failure of the dependency: a provider that answers "invalid request" is
/// well, and one that refuses a call because of the caller's quota is no worse than before. Who
/// knows the error decides, in a function that [`call_judged`](super::CircuitBreaker::call_judged)
/// takes.
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
    /// It is well.
    Success,
    /// It is not.
    Failure,
    /// Neither: nothing is counted, and the place of a probe is free again.
    Ignored,
}

impl CallOutcome {
    /// Every error is a failure.
    pub const fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Success } else { Self::Failure }
    }
}
