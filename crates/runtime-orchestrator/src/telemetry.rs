//! What a session keeps and shows of itself, beside the events that its sinks get.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use runtime_events::ScopeHook;

use crate::capture::Capture;

/// The events a session keeps for its summary unless told otherwise.
const DEFAULT_EVENT_LOG: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// What a session keeps and shows of itself, beside the events that its sinks get.
///
/// | setting | default |
/// |---|---|
/// | [`event_log`](Self::event_log) | 1,000 events kept per session |
/// | [`capture`](Self::capture), [`scope_hook`](Self::scope_hook) | none |
#[derive(Clone)]
#[must_use]
pub struct TelemetryConfig {
    pub(crate) event_log: NonZeroUsize,
    pub(crate) keeps_events: bool,
    pub(crate) capture: Option<Capture>,
    pub(crate) scope: Option<Arc<dyn ScopeHook>>,
}

impl TelemetryConfig {
    /// Sets how many events, and how many recovery events, a session keeps for its summary.
    pub const fn event_log(mut self, events: NonZeroUsize) -> Self {
        self.event_log = events;
        self.keeps_events = true;
        self
    }

    /// Has sessions keep no events for their summary. Without a sink none is made then, and the summary
    /// counts none.
    pub const fn without_event_log(mut self) -> Self {
        self.keeps_events = false;
        self
    }

    /// Keeps what was said, redacted, as events.
    pub fn capture(mut self, capture: Capture) -> Self {
        self.capture = Some(capture);
        self
    }

    /// Sets the hook that is entered around the caller's code: a turn's call, a tool's body. What a
    /// tracer makes in there is then below the span it belongs to.
    ///
    /// A call that runs on a thread of its own, as of
    /// [`BlockingCalls::run_turn_within`](crate::BlockingCalls::run_turn_within), is outside of it.
    pub fn scope_hook(mut self, hook: impl ScopeHook + 'static) -> Self {
        self.scope = Some(Arc::new(hook));
        self
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { event_log: DEFAULT_EVENT_LOG, keeps_events: true, capture: None, scope: None }
    }
}

impl fmt::Debug for TelemetryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryConfig")
            .field("event_log", &self.event_log)
            .field("keeps_events", &self.keeps_events)
            .field("capture", &self.capture)
            .finish_non_exhaustive()
    }
}
