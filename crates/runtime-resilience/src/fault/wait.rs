//! The wait before another attempt at the same place.

use std::time::Duration;

use thiserror::Error;

/// Why another attempt at the same place is not worth the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoRetry {
    /// Another attempt here would fail again.
    #[error("another attempt here would fail again")]
    Pointless,
    /// The provider asked for a longer wait than the longest allowed.
    #[error("provider asked to wait {asked:?}, the longest wait allowed is {cap:?}")]
    TooLong {
        /// The wait that the provider asked for.
        asked: Duration,
        /// The longest wait.
        cap: Duration,
    },
    /// The deadline would pass during the wait.
    #[error("a wait of {wait:?} would reach the deadline, which is in {left:?}")]
    Deadline {
        /// The shortest wait that is enough.
        wait: Duration,
        /// The time left until the deadline.
        left: Duration,
    },
}

/// How long to wait before another attempt at the same place: the rules of
/// [`Fault::wait`](super::Fault::wait), whether or not the fault may pass.
pub(crate) fn wait(
    asked: Option<Duration>,
    delay: Duration,
    cap: Duration,
    left: Option<Duration>,
) -> Result<Duration, NoRetry> {
    let least = match asked {
        Some(asked) if asked > cap => return Err(NoRetry::TooLong { asked, cap }),
        Some(asked) => asked,
        None => delay.min(cap),
    };
    if let Some(left) = left.filter(|left| least >= *left) {
        return Err(NoRetry::Deadline { wait: least, left });
    }
    if asked.is_none() {
        return Ok(least);
    }
    let room = left.map_or(Duration::MAX, |left| left.saturating_sub(least) / 2);
    Ok(least + delay.min(cap.saturating_sub(least)).min(room))
}
