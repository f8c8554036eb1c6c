//! Retention: how long threads are kept.

use std::time::Duration;

use crate::error::StoreError;
use crate::store::Store;
use crate::thread::ThreadState;

/// How long threads are kept after their last change.
///
/// | setting | default |
/// |---|---|
/// | [`ended_after`](Self::ended_after) | 30 days |
/// | [`parked_after`](Self::parked_after) | never |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Retention {
    ended_after: Option<Duration>,
    parked_after: Option<Duration>,
}

impl Retention {
    /// Sets after how long threads that are done, failed or cancelled are forgotten. `None`: never.
    pub const fn ended_after(mut self, time: Option<Duration>) -> Self {
        self.ended_after = time;
        self
    }

    /// Sets after how long threads that nobody woke are forgotten. `None`: never.
    pub const fn parked_after(mut self, time: Option<Duration>) -> Self {
        self.parked_after = time;
        self
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { ended_after: Some(Duration::from_secs(30 * 24 * 3600)), parked_after: None }
    }
}

/// Forgets at most `limit` threads whose time is over. Returns their number; call it again while it is `limit`.
///
/// There is no hidden background work: a service calls this when it likes to.
///
/// # Errors
///
/// [`StoreError`] of the store. What was forgotten before stays forgotten.
pub async fn sweep(
    store: &dyn Store,
    retention: Retention,
    limit: usize,
) -> Result<usize, StoreError> {
    const ENDED: &[ThreadState] = &[ThreadState::Done, ThreadState::Failed, ThreadState::Cancelled];
    let rules = [(ENDED, retention.ended_after), (&[ThreadState::Parked], retention.parked_after)];
    let mut forgotten = 0;
    for (states, time) in rules {
        let Some(time) = time else { continue };
        // Listed and forgotten in one call: a thread may come alive at any time.
        forgotten += store.forget_untouched(states, time, limit - forgotten).await?;
    }
    Ok(forgotten)
}
