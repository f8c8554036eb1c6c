//! Keeping what was said: prompts, answers, arguments and results. Only on request.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime_events::wire_names;
use serde_json::Value;

wire_names! {
    /// What a content is.
    #[non_exhaustive]
    pub enum Content: "content" {
        /// What a [guarded](crate::Turn::guarded) turn asks.
        Prompt = "prompt",
        /// What a guarded turn is answered, as JSON.
        Answer = "answer",
        /// What a tool is called with.
        Arguments = "arguments",
        /// What a tool returns, as JSON.
        Result = "result",
    }
}

/// Which contents become events, and what is left of them.
///
/// Without one, no content is in any event. With one, each is an `agent.content_captured` inside the
/// span it belongs to, so that a filter can keep them apart.
///
/// ```
/// use runtime_orchestrator::{Capture, Content, Orchestrator, TelemetryConfig};
/// use serde_json::Value;
///
/// let capture = Capture::redacted(|content, value: Value| match content {
///     Content::Arguments => Some(value),
///     // Nothing else is kept.
///     _ => None,
/// });
/// let telemetry = TelemetryConfig::default().capture(capture);
/// let orchestrator = Orchestrator::new("writer", "draft").telemetry(telemetry);
/// # let _ = orchestrator;
/// ```
#[derive(Clone)]
pub struct Capture {
    redact: Arc<Redact>,
}

type Redact = dyn Fn(Content, Value) -> Option<Value> + Send + Sync;

impl Capture {
    /// Keeps what `redact` makes of each content; nothing where it says `None`, and nothing if it
    /// panics.
    pub fn redacted(
        redact: impl Fn(Content, Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        Self { redact: Arc::new(redact) }
    }

    /// Keeps everything as it is: secrets, names and all. For development.
    pub fn unredacted() -> Self {
        Self::redacted(|_, value| Some(value))
    }

    pub(crate) fn of(&self, content: Content, value: &Value) -> Option<Value> {
        // It owns what it is given, so there is nothing that it could leave half changed.
        catch_unwind(AssertUnwindSafe(|| (self.redact)(content, value.clone()))).ok().flatten()
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").finish_non_exhaustive()
    }
}
