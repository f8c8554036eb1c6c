//! The sinks of a session, and calls of them, which are the caller's code: their failures are caught, and a thread knows whose
//! sink it is in.

use std::cell::RefCell;
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

thread_local! {
    /// The sessions whose sinks this thread is in, the innermost last. The keys are addresses of
    /// session ids, which are valid because the callers hold the ids.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Calls a sink of the session. Returns its error or panic, if there was one.
pub(crate) fn ask(
    session_id: &Arc<str>,
    call: impl FnOnce() -> Result<(), SinkError>,
) -> Option<String> {
    INSIDE.with_borrow_mut(|inside| inside.push(key(session_id)));
    let failure = caught(call);
    INSIDE.with_borrow_mut(Vec::pop);
    failure
}

/// Refuses a call that comes from a sink of the session itself.
pub(crate) fn refuse_calls_from(session_id: &Arc<str>) -> Result<(), CalledFromSinkError> {
    let is_inside = INSIDE.with_borrow(|inside| inside.contains(&key(session_id)));
    if is_inside { Err(CalledFromSinkError) } else { Ok(()) }
}

/// The error or panic of a sink, without secrets, if there was one.
pub(crate) fn caught(call: impl FnOnce() -> Result<(), SinkError>) -> Option<String> {
    // Any broken state is the sink's own; nothing else here uses it.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(answer) => answer.err().map(|error| without_secrets(&error.to_string()).into_owned()),
        Err(_) => Some("the sink panicked".to_owned()),
    }
}

fn key(session_id: &Arc<str>) -> usize {
    Arc::as_ptr(session_id).cast::<()>().addr()
}
