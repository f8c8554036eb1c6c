//! How long something may take, and when that time is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::Sleeper;
use runtime_resilience::TimeoutPhase;

/// A limit on time, and perhaps the sleeper that keeps it.
///
/// With feature `tokio`, a `Duration` converts into one, and the session's sleeper keeps the time. Without
/// the feature there is no default sleeper: use [`Timeout::on`].
#[derive(Clone, Debug)]
pub struct Timeout {
    pub(crate) after: Duration,
    pub(crate) sleeper: Option<Arc<dyn Sleeper>>,
}

impl Timeout {
    /// A timeout that `sleeper` keeps.
    pub fn on(after: Duration, sleeper: Arc<dyn Sleeper>) -> Self {
        Self { after, sleeper: Some(sleeper) }
    }

    /// A timeout that the session's sleeper keeps.
    pub(crate) const fn after(after: Duration) -> Self {
        Self { after, sleeper: None }
    }
}

#[cfg(feature = "tokio")]
impl From<Duration> for Timeout {
    fn from(after: Duration) -> Self {
        Self::after(after)
    }
}

/// How long the parts of a call may take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// All attempts together, with the waits between them.
    pub(crate) total: Option<Timeout>,
    /// One attempt.
    pub(crate) attempt: Option<Timeout>,
    /// Until the first token of an attempt.
    pub(crate) first_token: Option<Timeout>,
    /// From one token to the next.
    pub(crate) idle: Option<Timeout>,
}

/// When something has to be over, and what that means.
#[derive(Clone, Debug)]
pub(crate) struct Until {
    pub(crate) at: Instant,
    pub(crate) after: Duration,
    pub(crate) kind: Kind,
    pub(crate) sleeper: Option<Arc<dyn Sleeper>>,
}

impl Until {
    /// The earlier of two; the first of equals.
    pub(crate) fn earlier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if one.at <= other.at { one } else { other }),
            (one, other) => one.or(other),
        }
    }
}

/// Whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The call's own timeout, and which of them.
    Timeout(TimeoutPhase),
    /// The session's deadline.
    Deadline,
}

/// `by` later than `from`. About 30 years stand for "never" where the clock cannot count further.
pub(crate) fn later(from: Instant, by: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(1_000_000_000);
    from.checked_add(by).unwrap_or_else(|| from + NEVER)
}
