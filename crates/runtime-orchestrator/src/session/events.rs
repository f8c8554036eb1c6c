//! The events of a session as they happen, for a page or a socket.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use runtime_events::AgentEvent;

use super::handle::SessionHandle;
use crate::core::Core;
use crate::parts::stream::{MissedEventsError, Place};

/// The events of a session, from a point on, until its last one.
///
/// The session keeps [its last events](crate::TelemetryConfig::event_log), 1,000 by default, and waits for
/// no reader. A reader that falls further behind is told how many events it missed, and goes on with the
/// first one that is kept. Without kept events, all are missed.
///
/// With feature `stream` it is a `Stream` of `futures`.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// use runtime_events::AgentEventName;
/// use runtime_orchestrator::{BoxError, Orchestrator};
///
/// let session = Orchestrator::new("writer", "draft").session()?;
/// let mut events = session.handle().events();
/// let page = tokio::spawn(async move {
///     let mut names = Vec::new();
///     while let Some(event) = events.next().await {
///         names.push(event?.event);
///     }
///     Ok::<_, BoxError>(names)
/// });
///
/// session.run_tool("search", || async { Ok::<_, BoxError>("3 hits") }).await?;
/// session.complete()?;
/// assert_eq!(page.await??.last(), Some(&AgentEventName::AgentCompleted));
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
#[must_use = "events are read with `next`"]
pub struct SessionEvents {
    core: Arc<Core>,
    place: Place,
}

/// # Events
impl SessionHandle {
    /// The events of the session, from the first one on.
    pub fn events(&self) -> SessionEvents {
        self.events_after(0)
    }

    /// The events behind the one with this [`seq`](AgentEvent::seq), such as the last one that a
    /// reconnecting page has seen.
    pub fn events_after(&self, seq: u64) -> SessionEvents {
        let core = Arc::clone(&self.core);
        SessionEvents { place: Place::after(&core.stream, seq), core }
    }
}

impl SessionEvents {
    /// The next event; waits for it. `None` after the session's last event.
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// [`MissedEventsError`] if the next events are no longer kept. Read on.
    pub async fn next(&mut self) -> Option<Result<Arc<AgentEvent>, MissedEventsError>> {
        poll_fn(|cx| self.poll_next_event(cx)).await
    }

    fn poll_next_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Arc<AgentEvent>, MissedEventsError>>> {
        self.place.poll(&self.core.stream, cx)
    }
}

#[cfg(feature = "stream")]
impl futures_core::Stream for SessionEvents {
    type Item = Result<Arc<AgentEvent>, MissedEventsError>;

    fn poll_next(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next_event(cx)
    }
}

impl Drop for SessionEvents {
    fn drop(&mut self) {
        self.place.leave(&self.core.stream);
    }
}

impl fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEvents").field("place", &self.place).finish_non_exhaustive()
    }
}
