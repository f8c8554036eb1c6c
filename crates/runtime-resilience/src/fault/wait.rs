//! How long to wait before another attempt at the same place, if it is worth it.

use std::time::Duration;

use thiserror::Error;

/// Why there is no other attempt at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoRetry {
    /// Another attempt here would end as this one did.
    #[error("another attempt here would fail again")]
    Pointless,
    /// The provider asked for more than we are ready to wait.
    #[error("asked to wait {asked:?}, more than {cap:?}")]
    TooLong {
        /// What the provider asked for.
        asked: Duration,
        /// The longest wait.
        cap: Duration,
    },
    /// The deadline would pass during the wait.
    #[error("would have to wait {wait:?}, with {left:?} left")]
    Deadline {
        /// The shortest wait that would do.
        wait: Duration,
        /// What is left until the deadline.
        left: Duration,
    },
}

/// How long to wait before another attempt at the same place.
///
/// `asked` is what the provider asked for, `delay` what the back-off drew, `cap` the longest wait,
/// and `left` what is left until the deadline. The wait is never longer than `cap`, always shorter
/// than `left`, and never shorter than `asked`: what was asked for is waited in full, or not at all.
///
/// The delay goes on top of what was asked, so that callers who were all told the same do not come
/// back at the same moment. It gives way to the cap, and leaves the attempt at least half of the time.
///
/// # Errors
///
/// [`NoRetry`] says why it is not worth waiting. Go elsewhere, or give up.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::fault::{NoRetry, wait};
///
/// let [delay, cap] = [2, 60].map(Duration::from_secs);
/// assert_eq!(wait(None, delay, cap, None), Ok(delay));
///
/// let asked = Duration::from_secs(5);
/// assert_eq!(wait(Some(asked), delay, cap, None), Ok(Duration::from_secs(7)));
///
/// let days = Duration::from_hours(77);
/// assert_eq!(wait(Some(days), delay, cap, None), Err(NoRetry::TooLong { asked: days, cap }));
/// ```
pub fn wait(
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
