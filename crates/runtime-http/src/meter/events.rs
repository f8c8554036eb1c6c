//! Server-sent events.

use std::fmt;
use std::num::NonZeroUsize;

use bytes::Bytes;
use sse_core::{SseDecoder, SseEvent};

/// A longer event is not read: its usage is lost, and the stream is billed as an estimate.
const LONGEST: NonZeroUsize = NonZeroUsize::new(8 * 1024 * 1024).unwrap();

/// The decoder of a stream of events.
pub(super) struct Events(SseDecoder);

impl Default for Events {
    fn default() -> Self {
        Self(SseDecoder::with_limit(LONGEST))
    }
}

impl Events {
    /// Calls `take` with the name and the data of each event that `bytes` complete.
    pub(super) fn push(&mut self, bytes: &Bytes, mut take: impl FnMut(&str, &[u8])) {
        let mut bytes = &**bytes;
        while let Some(event) = self.0.next(&mut bytes) {
            if let Ok(SseEvent::Message(message)) = event {
                take(&message.event, message.data.as_bytes());
            }
        }
    }

    /// Calls `take` with an event that the body did not end with a blank line, as not every server does.
    pub(super) fn finish(&mut self, take: impl FnMut(&str, &[u8])) {
        self.push(&Bytes::from_static(b"\n\n"), take);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
