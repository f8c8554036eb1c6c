//! A running turn.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use runtime_events::payload::{TurnStarted, Word};
use runtime_events::{AgentEventStatus, SpanId};
use runtime_resilience::{FaultError, Headers};
use runtime_usage::{
    BudgetExceededError, BudgetMark, FinishReason, ReportedUsage, UsageSnapshot, Usd,
};

use crate::core::{Hold, interrupts};
use crate::error::{BoxError, TurnError};
use crate::parts::money::Bill;
use crate::parts::pace::Pace;
use crate::scope::{inside, inside_async};
use crate::turn::held::Held;
use crate::turn::part::Part;
use crate::wait::{Interrupted, Vigil, flagged, race};

/// An answered turn.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answer<T> {
    /// The value that the call returned.
    pub value: T,
    /// The usage of the turn.
    pub usage: UsageSnapshot,
    /// The cost of the turn.
    pub cost: Usd,
    /// Whether the provider reported the cost, which takes precedence over prices.
    pub cost_reported: bool,
    /// Whether a count, and therefore the cost, is an estimate.
    pub estimated: bool,
    /// Why the answer ended, for each of its first six choices; `None` where the usage that was read
    /// does not say.
    pub finish_reasons: [Option<FinishReason>; 6],
    /// The budget marks that the turn crossed, as a sign to wrap up.
    pub marks: Vec<BudgetMark>,
    /// Set if this turn overspent an enforced budget. The answer is paid for; later turns are
    /// refused.
    pub over_budget: Option<BudgetExceededError>,
    /// The number of calls: one, unless the turn [recovered]. Usage and cost are the sums of all
    /// attempts.
    ///
    /// [recovered]: crate::OrchestrationSession::run_turn_recovering
    pub attempts: u32,
    /// The model that answered. Empty for an unmetered turn.
    pub model: Arc<str>,
    /// The provider that answered, if there are [routes](crate::RecoveryConfig::routes).
    pub provider: Option<Arc<str>>,
}

impl<T> Answer<T> {
    /// An answer that was recorded earlier. Its bill is in the fields.
    pub fn recorded(value: T, model: impl Into<Arc<str>>) -> Self {
        Self {
            value,
            usage: UsageSnapshot::default(),
            cost: Usd::ZERO,
            cost_reported: false,
            estimated: false,
            marks: Vec::new(),
            over_budget: None,
            attempts: 1,
            model: model.into(),
            provider: None,
            finish_reasons: Default::default(),
        }
    }
}

/// The bill of a settled turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// The usage of the turn.
    pub usage: UsageSnapshot,
    /// The cost of the turn.
    pub cost: Usd,
    /// Whether the provider reported the cost, which takes precedence over prices.
    pub cost_reported: bool,
    /// Whether a count, and therefore the cost, is an estimate.
    pub estimated: bool,
    /// Why the answer ended, for each of its first six choices; `None` where the usage that was read
    /// does not say.
    pub finish_reasons: [Option<FinishReason>; 6],
    /// The budget marks that the turn crossed, as a sign to wrap up.
    pub marks: Vec<BudgetMark>,
    /// Set if this turn overspent an enforced budget.
    pub over_budget: Option<BudgetExceededError>,
}

/// A running turn, for callers that make the call themselves, such as a stream.
///
/// It holds the permit and the reservations of its admission until its outcome:
/// [`settle`](Self::settle), [`fail`](Self::fail), or [`release`](Self::release) if the call was
/// never sent. Dropping it cancels the call, which is billed by its [observed](Self::observe) usage
/// or else by its reservation. Await the steps of the call through [`run`](Self::run): they are
/// inside the turn's timeout, and a panic in one is recognised as a panic.
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
#[must_use = "dropping an unsettled turn cancels it"]
pub struct ActiveTurn<'s> {
    pub(super) core: Hold<'s>,
    pub(crate) model: Arc<str>,
    pub(super) span: SpanId,
    pub(super) pace: Pace,
    pub(super) held: Held<'s>,
    /// The bill, once the turn is settled.
    pub(super) bill: Option<Box<Bill>>,
    /// Made by [`poll_run`](Self::poll_run).
    pub(super) vigil: Option<Box<Vigil>>,
    /// True exactly while the caller's code runs.
    pub(super) polling: bool,
    pub(super) settled: bool,
    /// Whether it is a whole turn, or an attempt of a recovering one.
    pub(super) part: Part<'s>,
}

impl<'s> ActiveTurn<'s> {
    #[inline]
    pub(crate) fn begin(
        core: Hold<'s>,
        part: Part<'s>,
        model: Arc<str>,
        (held, pace): (Held<'s>, Pace),
    ) -> Self {
        let span = core.stream.new_span();
        let [started, ..] = part.names();
        let begins = (started, AgentEventStatus::Running, part.spans(&core.stream, span));
        core.stream.emit_with(part.names_of(&model), begins, |event| {
            let mut begun = TurnStarted::default();
            if !model.is_empty() {
                begun.model = Some(Word::Shared(&model));
                let reserved = held.reserved();
                begun.reserved_usd = (!reserved.is_zero()).then(|| reserved.to_f64());
            }
            if let Some(place) = part.place() {
                begun.attempt = Some(place.number);
                begun.provider = place.provider.as_ref().map(Word::Shared);
                begun.hedge = place.hedge;
            }
            event.data = Some(begun.data()).filter(|data| !data.is_empty());
        });
        let (bill, vigil, polling, settled) = (None, None, false, false);
        Self { core, model, span, pace, held, bill, vigil, polling, settled, part }
    }

    /// Sets the usage so far, as the provider reports it.
    ///
    /// Each call replaces the value; it is not an increment. A turn that does not finish is billed
    /// by it.
    pub fn observe(&mut self, usage: impl Into<ReportedUsage>) {
        self.held.observe(Some(usage.into()));
    }

    /// Gives the headers of the provider's reply to the [rate
    /// limiter](crate::Orchestrator::rate_limiter).
    ///
    /// The limiter reads the remaining limits from them.
    pub fn observe_headers<H: Headers + ?Sized>(&self, headers: &H) {
        if let Some(rate) = self.held.rate() {
            rate.limiter().observe(headers, Some(rate.sent()));
        }
    }

    /// Reports a token.
    ///
    /// It ends a [first-token timeout](crate::Turn::first_token_timeout) and restarts an [idle
    /// timeout](crate::Turn::idle_timeout).
    pub fn token(&self) {
        if let Some(pulse) = self.pace.pulse() {
            pulse.token();
        }
    }

    /// The amount that is reserved for the call.
    pub fn reserved(&self) -> Usd {
        self.held.reserved()
    }

    /// The maximum number of output tokens that overspends no budget. Send it as `max_tokens`.
    ///
    /// It is the number that the reservation and the rest of the budget can pay for after the
    /// estimated input, but at most the turn's [`max_output`](crate::Turn::max_output). If it is
    /// zero, nothing is left for an answer: [`release`](Self::release) the turn.
    ///
    /// `None` without an [estimate](crate::Turn::estimate), an enforced budget, or a price.
    /// Reservations that other turns make later are not considered.
    pub fn max_output_tokens(&self) -> Option<u64> {
        self.held.output_tokens()
    }

    /// Awaits one step of the call inside the turn's timeout.
    ///
    /// # Errors
    ///
    /// [`TurnError::TimedOut`], [`TurnError::Deadline`] or [`TurnError::Closed`] if the step was
    /// interrupted, or its time was over before it began. The turn is then settled; return the
    /// error.
    pub async fn run<F: Future>(&mut self, step: F) -> Result<F::Output, TurnError> {
        in_time(self)?;
        self.step(step).await
    }

    /// [`run`](Self::run) for a caller that is polled itself, such as the body of a reply.
    ///
    /// Polls one step of the call. While it is pending, the task is also woken at the end of the
    /// turn's time and of the session. A call that is interrupted is billed by `usage`, if that knows
    /// what came of the answer.
    ///
    /// # Errors
    ///
    /// The same as [`run`](Self::run).
    pub fn poll_run<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnOnce(&mut Context<'_>) -> Poll<T>,
        usage: impl FnOnce() -> Option<ReportedUsage>,
    ) -> Poll<Result<T, TurnError>> {
        let interrupted = if let Some(interrupted) = interrupts(&self.core, &self.pace) {
            interrupted
        } else {
            if let Poll::Ready(value) = self.flagged(|| step(cx)) {
                return Poll::Ready(Ok(value));
            }
            let vigil = self.vigil.get_or_insert_default();
            ready!(vigil.poll(&*self.core, &self.pace, cx))
        };
        if let Some(usage) = usage() {
            self.observe(usage);
        }
        Poll::Ready(Err(self.interrupted(interrupted)))
    }

    /// Refuses to begin if the session has ended since the admission.
    #[inline]
    pub(crate) fn still_open(&mut self) -> Result<(), TurnError> {
        let ended = self.core.life.ended();
        ended.map_or(Ok(()), |end| Err(self.interrupted(Interrupted::Closed(end))))
    }

    #[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
    pub(crate) fn step<F: Future>(
        &mut self,
        step: F,
    ) -> impl Future<Output = Result<F::Output, TurnError>> {
        async move {
            let Self { core, pace, polling, span, .. } = &mut *self;
            let step = inside_async(core.scope(), *span, step);
            let output = race(&**core, pace, polling, step).await;
            output.map_err(|interrupted| self.interrupted(interrupted))
        }
    }

    /// Settles the answered call: records its usage and returns its bill.
    ///
    /// If [`run`](Self::run) has already settled the turn, the bill of that settlement is returned
    /// unchanged.
    pub fn settle(mut self, usage: impl Into<ReportedUsage>) -> Settled {
        Settled::of(&mut self, Some(&usage.into()))
    }

    /// [`settle`](Self::settle) for an answer that says nothing of its usage: the observed usage
    /// counts, or else the reservation.
    pub fn settle_unread(mut self) -> Settled {
        Settled::of(&mut self, None)
    }

    /// Settles the failed call, and returns `error` with its classification.
    pub fn fail<E: Into<BoxError> + 'static>(mut self, error: E) -> TurnError {
        TurnError::Failed(self.failed(error))
    }

    /// What the session's [classifier](crate::RecoveryConfig::classifier) says of an error that stays with its
    /// owner, such as the client that gets it. [`fail`](Self::fail) with it.
    pub fn fault_of(&mut self, error: &(dyn Error + 'static)) -> FaultError {
        // Its rules are the caller's code.
        let Self { core, polling, .. } = self;
        let now = core.time.clock().utc_now();
        flagged(polling, || core.setup.recovery.classifier.fault_of(error, now))
    }

    /// The time until the turn's timeout or the session's deadline, whichever comes first.
    ///
    /// Zero once it is over. `None` without a limit.
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.core.time.left_until(self.pace.end()?))
    }
}

impl ActiveTurn<'_> {
    /// Runs the caller's code inside its span, with the flag raised.
    #[inline]
    pub(crate) fn flagged<T>(&mut self, code: impl FnOnce() -> T) -> T {
        let Self { core, polling, span, .. } = self;
        flagged(polling, || inside(core.scope(), *span, code))
    }

    pub(crate) const fn is_settled(&self) -> bool {
        self.settled
    }

    /// Sets the usage of a call that has returned.
    pub(crate) fn observed_to_be(&mut self, usage: Option<ReportedUsage>) {
        let usage = usage.or_else(|| self.held.take_observed(self.pace.pulse()));
        self.held.observe(usage);
    }

    /// Checks once more for the session's end. From here on the call may have been made.
    #[inline]
    pub(crate) fn begin_call(&mut self) -> Result<(), TurnError> {
        self.still_open()?;
        self.held.sent();
        Ok(())
    }
}

/// Refuses to begin a step after the end of the session or of the turn's time.
pub(super) fn in_time(turn: &mut ActiveTurn<'_>) -> Result<(), TurnError> {
    // A stream whose chunks are always ready never waits, but its time passes as well.
    let by = interrupts(&turn.core, &turn.pace);
    by.map_or(Ok(()), |by| Err(turn.interrupted(by)))
}

impl fmt::Debug for ActiveTurn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveTurn")
            .field("model", &self.model)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}
