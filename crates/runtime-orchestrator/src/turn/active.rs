//! A turn under way.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::payload::{TurnStarted, Word};
use runtime_events::{AgentEventStatus, SpanId};
use runtime_resilience::Headers;
use runtime_usage::{BudgetExceededError, BudgetMark, ReportedUsage, UsageSnapshot, Usd};

use crate::core::Core;
use crate::error::{BoxError, TurnError};
use crate::limits::Kind;
use crate::parts::money::Bill;
use crate::parts::pace::Pace;
use crate::scope::{inside, inside_async};
use crate::turn::held::Held;
use crate::turn::part::Part;
use crate::wait::{Interrupted, race};

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
    /// Whether the provider itself has said the cost; it wins over the prices.
    pub cost_reported: bool,
    /// Whether a count, and so the cost, is an estimate.
    pub estimated: bool,
    /// The marks of budgets that the turn has crossed: time to wrap up.
    pub marks: Vec<BudgetMark>,
    /// Set if this turn left an enforced budget overspent. The answer is paid for and yours; the
    /// turns after it are refused.
    pub over_budget: Option<BudgetExceededError>,
    /// How often the call was made: once, unless the turn [recovered]. Usage and cost are those of
    /// all attempts.
    ///
    /// [recovered]: crate::OrchestrationSession::run_turn_recovering
    pub attempts: u32,
    /// The model that answered; empty where the turn is not metered.
    pub model: Arc<str>,
    /// The provider that answered, where there are [routes](crate::RecoveryConfig::routes).
    pub provider: Option<Arc<str>>,
}

/// What settling a turn came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// What the turn used.
    pub usage: UsageSnapshot,
    /// What it cost.
    pub cost: Usd,
    /// Whether the provider itself has said the cost; it wins over the prices.
    pub cost_reported: bool,
    /// Whether a count, and so the cost, is an estimate.
    pub estimated: bool,
    /// The marks of budgets that the turn has crossed: time to wrap up.
    pub marks: Vec<BudgetMark>,
    /// Set if this turn left an enforced budget overspent.
    pub over_budget: Option<BudgetExceededError>,
}

/// A turn under way, for callers who drive the call themselves: a stream, for instance.
///
/// It holds everything that was taken at admission, and is spent by its outcome:
/// [`settle`](Self::settle) or [`fail`](Self::fail), or [`release`](Self::release) if the call was
/// never sent. Dropped, it is a cancelled call, billed by what was [observed](Self::observe), or
/// else by what it had reserved. What is awaited through [`run`](Self::run) is inside the
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
    pub(super) core: &'s Core,
    pub(super) model: Arc<str>,
    pub(super) span: SpanId,
    pub(super) pace: Pace,
    pub(super) held: Held<'s>,
    /// What it came to once it is settled.
    pub(super) bill: Option<Box<Bill>>,
    /// True exactly while the caller's code runs.
    pub(super) polling: bool,
    pub(super) settled: bool,
    /// Whether it is a turn of its own, or an attempt of one that recovers.
    pub(super) part: Part<'s>,
}

impl<'s> ActiveTurn<'s> {
    #[inline]
    pub(crate) fn begin(
        core: &'s Core,
        part: Part<'s>,
        model: Arc<str>,
        (held, pace): (Held<'s>, Pace),
    ) -> Self {
        let span = core.stream.new_span();
        if core.stream.is_heard() {
            let [started, ..] = part.names();
            let mut event = part.event(&core.stream, started, AgentEventStatus::Running, span);
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
            core.stream.emit(event);
        }
        Self { core, model, held, span, pace, bill: None, polling: false, settled: false, part }
    }

    /// The usage so far, as the provider reports it: the latest value, not an increment. It is
    /// what a turn that does not get to its end is billed by.
    pub fn observe(&mut self, usage: impl Into<ReportedUsage>) {
        self.held.observe(Some(usage.into()));
    }

    /// The headers of the provider's reply: the [rate limiter](crate::Orchestrator::rate_limiter)
    /// learns from them what is left.
    pub fn observe_headers<H: Headers + ?Sized>(&self, headers: &H) {
        if let Some(rate) = self.held.rate() {
            rate.limiter().observe(headers, Some(rate.sent()));
        }
    }

    /// A token came: a [first-token timeout](crate::Turn::first_token_timeout) is over, and an
    /// [idle timeout](crate::Turn::idle_timeout) begins anew.
    pub fn token(&self) {
        if let Some(pulse) = self.pace.pulse() {
            pulse.token();
        }
    }

    /// What is reserved for the call.
    pub fn reserved(&self) -> Usd {
        self.held.reserved()
    }

    /// How many tokens of output the call may use without overspending a budget: what is reserved
    /// and what is left beside it buys so many after the estimated input; and no more than the
    /// turn's [`max_output`](crate::Turn::max_output). Send it as `max_tokens`; where it is zero,
    /// there is nothing left to answer with, and [`release`](Self::release) is the way out.
    ///
    /// `None` where nothing says so: without an [estimate](crate::Turn::estimate), a budget that is
    /// enforced, or a price. What other turns take after this call is not in it.
    pub fn max_output_tokens(&self) -> Option<u64> {
        self.held.output_tokens()
    }

    /// Awaits one step of the call inside the turn's timeout.
    ///
    /// # Errors
    ///
    /// [`TurnError::TimedOut`], [`TurnError::Deadline`] or [`TurnError::Closed`] if the step was
    /// interrupted, or its time was over before it began. The turn is settled then; what is left to
    /// do is to pass the error on.
    pub async fn run<F: Future>(&mut self, step: F) -> Result<F::Output, TurnError> {
        self.still_open()?;
        // A stream whose chunks are always ready never waits, and its time runs out all the same.
        if let Some((kind, after)) = self.overdue() {
            return Err(self.interrupted(Interrupted::Time(kind, after)));
        }
        self.step(step).await
    }

    /// The session may have ended since the turn was admitted; what has not begun does not begin.
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
            let output = race(*core, pace, polling, step).await;
            output.map_err(|interrupted| self.interrupted(interrupted))
        }
    }

    /// The call was answered. Records its usage and says what it cost.
    ///
    /// A turn that [`run`](Self::run) has settled already stays as it is, and what it came to then
    /// is returned.
    pub fn settle(mut self, usage: impl Into<ReportedUsage>) -> Settled {
        Settled::of(self.answered(Some(usage.into())))
    }

    /// The call was never sent. Everything that was taken is given back, except the iteration, and
    /// the turn ends as cancelled.
    pub fn release(mut self) {
        self.withdrawn();
    }

    /// The call failed with `error`, which is returned as what it means.
    pub fn fail<E: Into<BoxError> + 'static>(mut self, error: E) -> TurnError {
        TurnError::Failed(self.failed(error))
    }

    /// How long the turn may still take: until its own timeout or its session's deadline, whichever
    /// comes first; zero once it is over. `None` if it has neither.
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.core.time.left_until(self.pace.end()?))
    }
}

impl ActiveTurn<'_> {
    /// Runs the caller's code with the flag raised.
    pub(crate) fn flagged<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.polling = true;
        let value = inside(self.core.scope(), self.span, code);
        self.polling = false;
        value
    }

    fn overdue(&self) -> Option<(Kind, Duration)> {
        let due = self.pace.due()?;
        (due.at <= self.core.time.now()).then_some((due.kind, due.after))
    }

    pub(crate) const fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// The call has returned, and nothing but this is known of its usage.
    pub(crate) fn observed_to_be(&mut self, usage: Option<ReportedUsage>) {
        let usage = usage.or_else(|| self.held.take_observed(self.pace.pulse()));
        self.held.observe(usage);
    }

    /// The prompt may be sent: from here the call may have been made, and the session's end is
    /// looked at once more.
    pub(crate) fn begin_call(&mut self) -> Result<(), TurnError> {
        self.still_open()?;
        self.held.sent();
        Ok(())
    }
}

impl fmt::Debug for ActiveTurn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveTurn")
            .field("model", &self.model)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}
