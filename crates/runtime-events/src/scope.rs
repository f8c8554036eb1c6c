//! Code of the caller's that runs inside a span.

use std::fmt::Debug;

use crate::span::SpanId;

/// Runs the caller's code inside a span: a model's call, a tool's body.
///
/// A stream of events tells when a span begins and ends, and cannot put what the caller's code
/// makes in between below it. This can: it is entered around every poll of the caller's future, and
/// around the whole of a blocking call, so that a tracer's own context is in place there.
///
/// It must run `work` exactly once, on this thread, and let its panic through.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use runtime_events::{ScopeHook, SpanId};
///
/// #[derive(Debug, Default)]
/// struct Last(AtomicU64);
///
/// impl ScopeHook for Last {
///     fn in_scope(&self, span: SpanId, work: &mut dyn FnMut()) {
///         self.0.store(span.get(), Ordering::Relaxed);
///         work();
///     }
/// }
///
/// let last = Last::default();
/// let mut answer = 0;
/// last.in_scope(SpanId::from_u64(7), &mut || answer = 42);
/// assert_eq!((last.0.into_inner(), answer), (7, 42));
/// ```
pub trait ScopeHook: Debug + Send + Sync {
    /// Runs `work` inside `span`, whose first event the sink has received already. Spans are told
    /// apart across sessions: no two that are open at once have the same id.
    fn in_scope(&self, span: SpanId, work: &mut dyn FnMut());
}
