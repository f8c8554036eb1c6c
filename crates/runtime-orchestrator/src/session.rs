//! The session of an agent, from the start of its worker to its last event.

mod blocking;
mod calls;
mod checks;
mod current;
pub(crate) mod estate;
mod events;
mod extension;
mod handle;
mod handoff;
mod input;
pub(crate) mod open;
mod restored;
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
pub use self::estate::Acceptance;
pub use self::events::SessionEvents;
pub use self::extension::{block_on, role_of};
pub use self::handle::SessionHandle;
pub use self::restored::Restored;
use crate::core::Core;
use crate::error::{BoxError, SessionError};
use crate::report::{Report, Summary};

/// The session of one agent, opened by [`Orchestrator::session`].
///
/// Every method takes `&self`: tools run in parallel with `join!`, and an `Arc` shares the session.
/// End the session with [`finish`](Self::finish), [`complete`](Self::complete),
/// [`fail`](Self::fail), [`cancel`](Self::cancel) or [`handoff_to`](Self::handoff_to). Dropping an
/// open session cancels it.
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
#[must_use = "dropping an open session cancels it"]
#[doc(alias = "AsyncOrchestrationSession")]
pub struct OrchestrationSession {
    pub(crate) core: Arc<Core>,
    /// True exactly while the body given to `run` is polled.
    polling: AtomicBool,
}

/// # State
impl OrchestrationSession {
    /// Returns a handle that outlives this value and works from any task or thread.
    pub fn handle(&self) -> SessionHandle {
        SessionHandle { core: Arc::clone(&self.core) }
    }

    /// Adds a label to all later events: tenant, user, request.
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

    /// The phase of the session's work.
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

    /// The account that pays for the session, if there is one: its balance, its statement, and the
    /// accounts above it.
    pub fn account(&self) -> Option<&Account> {
        self.core.money.account()
    }

    /// A snapshot of the session: worker, usage, recovery, events, budget.
    pub fn summary(&self) -> Summary {
        summary::of(&self.core)
    }
}

/// # Time
///
/// Deadlines are passed down and never extended: a child has no more time than its parent, and a
/// turn or a tool no more than its session, whatever its own limits are.
impl OrchestrationSession {
    /// The deadline, on the session's clock: the session's [own](crate::Orchestrator::deadline) or
    /// a parent's, whichever comes first. `None` without a deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.core.time.deadline().map(|until| until.at)
    }

    /// The time until the deadline; zero after it. Pass it to code inside the session, such as the
    /// HTTP client of a tool, or to a remote agent.
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
    /// Ends the session by `result`: `Ok` completes it, an error fails it.
    ///
    /// A session with a [turn that outlives it](SessionHandle::begin_turn) under way is not
    /// complete: it fails with [`SessionBusyError`](crate::SessionBusyError), and the turn is
    /// interrupted.
    ///
    /// A session that has already ended, for instance by a handoff, keeps its end. While the
    /// orchestrator [drains](crate::Orchestrator::drain), an error that is or wraps a refusal by
    /// the drain cancels the session as a shutdown.
    pub fn finish<T, E: Into<BoxError> + 'static>(self, result: Result<T, E>) -> Report<T> {
        let result = match result {
            Ok(value) => match self.core.complete(true, None) {
                Err(SessionError::Busy(busy)) => Err(self.core.fail_with(busy)),
                _ => Ok(value),
            },
            Err(error) => Err(self.core.fail_with(error)),
        };
        Report { result, summary: self.summary() }
    }

    /// Completes the session.
    ///
    /// # Errors
    ///
    /// [`SessionError::Closed`] if the session has ended, [`SessionError::Busy`] if turns or tools
    /// are running or the session waits for input.
    pub fn complete(&self) -> Result<(), SessionError> {
        self.core.refuse_sinks()?;
        self.core.complete(true, None)
    }

    /// [`complete`](Self::complete), with a text for the event.
    ///
    /// # Errors
    ///
    /// The same as [`complete`](Self::complete).
    pub fn complete_with(&self, detail: impl Into<String>) -> Result<(), SessionError> {
        self.core.refuse_sinks()?;
        self.core.complete(true, Some(detail.into()))
    }

    /// Fails the session. Running turns and tools are interrupted at their next wait.
    ///
    /// # Errors
    ///
    /// [`SessionError::Closed`] if the session has ended.
    pub fn fail(
        &self,
        detail: impl Into<String>,
        class: AgentFailureClass,
    ) -> Result<(), SessionError> {
        self.core.refuse_sinks()?;
        Ok(self.core.fail(&detail.into(), class, SpanOutcome::Failed)?)
    }

    /// Cancels the session. Running turns and tools are interrupted at their next wait.
    ///
    /// # Errors
    ///
    /// [`SessionError::Closed`] if the session has ended.
    pub fn cancel(&self, detail: impl Into<String>) -> Result<(), SessionError> {
        self.core.refuse_sinks()?;
        Ok(self.core.cancel_with(detail.into())?)
    }

    /// Completes this session and registers a worker for `target_role`.
    ///
    /// The worker has this session's phase and project.
    ///
    /// `context` is information for the target: a JSON object, or null for none. Open the target's
    /// session with [`Orchestrator::accept`](crate::Orchestrator::accept), which continues this
    /// session's account, deadline, turns and labels. The registry cancels the
    /// oldest unclaimed workers once there are too many.
    ///
    /// # Errors
    ///
    /// [`SessionError`] if the session has ended or is busy, if the target role is empty, if the
    /// context is neither an object nor null, or if there were
    /// [too many handoffs](runtime_lifecycle::RegistryConfig::max_handoffs) before. After an error the session is unchanged.
    pub fn handoff_to(
        &self,
        target_role: &str,
        reason: impl Into<String>,
        context: Value,
    ) -> Result<Handoff, SessionError> {
        self.core.refuse_sinks()?;
        handoff::hand_over(&self.core, target_role, &reason.into(), context)
    }

    /// Opens a session below this one, for an agent of another role.
    ///
    /// The child has this session's settings, the rest of its budget and its deadline. Its span is
    /// inside this session's.
    ///
    /// The child's turns are charged to this session's budget as well, so a run with all its
    /// children has one limit. For other settings, see
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
    /// [`SessionError`] if this session has ended, is past its deadline or drains, or if the
    /// registry refuses the worker.
    pub fn child(&self, role: impl Into<Arc<str>>) -> Result<Self, SessionError> {
        let setup = open::child_setup(&self.core, role.into());
        open::open_below(&self.core, setup, &self.core.sinks())
    }
}

/// # Waiting for a person
impl OrchestrationSession {
    /// Waits for input, with the worker in `WAITING_FOR_INPUT`.
    ///
    /// The input comes from [`provide_input`](Self::provide_input), here or at a [`SessionHandle`].
    ///
    /// Dropping the future ends the wait, and the worker runs again. Turns and tools may run
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`SessionError::AlreadyWaiting`] if another pause waits, [`SessionError::Closed`] if the
    /// session has ended or ends during the wait, [`SessionError::ShuttingDown`] if its
    /// orchestrator drains.
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

    /// Provides the input for the pause of this session.
    ///
    /// # Errors
    ///
    /// [`SessionError::NobodyWaiting`] if no pause waits, [`SessionError::AlreadyAnswered`] if the one that waits
    /// has an input: a pause takes the first one.
    pub fn provide_input(&self, value: impl Into<String>) -> Result<(), SessionError> {
        self.core.life.answer(value.into())
    }
}

/// # Permission, quality and policy
impl OrchestrationSession {
    /// Checks this session's role for a tool, and emits `agent.permission_checked`.
    ///
    /// Without permissions every tool is allowed and no event is emitted. A session that has ended
    /// emits none either.
    ///
    /// To choose the tools to offer to a model, use [`SessionHandle::permits`], which emits nothing.
    pub fn authorize(&self, tool: &str) -> PermissionOutcome {
        checks::authorize(&self.core, tool)
    }

    /// Evaluates the quality gate and emits `phase.gate_passed` or `phase.gate_failed`.
    ///
    /// `None` without a gate. A session that has ended evaluates the gate and emits no event.
    pub fn evaluate_gate(&self, observed: QualityLevel) -> Option<QualityGateOutcome> {
        checks::gate(&self.core, observed)
    }

    /// Returns the actions that the policy engine recommends now.
    ///
    /// Emits `agent.policy_decided` with the rules that fired. Without an engine there are no
    /// actions and no event.
    ///
    /// The session sets the phase, the cost and the scenarios with exhausted recovery, and the
    /// elapsed time if `context` has zero.
    pub fn evaluate_policy(&self, context: PhaseContext) -> Vec<PolicyActionData> {
        checks::policy(&self.core, context)
    }

    /// Explains for each rule whether it fires now, and which part decided.
    pub fn explain_policy(&self, context: PhaseContext) -> Vec<RuleExplanation> {
        let Some(engine) = &self.core.setup.policy else { return Vec::new() };
        engine.explain(&checks::policy_context(&self.core, context))
    }
}

/// Runs `body` in the scope of its session, with the flag raised during each poll, so that the drop
/// of the session can tell a panic from a cancellation.
pub(crate) async fn guard<T>(
    session: &OrchestrationSession,
    body: impl AsyncFnOnce(&OrchestrationSession) -> Result<T, BoxError>,
) -> Result<T, BoxError> {
    let mut body = pin!(body(session));
    poll_fn(|cx| {
        // Relaxed: only the thread that polls, or unwinds from the poll, reads the flag. Moving a
        // task to another thread has its own barrier.
        session.polling.store(true, Ordering::Relaxed);
        let polled = current::within(&session.core, || body.as_mut().poll(cx));
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
