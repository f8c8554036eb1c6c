//! The sinks of a session, and calls of them, which are the caller's code: their failures are caught, and a thread knows whose
//! sink it is in.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime_events::without_secrets;
use runtime_sinks::{EventSink, SinkError, UsageSink};

use crate::error::CalledFromSinkError;

/// The destinations of a session. They are not in the [setup](crate::setup::Setup), which handles keep for good: a session
/// drops its sinks after its last event.
#[derive(Clone, Default)]
pub(crate) struct Sinks {
    pub(crate) events: Option<Arc<dyn EventSink>>,
    pub(crate) usage: Option<Arc<dyn UsageSink>>,
}

/// A sink that a session shares with others, counted by the session itself: sessions on several threads
/// that count in one place slow each other down.
pub(crate) type Own<S> = Arc<Arc<S>>;

thread_local! {
    /// The session whose sink this thread is in, or zero. The key is the address of the session's id,
    /// which is valid because the caller holds the id.
    static INSIDE: Cell<usize> = const { Cell::new(0) };
    /// The sessions whose sinks this thread is in besides, if a sink has used another session.
    static AROUND: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Calls a sink of the session. Returns its error or panic, if there was one.
#[inline]
pub(crate) fn ask(
    session_id: &Arc<str>,
    call: impl FnOnce() -> Result<(), SinkError>,
) -> Option<String> {
    let around = INSIDE.replace(key(session_id));
    if around != 0 {
        AROUND.with_borrow_mut(|sessions| sessions.push(around));
    }
    let failure = caught(call);
    if around != 0 {
        AROUND.with_borrow_mut(Vec::pop);
    }
    INSIDE.set(around);
    failure
}

/// Refuses a call that comes from a sink of the session itself.
pub(crate) fn refuse_calls_from(session_id: &Arc<str>) -> Result<(), CalledFromSinkError> {
    let (inside, key) = (INSIDE.get(), key(session_id));
    let is_inside =
        inside == key || (inside != 0 && AROUND.with_borrow(|sessions| sessions.contains(&key)));
    if is_inside { Err(CalledFromSinkError) } else { Ok(()) }
}

/// The error or panic of a sink, without secrets, if there was one.
#[inline]
pub(crate) fn caught(call: impl FnOnce() -> Result<(), SinkError>) -> Option<String> {
    // Any broken state is the sink's own; nothing else here uses it.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(failed(error)),
        Err(panic) => Some(panicked(panic)),
    }
}

#[cold]
#[expect(clippy::needless_pass_by_value, reason = "what is rare is also dropped here")]
fn failed(error: SinkError) -> String {
    without_secrets(&error.to_string()).into_owned()
}

#[cold]
fn panicked(_: Box<dyn Any + Send>) -> String {
    "the sink panicked".to_owned()
}

fn key(session_id: &Arc<str>) -> usize {
    Arc::as_ptr(session_id).cast::<()>().addr()
}
