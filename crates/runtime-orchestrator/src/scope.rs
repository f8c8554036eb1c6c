//! Runs the caller's code inside its span.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use runtime_events::{ScopeHook, SpanId};

/// Runs `code` inside `span`, if there is a hook.
#[inline]
pub(crate) fn inside<T>(hook: Option<&dyn ScopeHook>, span: SpanId, code: impl FnOnce() -> T) -> T {
    let Some(hook) = hook else { return code() };
    let (mut code, mut value) = (Some(code), None);
    hook.in_scope(span, &mut || {
        if let Some(code) = code.take() {
            value = Some(code());
        }
    });
    // A hook that breaks its contract must not cost the caller the call.
    match (value, code) {
        (Some(value), _) => value,
        (None, Some(code)) => code(),
        (None, None) => unreachable!("the code has run and set its value"),
    }
}

/// Polls `future` inside `span`.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
#[inline]
pub(crate) fn inside_async<F: Future>(
    hook: Option<&dyn ScopeHook>,
    span: SpanId,
    future: F,
) -> impl Future<Output = F::Output> {
    async move {
        let mut future = pin!(future);
        poll_fn(|cx| -> Poll<F::Output> { inside(hook, span, || future.as_mut().poll(cx)) }).await
    }
}
