//! The ways a session ends.

use std::task::Waker;

use runtime_events::payload::{SessionEnded, Word};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, SpanOutcome,
};
use runtime_lifecycle::AgentStatus;

use super::Core;
use crate::error::{BoxError, SHUTDOWN, SessionClosedError, SessionError, text_of};
use crate::failure::{class_of, failure, is_of_shutdown};
use crate::log::log;
use crate::parts::life::{Ended, Ending, Life};
use crate::parts::stream::Stream;

/// A session that has just ended, whose last events are posted if they are due.
struct Posted<P> {
    /// The prepared value, or the error if the worker had already ended in the registry.
    result: Result<P, SessionClosedError>,
    /// Whether the last events are to be delivered.
    due: bool,
    /// The wakers for after the last event.
    wake: Vec<Waker>,
}

impl Core {
    /// Ends the session as `prepare` says. With `idle`, only if nothing is running. If the worker
    /// has already ended in the registry, the session takes over that end and the caller gets an
    /// error.
    pub(crate) fn end<P>(
        &self,
        idle: bool,
        prepare: impl FnOnce(u32) -> Result<(Ending, P), SessionError>,
    ) -> Result<P, SessionError> {
        let Posted { result, due, wake } = self.end_and_post(idle, prepare)?;
        if due {
            self.deliver_farewell();
        }
        wake.into_iter().for_each(Waker::wake);
        Ok(result?)
    }

    /// [`end`](Self::end) up to the point from where sinks are called.
    fn end_and_post<P>(
        &self,
        idle: bool,
        prepare: impl FnOnce(u32) -> Result<(Ending, P), SessionError>,
    ) -> Result<Posted<P>, SessionError> {
        let elsewhere = |status| ended_elsewhere(&self.stream, status);
        let Ended { result, farewell, wake } = self.life.end(idle, prepare, elsewhere)?;
        let due = farewell.is_some();
        if let Some(farewell) = farewell {
            self.post_farewell(*farewell);
        }
        Ok(Posted { result, due, wake })
    }

    /// Completes the session. With `idle`, only if nothing is running.
    pub(crate) fn complete(&self, idle: bool, detail: Option<String>) -> Result<(), SessionError> {
        self.end(idle, |_| {
            let event = completed(&self.stream, detail.clone());
            let status = AgentStatus::Completed;
            Ok((Ending { status, worker_detail: detail, event, shutdown: false }, ()))
        })
    }

    /// Fails the session with the error of its code, or cancels it as a shutdown if a drain is the
    /// cause.
    pub(crate) fn fail_with<E: Into<BoxError> + 'static>(&self, error: E) -> BoxError {
        let mut panics = NotesPanic(Some(&self.life));
        let (classifier, now) = (&self.setup.recovery.classifier, self.time.clock().utc_now());
        let failure = failure(error, classifier, now);
        panics.0 = None;
        let detail = text_of(&failure);
        let _ = if self.life.is_draining() && is_of_shutdown(&failure) {
            self.shut_down(&format!("shutdown: {detail}"))
        } else {
            self.fail(&detail, class_of(&failure), SpanOutcome::Failed)
        };
        failure.into_error()
    }

    pub(crate) fn fail(
        &self,
        detail: &str,
        class: AgentFailureClass,
        outcome: SpanOutcome,
    ) -> Result<(), SessionClosedError> {
        self.end_now(|| {
            let event = self
                .stream
                .root_event(AgentEventName::AgentFailed, AgentEventStatus::Failed)
                .with_failure_class(class)
                .with_detail(detail.to_owned())
                .with_outcome(outcome);
            let (status, worker_detail) = (AgentStatus::Failed, Some(detail.to_owned()));
            Ending { status, worker_detail, event, shutdown: false }
        })?;
        log!(info, session = %self.session_id(), role = %self.role(), phase = %self.phase(), failure_class = %class, detail = %detail, "session failed");
        Ok(())
    }

    pub(crate) fn cancel_with(&self, detail: String) -> Result<(), SessionClosedError> {
        self.end_now(|| {
            let event = cancelled(&self.stream, &detail);
            let (status, worker_detail) = (AgentStatus::Cancelled, Some(detail));
            Ending { status, worker_detail, event, shutdown: false }
        })
    }

    /// Cancels the session as a shutdown, which the worker's log, the last event and the errors of
    /// later calls show.
    pub(crate) fn shut_down(&self, detail: &str) -> Result<(), SessionClosedError> {
        self.end_now(|| self.shutdown(detail))?;
        self.log_shutdown(detail);
        Ok(())
    }

    /// [`shut_down`](Self::shut_down) without calling a sink. Returns whether
    /// [`deliver_farewell`](Self::deliver_farewell) is to follow.
    pub(crate) fn shut_down_silently(&self, detail: &str) -> bool {
        // An error means that the session has ended before.
        let Ok(posted) = self.end_and_post(false, |_| Ok((self.shutdown(detail), ()))) else {
            return false;
        };
        posted.wake.into_iter().for_each(Waker::wake);
        if posted.result.is_ok() {
            self.log_shutdown(detail);
        }
        posted.due
    }

    fn shutdown(&self, detail: &str) -> Ending {
        let reason = Some(Word::Literal(SHUTDOWN));
        let ended = SessionEnded { reason, ..SessionEnded::default() };
        let event = cancelled(&self.stream, detail).with_data(ended.data());
        let (status, worker_detail) = (AgentStatus::Cancelled, Some(detail.to_owned()));
        Ending { status, worker_detail, event, shutdown: true }
    }

    fn log_shutdown(&self, detail: &str) {
        log!(info, session = %self.session_id(), role = %self.role(), phase = %self.phase(), detail = %detail, "session cancelled by a shutdown");
    }

    /// Ends an open session whose value is dropped.
    pub(crate) fn abandon(&self, panicked: bool) {
        let _ = if panicked || self.life.panicked() {
            let detail = "the session's code panicked";
            self.fail(detail, AgentFailureClass::Unknown, SpanOutcome::Panicked)
        } else if self.life.turned_away() {
            // The drop follows a refusal, for instance by `?`.
            self.shut_down("shutdown: session dropped")
        } else {
            self.cancel_with("session dropped".to_owned())
        };
        if let Some(farewell) = self.life.abandon() {
            self.say_farewell(*farewell);
        }
    }

    fn end_now(&self, ending: impl FnOnce() -> Ending) -> Result<(), SessionClosedError> {
        match self.end(false, |_| Ok((ending(), ()))) {
            Err(SessionError::Closed(closed)) => Err(closed),
            // No other error is possible without `idle`.
            _ => Ok(()),
        }
    }
}

/// Notes a panic of the caller's code, such as a rule of the classifier, before the session is dropped. Empty once that
/// code has returned.
struct NotesPanic<'l>(Option<&'l Life>);

impl Drop for NotesPanic<'_> {
    fn drop(&mut self) {
        if let Some(life) = self.0 {
            life.note_panic();
        }
    }
}

/// The last event of a completed session.
pub(crate) fn completed(stream: &Stream, detail: Option<String>) -> AgentEvent {
    let mut event = stream.root_event(AgentEventName::AgentCompleted, AgentEventStatus::Completed);
    event.detail = detail.map(Into::into);
    event.with_outcome(SpanOutcome::Ok)
}

/// The last event of a cancelled session.
pub(crate) fn cancelled(stream: &Stream, detail: &str) -> AgentEvent {
    stream
        .root_event(AgentEventName::AgentFailed, AgentEventStatus::Cancelled)
        .with_failure_class(AgentFailureClass::Cancelled)
        .with_detail(detail.to_owned())
        .with_outcome(SpanOutcome::Cancelled)
}

fn ended_elsewhere(stream: &Stream, status: AgentStatus) -> AgentEvent {
    let detail = format!("worker was {status} in the registry");
    match status {
        AgentStatus::Completed => completed(stream, Some(detail)),
        AgentStatus::Cancelled => cancelled(stream, &detail),
        _ => stream
            .root_event(AgentEventName::AgentFailed, AgentEventStatus::Failed)
            .with_failure_class(AgentFailureClass::Unknown)
            .with_detail(detail)
            .with_outcome(SpanOutcome::Failed),
    }
}
