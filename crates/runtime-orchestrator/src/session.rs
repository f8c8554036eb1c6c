//! One agent's run, from its worker's start to its last event.

mod blocking;
mod calls;
mod checks;
mod handle;
mod handoff;
mod input;
pub(crate) mod open;
pub(crate) mod summary;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use runtime_events::{AgentFailureClass, SpanOutcome};
use runtime_lifecycle::{AgentStatus, Handoff};
use runtime_policy::{
    PermissionOutcome, PhaseContext, PolicyActionData, QualityGateOutcome, QualityLevel,
    RuleExplanation,
};
use runtime_usage::{Account, UsageTracker};
use serde_json::Value;

pub use self::blocking::BlockingCalls;
pub use self::handle::SessionHandle;
use crate::core::Core;
use crate::error::{BoxError, SessionClosedError, SessionError};
use crate::report::{Report, Summary};

/// A single agent's execution context, opened by [`Orchestrator::session`].
///
/// Every method takes `&self`: tools run in parallel with `join!`, and the session may be shared
/// in an `Arc`. End it with [`finish`](Self::finish), [`complete`](Self::complete),
/// [`fail`](Self::fail), [`cancel`](Self::cancel) or [`handoff_to`](Self::handoff_to); dropping it
/// before that cancels it.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// use runtime_lifecycle::AgentStatus;
/// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
///
/// let session = Orchestrator::new("writer", "draft").session()?;
/// let call = || async { Ok::<_, BoxError>("a haiku") };
/// let draft = session.run_turn(Turn::model("gpt-5"), call).await;
/// let report = session.finish(draft.map(|answer| answer.value));
///
/// assert_eq!(report.result?, "a haiku");
/// assert_eq!(report.summary.status(), AgentStatus::Completed);
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
///
/// [`Orchestrator::session`]: crate::Orchestrator::session
#[derive(Debug)]
#[must_use = "a session that is dropped is cancelled"]
#[doc(alias = "AsyncOrchestrationSession")]
pub struct OrchestrationSession {
    pub(crate) core: Arc<Core>,
    /// True exactly while the body given to `run` runs.
    polling: AtomicBool,
}

/// # State
impl OrchestrationSession {
    /// A handle that can be sent anywhere and outlives this value.
    pub fn handle(&self) -> SessionHandle {
        SessionHandle { core: Arc::clone(&self.core) }
    }

    /// Adds a label to all further events: tenant, user, request.
    pub fn label(&self, key: impl Into<String>, value: impl Into<String>) {
        self.core.stream.label(key.into(), value.into());
    }

    /// The session id in its events: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        self.core.session_id()
    }

    /// The role of the session's agent.
    pub fn role(&self) -> &str {
        self.core.role()
    }

    /// The phase the session works in.
    pub fn phase(&self) -> &str {
        self.core.phase()
    }

    /// The id of the session's worker in the registry.
    pub fn worker_id(&self) -> &str {
        self.core.life.worker_id()
    }

    /// The state of the session's worker.
    pub fn status(&self) -> AgentStatus {
        self.core.life.status()
    }

    /// The usage of the session so far.
    pub fn tracker(&self) -> &UsageTracker {
        self.core.money.tracker()
    }

    /// The account of the session, if it has one, with its balance and its statement; the accounts above it
    /// are on its [path](Account::path).
    pub fn account(&self) -> Option<&Account> {
        self.core.money.account()
    }

    /// The session as it stands: worker, usage, recovery, events, budget.
    pub fn summary(&self) -> Summary {
        summary::of(&self.core)
    }
}

/// # Time
///
/// Deadlines are inherited and never extended: a child has no more time than its parent, and a turn or a
/// tool no more than its session, whatever their own limits are.
impl OrchestrationSession {
    /// The deadline on the session's clock: its own [deadline](crate::Orchestrator::deadline) or the one of a
    /// session above it, whichever is first.
    pub fn deadline(&self) -> Option<Instant> {
        self.core.time.deadline().map(|until| until.at)
    }

    /// The time until the deadline, or zero after it: for calls inside the session, such as the HTTP client of
    /// a tool or an agent elsewhere.
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime_events::ManualClock;
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    ///
    /// # #[cfg(feature = "tokio")] {
    /// let clock = ManualClock::new();
    /// let minute = Duration::from_secs(60);
    /// let lead = Orchestrator::new("lead", "research").time(clock.clone()).deadline(minute);
    /// let session = lead.session()?;
    /// clock.advance(Duration::from_secs(45));
    ///
    /// let child = session.child("searcher")?;
    /// assert_eq!(child.time_left(), Some(Duration::from_secs(15)));
    /// # }
    /// # Ok::<_, BoxError>(())
    /// ```
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.core.time.left_until(self.deadline()?))
    }
}

/// # Ending
impl OrchestrationSession {
    /// Ends the session with a result: `Ok` completes it, an error fails it.
    ///
    /// A session that ended before, for instance by a handoff, is not changed. While its orchestrator
    /// [drains](crate::Orchestrator::drain), a refusal for that reason, or an error with one as its source,
    /// cancels the session as shut down.
    pub fn finish<T, E: Into<BoxError> + 'static>(self, result: Result<T, E>) -> Report<T> {
        let result = match result {
            Ok(value) => {
                let _ = self.core.complete(false, None);
                Ok(value)
            }
            Err(error) => Err(self.core.fail_with(error)),
        };
        Report { result, summary: self.summary() }
    }

    /// Completes the session.
    ///
    /// # Errors
    ///
    /// [`SessionError::Closed`] if it is over, [`SessionError::Busy`] if turns or tools are under
    /// way or it waits for input.
    pub fn complete(&self) -> Result<(), SessionError> {
        self.core.complete(true, None)
    }

    /// Completes the session with a detail for people.
    ///
    /// # Errors
    ///
    /// As for [`complete`](Self::complete).
    pub fn complete_with(&self, detail: impl Into<String>) -> Result<(), SessionError> {
        self.core.complete(true, Some(detail.into()))
    }

    /// Fails the session. Turns and tools under way are interrupted where they wait.
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

    /// Cancels the session. Turns and tools under way are interrupted where they wait.
    ///
    /// # Errors
    ///
    /// [`SessionClosedError`] if it is over.
    pub fn cancel(&self, detail: impl Into<String>) -> Result<(), SessionClosedError> {
        self.core.cancel_with(detail.into())
    }

    /// Completes this session and registers a worker for `target_role`, in this session's phase
    /// and for its project.
    ///
    /// `context` is a JSON object for the target, or null. Open the target's session with
    /// [`Orchestrator::accept`](crate::Orchestrator::accept). If too many workers wait unclaimed, the oldest is
    /// cancelled.
    ///
    /// # Errors
    ///
    /// [`SessionError`] if the session is over or busy, if the target role is empty, or if the
    /// context is no object. Nothing has changed then.
    pub fn handoff_to(
        &self,
        target_role: &str,
        reason: impl Into<String>,
        context: Value,
    ) -> Result<Handoff, SessionError> {
        handoff::hand_over(&self.core, target_role, &reason.into(), context)
    }

    /// Opens a session below this one for another role: with the same settings, inside its span, with the rest
    /// of its budget, and no later a deadline.
    ///
    /// The child's turns are paid from this session's budget as well, so one limit holds for a run with all
    /// its children. For other settings, use
    /// [`Orchestrator::session_below`](crate::Orchestrator::session_below).
    ///
    /// ```
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    /// use runtime_usage::{Limit, Usd};
    ///
    /// let limit = Limit::enforced(Usd::from_dollars(2));
    /// let parent = Orchestrator::new("lead", "research").budget(limit).session()?;
    /// parent.account().unwrap().charge(Usd::from_cents(150));
    ///
    /// let child = parent.child("searcher")?;
    /// assert_eq!(child.account().unwrap().limit().amount, Usd::from_cents(50));
    /// # Ok::<_, BoxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SessionError`] if this session is over, past its deadline or draining, or if the
    /// registry refuses the worker.
    pub fn child(&self, role: impl Into<Arc<str>>) -> Result<Self, SessionError> {
        let setup = open::child_setup(&self.core, role.into());
        open::open_below(&self.core, setup)
    }
}

/// # Waiting for a person
impl OrchestrationSession {
    /// Puts the worker into `WAITING_FOR_INPUT` and waits for an answer, here or through a
    /// [`SessionHandle`].
    ///
    /// Dropping the future ends the wait, and the worker runs again. Turns and tools may run during the wait.
    ///
    /// # Errors
    ///
    /// [`SessionError::AlreadyWaiting`] if another pause waits, [`SessionError::Closed`] if the
    /// session is over or ends while it waits, [`SessionError::ShuttingDown`] if its orchestrator
    /// drains.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::Orchestrator;
    ///
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let handle = session.handle();
    /// let person = async { handle.provide_input("go ahead") };
    /// let (answer, _) = tokio::join!(session.pause_for_input("publish?"), person);
    /// assert_eq!(answer?, "go ahead");
    /// # Ok::<_, runtime_orchestrator::BoxError>(()) }).unwrap();
    /// ```
    pub async fn pause_for_input(&self, prompt: impl Into<String>) -> Result<String, SessionError> {
        input::pause(&self.core, prompt.into()).await
    }

    /// Answers the pause of this session.
    ///
    /// # Errors
    ///
    /// [`SessionError::NobodyWaiting`] if no pause waits.
    pub fn provide_input(&self, value: impl Into<String>) -> Result<(), SessionError> {
        self.core.life.answer(value.into())
    }
}

/// # Permission, quality and policy
impl OrchestrationSession {
    /// Checks whether the session's role may use a tool, and emits `agent.permission_checked`.
    ///
    /// Without permissions everything is allowed and nothing is emitted; a session that is over emits
    /// nothing either.
    ///
    /// To choose the tools that a model is offered, without an event for each:
    /// [`PermissionPolicy::filter_tools`](runtime_policy::PermissionPolicy::filter_tools).
    pub fn authorize(&self, tool: &str) -> PermissionOutcome {
        checks::authorize(&self.core, tool)
    }

    /// Evaluates the quality gate and emits `phase.gate_passed` or `phase.gate_failed`; `None`
    /// without a gate. On a session that is over the gate is evaluated and nothing is emitted.
    pub fn evaluate_gate(&self, observed: QualityLevel) -> Option<QualityGateOutcome> {
        checks::gate(&self.core, observed)
    }

    /// The actions that the policy engine recommends now; none without an engine. Emits
    /// `agent.policy_decided` with the rules that fired.
    ///
    /// The session fills in its phase, its cost, the scenarios whose recovery is exhausted, and the time since
    /// its opening if it is zero in `context`.
    pub fn evaluate_policy(&self, context: PhaseContext) -> Vec<PolicyActionData> {
        checks::policy(&self.core, context)
    }

    /// Explains for each rule whether it fires now, and which part of it decided.
    pub fn explain_policy(&self, context: PhaseContext) -> Vec<RuleExplanation> {
        let Some(engine) = &self.core.setup.policy else { return Vec::new() };
        engine.explain(&checks::policy_context(&self.core, context))
    }
}

/// Runs a body with the flag raised while the caller's code runs, so that a panic is told from a
/// cancellation when the session is dropped.
pub(crate) async fn guard<T>(
    session: &OrchestrationSession,
    body: impl AsyncFnOnce(&OrchestrationSession) -> Result<T, BoxError>,
) -> Result<T, BoxError> {
    let mut body = pin!(body(session));
    poll_fn(|cx| {
        // Relaxed: only the thread that polls, or that unwinds from the poll, looks at it;
        // a task that moves is handed over with a barrier of its own.
        session.polling.store(true, Ordering::Relaxed);
        let polled = body.as_mut().poll(cx);
        session.polling.store(false, Ordering::Relaxed);
        polled
    })
    .await
}

impl Drop for OrchestrationSession {
    fn drop(&mut self) {
        self.core.abandon(self.polling.load(Ordering::Relaxed));
    }
}
