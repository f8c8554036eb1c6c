//! What a session's value, its handles and its turns share.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Instant;

use chrono::DateTime;
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, ScopeHook, SpanId, SpanOutcome,
};
use runtime_lifecycle::{AgentStatus, AgentWorker, StatusHandle, TransitionError};
use runtime_resilience::RecoveryContext;
use runtime_resilience::fault::{Phase, without_keys};
use runtime_usage::{Account, UsageTracker};

use crate::error::{DeadlineExceededError, SessionClosedError, SettleError};
use crate::log::log;
use crate::orchestrator::Setup;
use crate::session::end::End;
pub(crate) use crate::session::entry::Entry;
use crate::session::origin::Origin;
use crate::session::roster::Places;
use crate::session::state::State;
use crate::session::stream::Stream;
use crate::turn::Timeout;
use crate::wait::{Kind, Until, later};

/// The shared part of a session.
pub(crate) struct Core {
    pub(crate) setup: Arc<Setup>,
    pub(crate) phase: Arc<str>,
    pub(crate) project_id: Option<i64>,
    pub(crate) session_id: Arc<str>,
    pub(crate) worker_id: Arc<str>,
    /// `None` if the worker was removed before the session saw it.
    worker: Option<StatusHandle>,
    /// As it was at the start; what is known of a worker that was removed meanwhile.
    first_seen: AgentWorker,
    /// What the worker was before the session ended it.
    left: OnceLock<AgentStatus>,
    /// How the session ended, to be read without the lock. Set under it, with `State::end`.
    ended: OnceLock<End>,
    pub(crate) started: Instant,
    pub(crate) tracker: UsageTracker,
    pub(crate) places: Places,
    /// What turns reserve from.
    pub(crate) account: Option<Account>,
    /// Whether the account was opened for this session.
    pub(crate) owns_account: bool,
    pub(crate) usage_sink_failures: AtomicU64,
    root: SpanId,
    /// The span of the session that this one is below.
    parent: Option<SpanId>,
    /// When that one has to be over.
    until: Option<Until>,
    next_span: AtomicU64,
    stream: Stream,
    state: Mutex<State>,
    recovery: Mutex<RecoveryContext>,
}

/// How a session ends.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) status: AgentStatus,
    /// The worker's log line.
    pub(crate) worker_detail: Option<String>,
    pub(crate) event: AgentEvent,
    pub(crate) shutdown: bool,
}

impl Core {
    pub(crate) fn new(setup: &Arc<Setup>, worker: &AgentWorker, origin: Origin) -> Self {
        let drawn = setup.ids.draw();
        let started = setup.clock.now();
        let span_base = u64::try_from(drawn & u128::from(u64::MAX)).unwrap_or(1);
        let recovery = RecoveryContext::with_config(
            runtime_resilience::recovery::Config::default()
                .recipes(setup.recipes.clone())
                .max_events(setup.event_log.get())
                .clock(Arc::clone(&setup.clock)),
        );
        Self {
            phase: Arc::clone(worker.phase()),
            project_id: worker.project_id(),
            session_id: format!("{drawn:032x}").into(),
            worker_id: Arc::clone(worker.id()),
            worker: setup.registry.status(worker.id()),
            first_seen: worker.clone(),
            left: OnceLock::new(),
            ended: OnceLock::new(),
            started,
            tracker: UsageTracker::with_pricing(setup.pricing.clone()),
            places: Places::new(&setup.roster, origin.rosters),
            account: origin.account,
            owns_account: origin.owned,
            until: origin.until,
            usage_sink_failures: AtomicU64::new(0),
            parent: origin.parent,
            root: SpanId::from_u64(span_base),
            next_span: AtomicU64::new(span_base),
            stream: Stream::new(setup, started),
            state: Mutex::new(State::opening()),
            recovery: Mutex::new(recovery),
            setup: Arc::clone(setup),
        }
    }

    pub(crate) fn closed(&self, status: AgentStatus) -> SessionClosedError {
        let shutdown = self.ended().is_some_and(|end| end.shutdown);
        SessionClosedError { status, call_began: false, shutdown }
    }

    /// Ends the session with what `prepare` makes, if it can. With `idle`, only if nothing is under
    /// way. Where somebody else has ended the worker, the session ends as that did, and is told.
    pub(crate) fn end<P, E: From<SettleError>>(
        &self,
        idle: bool,
        prepare: impl FnOnce() -> Result<(Ending, P), E>,
    ) -> Result<P, E> {
        let mut state = self.state();
        state.open().map_err(SettleError::from)?;
        let before = self.status();
        let mut elsewhere = Some(before).filter(|status| status.is_terminal());
        let mut prepared = None;
        if elsewhere.is_none() {
            if idle {
                state.idle()?;
            }
            let made = prepare()?;
            elsewhere = self.move_worker(&made.0);
            prepared = Some(made);
        }
        let (ending, result) = match (elsewhere, prepared) {
            (None, Some((ending, prepared))) => {
                let _ = self.left.set(before);
                (ending, Ok(prepared))
            }
            (elsewhere, _) => {
                let status = elsewhere.unwrap_or(AgentStatus::Cancelled);
                let closed = SettleError::from(self.closed(status));
                (self.ended_elsewhere(status), Err(closed.into()))
            }
        };
        let end = state.ending(ending.status, ending.shutdown);
        let _ = self.ended.set(end);
        let (farewell, wake) = state.end(end, ending.event);
        drop(state);
        if let Some(farewell) = farewell {
            self.say_farewell(*farewell);
        }
        wake.into_iter().for_each(Waker::wake);
        result
    }

    /// Moves the worker; or says how somebody else ended it before. One that was removed has
    /// nothing to be moved.
    fn move_worker(&self, ending: &Ending) -> Option<AgentStatus> {
        let registry = &self.setup.registry;
        let detail = ending.worker_detail.as_deref();
        let moved = registry.transition(&self.worker_id, ending.status, detail);
        let Err(TransitionError::Invalid(refused)) = moved else { return None };
        if refused.current.is_terminal() {
            return Some(refused.current);
        }
        // It was sent to wait behind the session's back; it comes back first.
        let back = registry.transition(&self.worker_id, AgentStatus::Running, None);
        if back.is_ok() {
            let _ = registry.transition(&self.worker_id, ending.status, detail);
        }
        None
    }

    fn ended_elsewhere(&self, status: AgentStatus) -> Ending {
        let detail = format!("worker was {status} in the registry");
        let event = match status {
            AgentStatus::Completed => self.completed(Some(detail)),
            AgentStatus::Cancelled => self.cancelled(detail),
            _ => self.failed(AgentFailureClass::Unknown, detail, SpanOutcome::Failed),
        };
        Ending { status, worker_detail: None, event, shutdown: false }
    }

    /// The state of the worker; of one that was removed, how its session stands.
    pub(crate) fn status(&self) -> AgentStatus {
        self.ended().map_or_else(
            || self.worker.as_ref().map_or(AgentStatus::Cancelled, StatusHandle::get),
            |end| end.status,
        )
    }

    /// What the worker was before the session ended it, if it did.
    pub(crate) fn left(&self) -> Option<AgentStatus> {
        self.left.get().copied()
    }

    /// How the session ended, if it has.
    pub(crate) fn ended(&self) -> Option<End> {
        self.ended.get().copied()
    }

    /// The worker as the registry has it; one that was removed as the session knows it.
    pub(crate) fn worker(&self) -> AgentWorker {
        let held = self.setup.registry.get(&self.worker_id);
        held.unwrap_or_else(|| {
            let mut worker = self.first_seen.clone();
            let now = self.setup.clock.utc_now();
            // Steps that it has behind it are refused, and nothing is lost by that.
            for status in [AgentStatus::Initializing, AgentStatus::Running, self.status()] {
                let _ = worker.transition(status, None, now);
            }
            worker
        })
    }

    pub(crate) fn completed(&self, detail: Option<String>) -> AgentEvent {
        let mut event =
            self.root_event(AgentEventName::AgentCompleted, AgentEventStatus::Completed);
        event.detail = detail.map(Into::into);
        event.with_outcome(SpanOutcome::Ok)
    }

    pub(crate) fn failed(
        &self,
        class: AgentFailureClass,
        detail: impl Into<String>,
        outcome: SpanOutcome,
    ) -> AgentEvent {
        self.root_event(AgentEventName::AgentFailed, AgentEventStatus::Failed)
            .with_failure_class(class)
            .with_detail(detail.into())
            .with_outcome(outcome)
    }

    pub(crate) fn cancelled(&self, detail: impl Into<String>) -> AgentEvent {
        self.root_event(AgentEventName::AgentFailed, AgentEventStatus::Cancelled)
            .with_failure_class(AgentFailureClass::Cancelled)
            .with_detail(detail.into())
            .with_outcome(SpanOutcome::Cancelled)
    }

    /// An event of the session's own span.
    pub(crate) fn root_event(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        self.event(name, status).with_span(self.root, self.parent)
    }

    /// An event of a span inside the session's.
    pub(crate) fn child_event(
        &self,
        name: AgentEventName,
        status: AgentEventStatus,
        span: SpanId,
    ) -> AgentEvent {
        self.event(name, status).with_span(span, Some(self.root))
    }

    /// An event that belongs to no span.
    pub(crate) fn event(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        if !self.is_heard() {
            return AgentEvent::new(name, status, DateTime::UNIX_EPOCH);
        }
        let mut event = AgentEvent::new(name, status, self.setup.clock.utc_now());
        event.role = Some(Arc::clone(&self.setup.role));
        event.phase = Some(Arc::clone(&self.phase));
        event.project_id = self.project_id;
        event.session_id = Some(Arc::clone(&self.session_id));
        event
    }

    /// Whether anybody will see an event: where nobody does, none need be made.
    pub(crate) const fn is_heard(&self) -> bool {
        self.stream.is_heard()
    }

    /// What an event says of a failure are words of others, and they may quote a key.
    pub(crate) fn emit(&self, mut event: AgentEvent) {
        if event.failure_class.is_some()
            && let Some(detail) = &event.detail
            && let Cow::Owned(clean) = without_keys(detail)
        {
            event.detail = Some(clean.into());
        }
        if let Some(error) = self.stream.emit(event) {
            log!(warn, session = %self.session_id, error = %error, "event sink failed; failures are counted from here on");
        }
    }

    /// The session's own span.
    pub(crate) const fn root(&self) -> SpanId {
        self.root
    }

    pub(crate) fn new_span(&self) -> SpanId {
        // Relaxed: only the number has to differ; the events order themselves.
        SpanId::from_u64(self.next_span.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }

    /// When a call admitted now has to be over: its own timeout or the session's deadline,
    /// whichever comes first.
    pub(crate) fn until(
        &self,
        timeout: Option<&Timeout>,
    ) -> Result<Option<Until>, DeadlineExceededError> {
        if timeout.is_none() && self.setup.deadline.is_none() && self.until.is_none() {
            return Ok(None);
        }
        let now = self.now();
        let kind = Kind::Timeout(Phase::Attempt);
        let own = timeout.map(|timeout| self.until_after(timeout, now, kind));
        let Some(session) = self.session_deadline() else { return Ok(own) };
        if session.at <= now {
            return Err(DeadlineExceededError { deadline: session.after, call_began: false });
        }
        Ok(Some(own.filter(|own| own.at <= session.at).unwrap_or(session)))
    }

    /// When the session has to be over, if it has a deadline.
    pub(crate) fn session_deadline(&self) -> Option<Until> {
        let own = self.setup.deadline.as_ref();
        let own = own.map(|own| self.until_after(own, self.started, Kind::Deadline));
        match (own, self.until.clone()) {
            (Some(own), Some(above)) => Some(if own.at <= above.at { own } else { above }),
            (own, above) => own.or(above),
        }
    }

    pub(crate) fn until_after(&self, timeout: &Timeout, from: Instant, kind: Kind) -> Until {
        let at = later(from, timeout.after);
        let sleeper = timeout.sleeper.clone().or_else(|| self.setup.sleeper.clone());
        Until { at, after: timeout.after, kind, sleeper }
    }

    pub(crate) fn now(&self) -> Instant {
        self.setup.clock.now()
    }

    pub(crate) fn watch(&self, key: &mut Option<u64>, waker: &Waker) -> Option<End> {
        self.state().watch(key, waker)
    }

    pub(crate) fn unwatch(&self, key: u64) {
        self.state().unwatch(key);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // The state's methods change it in single steps; a panic between them leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn recovery(&self) -> MutexGuard<'_, RecoveryContext> {
        // As above: the context's methods leave it whole.
        self.recovery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who wants to know what runs inside which span.
    pub(crate) fn scope(&self) -> Option<&dyn ScopeHook> {
        self.setup.scope.as_deref()
    }

    pub(crate) const fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn log_failure(&self, what: &'static str, error: &dyn Error) {
        log!(info, session = %self.session_id, role = %self.setup.role, what = what, error = %without_keys(&error.to_string()), "did not succeed");
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.session_id)
            .field("role", &self.setup.role)
            .field("worker", &self.worker_id)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
