//! Capture of content on request: prompts, answers, arguments and results.

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
        /// The arguments of a tool call.
        Arguments = "arguments",
        /// The result of a tool call, as JSON.
        Result = "result",
    }
}

/// A choice of the contents that become events, and their redaction.
///
/// By default no event has content. With a capture, each content is an `agent.content_captured`
/// inside its span, so a filter can separate them. The default captures all of it; like all texts of
/// events it loses its [secrets](runtime_events::without_secrets), also after a redaction of your own.
///
/// ```
/// use runtime_orchestrator::{Capture, Content, Orchestrator, TelemetryConfig};
/// use serde_json::Value;
///
/// let capture = Capture::redacted(|content, value: Value| match content {
///     Content::Arguments => Some(value),
///     // All other contents are dropped.
///     _ => None,
/// });
/// let telemetry = TelemetryConfig::default().capture(capture);
/// let orchestrator = Orchestrator::new("writer", "draft").telemetry(telemetry);
/// # let _ = orchestrator;
/// ```
#[derive(Clone)]
pub struct Capture {
    redact: Arc<Redact>,
    /// Whether secrets stay.
    pub(crate) as_is: bool,
}

type Redact = dyn Fn(Content, Value) -> Option<Value> + Send + Sync;

impl Capture {
    /// Captures the result of `redact` for each content.
    ///
    /// A content for which `redact` returns `None` or panics is dropped.
    pub fn redacted(
        redact: impl Fn(Content, Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        Self { redact: Arc::new(redact), as_is: false }
    }

    /// Captures everything unchanged, including secrets and names. For development.
    pub fn unredacted() -> Self {
        Self { as_is: true, ..Self::default() }
    }

    pub(crate) fn of(&self, content: Content, value: &Value) -> Option<Value> {
        // The closure owns its arguments, so a panic leaves nothing half changed.
        catch_unwind(AssertUnwindSafe(|| (self.redact)(content, value.clone()))).ok().flatten()
    }
}

impl Default for Capture {
    /// Captures everything without secrets.
    fn default() -> Self {
        Self::redacted(|_, value| Some(value))
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").finish_non_exhaustive()
    }
}
