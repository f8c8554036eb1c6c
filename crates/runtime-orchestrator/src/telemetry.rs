//! Configuration of telemetry.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use runtime_events::ScopeHook;

use crate::capture::Capture;

/// The default number of events that a session keeps.
const DEFAULT_EVENT_LOG: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The configuration of a session's telemetry, beside the events for its sinks.
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
    /// Sets how many events and recovery events a session keeps for its summary.
    pub const fn event_log(mut self, events: NonZeroUsize) -> Self {
        self.event_log = events;
        self.keeps_events = true;
        self
    }

    /// Makes sessions keep no events for their summary.
    ///
    /// Without a sink, events are not made at all, and the summary counts none.
    pub const fn without_event_log(mut self) -> Self {
        self.keeps_events = false;
        self
    }

    /// Captures content as events, after redaction.
    pub fn capture(mut self, capture: Capture) -> Self {
        self.capture = Some(capture);
        self
    }

    /// Sets the hook that is entered around the caller's code: a turn's call, a tool's body.
    ///
    /// Spans that a tracer creates inside are then children of the turn's or the tool's span.
    ///
    /// A call on a new thread, such as
    /// [`BlockingCalls::run_turn_within`](crate::BlockingCalls::run_turn_within), is outside the
    /// hook.
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
