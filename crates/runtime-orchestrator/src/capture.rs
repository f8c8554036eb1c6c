//! Keeping what was said: prompts, answers, arguments and results. Only on request.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime_events::wire_names;
use serde_json::Value;

wire_names! {
    /// The kind of a captured content.
    #[non_exhaustive]
    pub enum Content: "content" {
        /// The input of a [guarded](crate::Turn::guarded) turn.
        Prompt = "prompt",
        /// The answer of a guarded turn, as JSON.
        Answer = "answer",
        /// The arguments of a tool.
        Arguments = "arguments",
        /// The result of a tool, as JSON.
        Result = "result",
    }
}

/// A filter of the contents that become events.
///
/// Without one, no event has content. With one, each content is an `agent.content_captured` in its span, so
/// that sinks can filter them.
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
    /// Keeps the result of `redact` for each content: nothing if it is `None` or if it panics.
    pub fn redacted(
        redact: impl Fn(Content, Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        Self { redact: Arc::new(redact) }
    }

    /// Keeps every content unchanged, with secrets and names. For development.
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
