//! Timeouts and deadlines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::Sleeper;
use runtime_resilience::TimeoutPhase;

/// A duration limit, and the sleeper that measures it.
///
/// With feature `tokio` a `Duration` converts into a timeout on the session's sleeper. Without the
/// feature there is no default sleeper: use [`Timeout::on`].
#[derive(Clone, Debug)]
pub struct Timeout {
    pub(crate) after: Duration,
    pub(crate) sleeper: Option<Arc<dyn Sleeper>>,
}

impl Timeout {
    /// Creates a timeout of `after` on the given sleeper.
    pub fn on(after: Duration, sleeper: Arc<dyn Sleeper>) -> Self {
        Self { after, sleeper: Some(sleeper) }
    }

    /// A timeout on the session's sleeper.
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

/// The timeouts of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// All attempts together, with the waits between them.
    pub(crate) total: Option<Timeout>,
    /// One attempt.
    pub(crate) attempt: Option<Timeout>,
    /// From the start of an attempt to its first token.
    pub(crate) first_token: Option<Timeout>,
    /// From one token to the next.
    pub(crate) idle: Option<Timeout>,
}

/// A point in time at which a call or a session must end, and the kind of limit.
#[derive(Clone, Debug)]
pub(crate) struct Until {
    pub(crate) at: Instant,
    pub(crate) after: Duration,
    pub(crate) kind: Kind,
    pub(crate) sleeper: Option<Arc<dyn Sleeper>>,
}

impl Until {
    /// The earlier of two. The first, if both are equal.
    pub(crate) fn earlier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if one.at <= other.at { one } else { other }),
            (one, other) => one.or(other),
        }
    }
}

/// The kind of limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A timeout of the call, in this phase.
    Timeout(TimeoutPhase),
    /// The session's deadline.
    Deadline,
}

/// `from` plus `by`, or about 30 years later if the clock cannot represent the sum.
pub(crate) fn later(from: Instant, by: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(1_000_000_000);
    from.checked_add(by).unwrap_or_else(|| from + NEVER)
}
