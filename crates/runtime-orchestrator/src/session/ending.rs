//! The ways a session ends, each once.

use runtime_events::payload::{SessionEnded, Word};
use runtime_events::{AgentFailureClass, SpanOutcome};
use runtime_lifecycle::AgentStatus;
use runtime_resilience::fault::without_keys;

use crate::error::{BoxError, SHUTDOWN, SessionClosedError, SettleError};
use crate::failure::{class_of, failure, is_of_shutdown};
use crate::log::log;
use crate::session::OrchestrationSession;
use crate::session::core::{Core, Ending};
use crate::summary::{Report, Summary};

/// # Ending
impl OrchestrationSession {
    /// Ends the session as `result` says: `Ok` completes it, an error fails it. A session that
    /// ended before, by a handoff for instance, stays as it ended. While its orchestrator
    /// [drains](crate::Orchestrator::drain), an error that is a refusal for that reason, or has one
    /// for its source, cancels it as shutdown.
    pub fn finish<T, E: Into<BoxError> + 'static>(self, result: Result<T, E>) -> Report<T> {
        let result = match result {
            Ok(value) => {
                let _ = self.core.complete(false, None);
                Ok(value)
            }
            Err(error) => Err(self.core.fail_with(error)),
        };
        Report { result, summary: Summary::of(&self.core) }
    }

    /// Completes the session.
    ///
    /// # Errors
    ///
    /// [`SettleError::Closed`] if it is over, [`SettleError::Busy`] if turns or tools are under
    /// way or it waits for input.
    pub fn complete(&self) -> Result<(), SettleError> {
        self.core.complete(true, None)
    }

    /// [`complete`](Self::complete), with a line for people.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn complete_with(&self, detail: impl Into<String>) -> Result<(), SettleError> {
        self.core.complete(true, Some(detail.into()))
    }

    /// Fails the session. What is under way is interrupted where it waits.
    ///
    /// # Errors
    ///
    /// [`SessionClosedError`] if it is over.
    pub fn fail(
        &self,
        detail: impl Into<String>,
        class: AgentFailureClass,
    ) -> Result<(), SessionClosedError> {
        self.core.fail(&detail.into(), class, SpanOutcome::Failed)
    }

    /// Cancels the session. What is under way is interrupted where it waits.
    ///
    /// # Errors
    ///
    /// [`SessionClosedError`] if it is over.
    pub fn cancel(&self, detail: impl Into<String>) -> Result<(), SessionClosedError> {
        self.core.cancel(detail.into())
    }
}

impl Core {
    fn complete(&self, idle: bool, detail: Option<String>) -> Result<(), SettleError> {
        self.end(idle, || {
            let event = self.completed(detail.clone());
            let status = AgentStatus::Completed;
            Ok((Ending { status, worker_detail: detail, event, shutdown: false }, ()))
        })
    }

    fn fail_with<E: Into<BoxError> + 'static>(&self, error: E) -> BoxError {
        let failure = failure(error, &self.setup.classifier);
        let detail = without_keys(&failure.to_string()).into_owned();
        let draining = self.state().is_draining();
        let _ = if draining && is_of_shutdown(failure.error()) {
            self.shut_down(&format!("shutdown: {detail}"))
        } else {
            self.fail(&detail, class_of(&failure), SpanOutcome::Failed)
        };
        failure.into_error()
    }

    fn fail(
        &self,
        detail: &str,
        class: AgentFailureClass,
        outcome: SpanOutcome,
    ) -> Result<(), SessionClosedError> {
        self.end_now(|| {
            let event = self.failed(class, detail, outcome);
            let (status, worker_detail) = (AgentStatus::Failed, Some(detail.to_owned()));
            Ending { status, worker_detail, event, shutdown: false }
        })?;
        log!(info, session = %self.session_id, role = %self.setup.role, phase = %self.phase, failure_class = %class, detail = %detail, "session failed");
        Ok(())
    }

    pub(crate) fn cancel(&self, detail: String) -> Result<(), SessionClosedError> {
        self.end_now(|| {
            let event = self.cancelled(detail.clone());
            let (status, worker_detail) = (AgentStatus::Cancelled, Some(detail));
            Ending { status, worker_detail, event, shutdown: false }
        })
    }

    /// Cancels the session in the name of a shutdown, and says so: in the worker's log, in the last
    /// event, and to everybody who asks for more.
    pub(crate) fn shut_down(&self, detail: &str) -> Result<(), SessionClosedError> {
        self.end_now(|| {
            let reason = Some(Word::Literal(SHUTDOWN));
            let ended = SessionEnded { reason, ..SessionEnded::default() };
            let event = self.cancelled(detail).with_data(ended.data());
            let (status, worker_detail) = (AgentStatus::Cancelled, Some(detail.to_owned()));
            Ending { status, worker_detail, event, shutdown: true }
        })?;
        log!(info, session = %self.session_id, role = %self.setup.role, phase = %self.phase, detail = %detail, "session cancelled by a shutdown");
        Ok(())
    }

    /// The session's value is gone: what has not ended ends now.
    pub(crate) fn abandon(&self, panicked: bool) {
        let panicked = panicked || self.state().panicked();
        let turned_away = self.state().turned_away();
        let _ = if panicked {
            let detail = "the session's code panicked";
            self.fail(detail, AgentFailureClass::Unknown, SpanOutcome::Panicked)
        } else if turned_away {
            // A `?` on the refusal has dropped it.
            self.shut_down("shutdown: session dropped")
        } else {
            self.cancel("session dropped".to_owned())
        };
        let left_behind = self.state().force_farewell();
        if let Some(farewell) = left_behind {
            self.say_farewell(*farewell);
        }
    }

    fn end_now(&self, ending: impl FnOnce() -> Ending) -> Result<(), SessionClosedError> {
        match self.end(false, || Ok::<_, SettleError>((ending(), ()))) {
            Err(SettleError::Closed(closed)) => Err(closed),
            // Only an end that asks for an idle session is told that it is busy.
            Ok(()) | Err(SettleError::Busy(_)) => Ok(()),
        }
    }
}
