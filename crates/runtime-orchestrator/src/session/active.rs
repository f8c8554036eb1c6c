//! A turn under way, and the ways it can end.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data, FailureScenario, SpanId,
    SpanOutcome,
};
use runtime_policy::GuardrailViolatedError;
use runtime_resilience::{Failure, Permit};
use runtime_usage::{BudgetExceededError, UsageSnapshot, Usd};

use crate::error::{
    BoxError, DeadlineExceededError, SessionClosedError, TurnError, TurnTimeoutError,
};
use crate::failure::failure;
use crate::session::core::{Core, Entry};
use crate::wait::{Interrupted, Kind, Until, race};

/// An answered turn.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answer<T> {
    /// What the call returned.
    pub value: T,
    /// What it used.
    pub usage: UsageSnapshot,
    /// What it cost.
    pub cost: Usd,
    /// Set if this turn left an enforced budget overspent. The answer is paid for and yours; the
    /// turns after it are refused.
    pub over_budget: Option<BudgetExceededError>,
}

/// What settling a turn came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// What the turn used.
    pub usage: UsageSnapshot,
    /// What it cost.
    pub cost: Usd,
    /// Set if this turn left an enforced budget overspent.
    pub over_budget: Option<BudgetExceededError>,
}

/// A turn under way, for callers who drive the call themselves: a stream, for instance.
///
/// It holds everything that was taken at admission, and is spent by its outcome:
/// [`settle`](Self::settle) or [`fail`](Self::fail). Dropped, it is a cancelled call, billed by
/// what was [observed](Self::observe). What is awaited through [`run`](Self::run) is inside the
/// turn's timeout, and a panic in it is known for what it is.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// use futures_util::{StreamExt, stream};
/// use runtime_orchestrator::{Orchestrator, Turn};
/// use runtime_usage::UsageSnapshot;
///
/// let session = Orchestrator::new("writer", "draft").session()?;
/// let mut chunks = stream::iter(["Hel", "lo"]);
///
/// let mut turn = session.begin_turn(Turn::model("gpt-5")).await?;
/// let mut text = String::new();
/// while let Some(chunk) = turn.run(chunks.next()).await? {
///     text.push_str(chunk);
///     turn.observe(UsageSnapshot::new(9, text.len() as u64));
/// }
/// let settled = turn.settle(UsageSnapshot::new(9, 2));
///
/// assert_eq!(text, "Hello");
/// assert_eq!(settled.usage.output_tokens, 2);
/// # Ok::<_, runtime_orchestrator::BoxError>(()) }).unwrap();
/// ```
#[must_use = "a turn dropped unsettled counts as cancelled"]
pub struct ActiveTurn<'s> {
    core: &'s Core,
    model: Arc<str>,
    permit: Option<Permit>,
    span: SpanId,
    until: Option<Until>,
    observed: Option<UsageSnapshot>,
    /// True exactly while the caller's code runs.
    polling: bool,
    /// True while guardrails look at the prompt: how that ends is not the breaker's business.
    vetting: bool,
    settled: bool,
    /// Last, so that the session's farewell waits for the turn's last event.
    _entry: Entry<'s>,
}

impl<'s> ActiveTurn<'s> {
    pub(crate) fn begin(
        core: &'s Core,
        entry: Entry<'s>,
        model: Arc<str>,
        permit: Option<Permit>,
        until: Option<Until>,
    ) -> Self {
        let span = core.new_span();
        let mut event =
            core.child_event(AgentEventName::TurnStarted, AgentEventStatus::Running, span);
        event.data = (!model.is_empty()).then(|| Data::with_capacity(1).with("model", &*model));
        core.emit(event);
        Self {
            core,
            model,
            permit,
            span,
            until,
            observed: None,
            polling: false,
            vetting: false,
            settled: false,
            _entry: entry,
        }
    }

    /// The usage so far, as the provider reports it: the latest value, not an increment. It is
    /// what a turn that does not get to its end is billed by.
    pub fn observe(&mut self, usage: UsageSnapshot) {
        self.observed = Some(usage);
    }

    /// Awaits one step of the call inside the turn's timeout.
    ///
    /// # Errors
    ///
    /// [`TurnError::TimedOut`], [`TurnError::Deadline`] or [`TurnError::Closed`] if the step was
    /// interrupted. The turn is settled then; what is left to do is to pass the error on.
    pub async fn run<F: Future>(&mut self, step: F) -> Result<F::Output, TurnError> {
        self.still_open()?;
        self.step(step).await
    }

    /// The session may have ended since the turn was admitted; what has not begun does not begin.
    pub(crate) fn still_open(&mut self) -> Result<(), TurnError> {
        let ended = self.core.ended();
        ended.map_or(Ok(()), |status| Err(self.stop(Interrupted::Closed(status))))
    }

    pub(crate) async fn step<F: Future>(&mut self, step: F) -> Result<F::Output, TurnError> {
        let Self { core, until, polling, .. } = self;
        match race(core, until.as_ref(), polling, step).await {
            Ok(output) => Ok(output),
            Err(interrupted) => Err(self.interrupted(interrupted).await),
        }
    }

    /// The call was answered. Records its usage and says what it cost.
    ///
    /// A turn that [`run`](Self::run) has settled already stays as it is; its observed usage is
    /// what counts.
    pub fn settle(mut self, usage: UsageSnapshot) -> Settled {
        self.answered(usage)
    }

    /// The call failed. Keeps the books about recovery, as [`run_turn`] does; of a turn that
    /// [`run`](Self::run) has settled already they are kept.
    ///
    /// [`run_turn`]: crate::OrchestrationSession::run_turn
    pub async fn fail<E: Into<BoxError> + 'static>(mut self, error: E) -> TurnError {
        let settled = self.settled;
        let failure = self.failed(error);
        if settled {
            return TurnError::Failed(failure);
        }
        let recovery = self.core.recover(failure.scenario(), failure.error()).await;
        TurnError::Failed(failure.with_recovery(recovery))
    }

    /// [`fail`](Self::fail) for threads.
    pub fn fail_blocking<E: Into<BoxError> + 'static>(mut self, error: E) -> TurnError {
        let settled = self.settled;
        let failure = self.failed(error);
        if settled {
            return TurnError::Failed(failure);
        }
        let recovery = self.core.recover_blocking(failure.scenario(), failure.error());
        TurnError::Failed(failure.with_recovery(recovery))
    }
}

/// The endings, each of which settles the turn once.
impl<'s> ActiveTurn<'s> {
    fn answered(&mut self, usage: UsageSnapshot) -> Settled {
        if !self.close(true) {
            return Settled { usage, cost: Usd::ZERO, over_budget: None };
        }
        let cost = self.core.bill(&self.model, usage);
        let event = self.ended(AgentEventName::TurnCompleted, AgentEventStatus::Completed);
        let data = (!self.model.is_empty()).then(|| self.facts(usage, cost));
        let mut event = event.with_outcome(SpanOutcome::Ok);
        event.data = data;
        self.core.emit(event);
        Settled { usage, cost, over_budget: self.core.budget_verdict() }
    }

    fn failed<E: Into<BoxError> + 'static>(&mut self, error: E) -> Failure {
        let failure = failure(error, &self.core.setup.classifier);
        if self.close(false) {
            let class = failure.failure_class();
            self.stopped(SpanOutcome::Failed, class, &failure, self.observed);
        }
        failure
    }

    /// The model's answer came and a guardrail objected: it is paid for all the same.
    pub(crate) fn withheld(&mut self, violation: &GuardrailViolatedError) {
        if self.close(true) {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, violation, self.observed);
            self.core.budget_verdict();
        }
    }

    /// A guardrail objected to the prompt: nothing was called.
    pub(crate) fn rejected(&mut self, violation: &GuardrailViolatedError) {
        self.cancel_call();
        if self.close(false) {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, violation, None);
        }
    }

    /// Guardrails begin or cease to look at the prompt.
    pub(crate) const fn vet(&mut self, vetting: bool) {
        self.vetting = vetting;
    }

    /// The call has returned an answer that used this much: the breaker has what it needs, and
    /// the turn is billed however it ends.
    pub(crate) fn call_succeeded(&mut self, usage: UsageSnapshot) {
        if let Some(permit) = self.permit.take() {
            permit.success();
        }
        self.observe(usage);
    }

    pub(crate) fn answer<T>(mut self, value: T, usage: UsageSnapshot) -> Answer<T> {
        let Settled { usage, cost, over_budget } = self.answered(usage);
        Answer { value, usage, cost, over_budget }
    }

    async fn interrupted(&mut self, interrupted: Interrupted) -> TurnError {
        let settled = self.settled;
        let mut error = self.stop(interrupted);
        if let TurnError::TimedOut(timeout) = &mut error
            && !settled
        {
            let scenario = FailureScenario::LlmTimeout;
            timeout.recovery = Some(self.core.recover(scenario, &timeout.clone()).await);
        }
        error
    }

    pub(crate) fn interrupted_blocking(&mut self, interrupted: Interrupted) -> TurnError {
        let settled = self.settled;
        let mut error = self.stop(interrupted);
        if let TurnError::TimedOut(timeout) = &mut error
            && !settled
        {
            let scenario = FailureScenario::LlmTimeout;
            timeout.recovery = Some(self.core.recover_blocking(scenario, &timeout.clone()));
        }
        error
    }

    fn stop(&mut self, interrupted: Interrupted) -> TurnError {
        let (error, outcome): (TurnError, _) = match interrupted {
            // Its own timeout is a failure of what was called, and the breaker's business; the
            // session's deadline and its end are not.
            Interrupted::Time(Kind::Timeout, timeout) => {
                (TurnTimeoutError { timeout, recovery: None }.into(), SpanOutcome::TimedOut)
            }
            Interrupted::Time(Kind::Deadline, deadline) => {
                self.cancel_call();
                (DeadlineExceededError { deadline }.into(), SpanOutcome::TimedOut)
            }
            Interrupted::Closed(status) => {
                self.cancel_call();
                (SessionClosedError { status }.into(), SpanOutcome::Cancelled)
            }
        };
        if self.close(false) {
            let class = if outcome == SpanOutcome::Cancelled {
                AgentFailureClass::Cancelled
            } else {
                error.failure_class()
            };
            self.stopped(outcome, class, &error, self.observed);
        }
        error
    }

    /// Runs the caller's code with the flag raised.
    pub(crate) fn flagged<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.polling = true;
        let value = code();
        self.polling = false;
        value
    }

    pub(crate) fn until(&self) -> Option<&Until> {
        self.until.as_ref()
    }

    pub(crate) const fn core(&self) -> &'s Core {
        self.core
    }

    pub(crate) const fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// Spends the permit; `false` if the turn was settled before.
    fn close(&mut self, success: bool) -> bool {
        if std::mem::replace(&mut self.settled, true) {
            return false;
        }
        match self.permit.take() {
            Some(permit) if self.vetting => permit.cancel(),
            Some(permit) if success => permit.success(),
            Some(permit) => permit.failure(),
            None => {}
        }
        true
    }

    /// Says so rather than dropping the permit: dropped by a neighbour's panic under `join!`, it
    /// would count as failed.
    fn cancel_call(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.cancel();
        }
    }

    fn stopped(
        &self,
        outcome: SpanOutcome,
        class: AgentFailureClass,
        error: &dyn Error,
        usage: Option<UsageSnapshot>,
    ) {
        let status = match outcome {
            SpanOutcome::Cancelled => AgentEventStatus::Cancelled,
            _ => AgentEventStatus::Failed,
        };
        let mut event = self
            .ended(AgentEventName::TurnFailed, status)
            .with_failure_class(class)
            .with_detail(error.to_string())
            .with_outcome(outcome);
        event.data = match usage {
            Some(usage) => {
                let cost = self.core.bill(&self.model, usage);
                Some(self.facts(usage, cost))
            }
            None if self.model.is_empty() => None,
            None => Some(Data::with_capacity(1).with("model", &*self.model)),
        };
        self.core.emit(event);
        self.core.log_failure("turn", error);
    }

    fn ended(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        self.core.child_event(name, status, self.span)
    }

    fn facts(&self, usage: UsageSnapshot, cost: Usd) -> Data {
        let mut data = Data::with_capacity(6)
            .with("model", &*self.model)
            .with("input_tokens", usage.input_tokens)
            .with("output_tokens", usage.output_tokens)
            .with("cost_usd", cost.to_f64());
        for (key, tokens) in [
            ("cache_write_tokens", usage.cache_write_tokens),
            ("cache_read_tokens", usage.cache_read_tokens),
        ] {
            if tokens > 0 {
                data.insert(key, tokens);
            }
        }
        data
    }
}

impl Drop for ActiveTurn<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.polling {
            self.core.state().note_panic();
            self.close(false);
            let class = AgentFailureClass::Unknown;
            self.stopped(
                SpanOutcome::Panicked,
                class,
                &Message("the call panicked"),
                self.observed,
            );
        } else {
            self.cancel_call();
            self.close(false);
            let class = AgentFailureClass::Cancelled;
            let dropped = Message("the turn was dropped");
            self.stopped(SpanOutcome::Cancelled, class, &dropped, self.observed);
        }
    }
}

impl fmt::Debug for ActiveTurn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveTurn")
            .field("model", &self.model)
            .field("span", &self.span)
            .field("observed", &self.observed)
            .finish_non_exhaustive()
    }
}

/// A reason that is no error of anybody's.
#[derive(Debug)]
struct Message(&'static str);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Message {}
