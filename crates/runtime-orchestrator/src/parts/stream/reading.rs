//! Reading the kept events of a stream from outside, while it goes on.

use std::sync::Arc;
use std::task::{Context, Poll};

use runtime_events::AgentEvent;
use thiserror::Error;

use super::Stream;

/// The error for events that a reader missed, because it was slower than the session.
///
/// A session keeps a number of [its last events](crate::TelemetryConfig::event_log). The reader goes on
/// with the first one that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("missed {missed} events, which the session no longer keeps")]
#[non_exhaustive]
pub struct MissedEventsError {
    /// The number of missed events.
    pub missed: u64,
}

/// The place of a reader in a stream.
#[derive(Debug)]
pub(crate) struct Place {
    /// The number of the event to be read next.
    next: u64,
    /// The place of its waker, while it waits.
    key: Option<u64>,
}

/// What a reader gets: an event, word of missed ones, or `None` after the last event.
pub(crate) type Read = Option<Result<Arc<AgentEvent>, MissedEventsError>>;

impl Place {
    /// The place behind the event with this number, or behind the last one if there are fewer.
    pub(crate) fn after(stream: &Stream, seq: u64) -> Self {
        let next = seq.min(stream.state().seq) + 1;
        Self { next, key: None }
    }

    pub(crate) fn poll(&mut self, stream: &Stream, cx: &mut Context<'_>) -> Poll<Read> {
        if !stream.is_heard() {
            return Poll::Ready(None);
        }
        // A waker may own a task: it is cloned before the lock is taken, and dropped behind it.
        let waker = cx.waker().clone();
        let mut state = stream.state();
        let first = state.seq + 1 - state.log.len() as u64;
        let read = if let missed @ 1.. = first.saturating_sub(self.next) {
            self.next = first;
            Some(Err(MissedEventsError { missed }))
        } else if let Some(event) = index(self.next - first).and_then(|at| state.log.get(at)) {
            self.next += 1;
            Some(Ok(Arc::clone(event)))
        } else if state.over {
            None
        } else {
            let replaced = state.readers.get_or_insert_default().watch(&mut self.key, waker);
            drop(state);
            drop(replaced);
            return Poll::Pending;
        };
        drop(state);
        Poll::Ready(read)
    }

    /// Forgets the waker of a reader.
    pub(crate) fn leave(&self, stream: &Stream) {
        let Some(key) = self.key else { return };
        let waker = stream.state().readers.as_mut().and_then(|readers| readers.remove(key));
        drop(waker);
    }
}

fn index(at: u64) -> Option<usize> {
    usize::try_from(at).ok()
}
