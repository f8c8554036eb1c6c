//! Turns and tools as values: what to run, and within which limits.

pub(crate) mod sealed;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::Sleeper;
use runtime_usage::{ReportedUsage, ServiceTier, UsageSnapshot, Usd};
use serde::Serialize;
use serde_json::Value;

/// How long something may take, and who keeps the time.
///
/// With feature `tokio` a `Duration` is one: the session's sleeper keeps the time. Without it
/// there is no default sleeper, so one has to be named: [`Timeout::on`].
#[derive(Clone, Debug)]
pub struct Timeout {
    pub(crate) after: Duration,
    pub(crate) sleeper: Option<Arc<dyn Sleeper>>,
}

impl Timeout {
    /// `after` has passed, as `sleeper` counts.
    pub fn on(after: Duration, sleeper: Arc<dyn Sleeper>) -> Self {
        Self { after, sleeper: Some(sleeper) }
    }
}

#[cfg(feature = "tokio")]
impl From<Duration> for Timeout {
    fn from(after: Duration) -> Self {
        Self { after, sleeper: None }
    }
}

/// No timeout of its own: the blocking calls that borrow freely take only these.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Untimed;

/// Timeouts of its own.
#[derive(Clone, Debug)]
pub struct Timed(Limits);

/// How long the parts of a call may take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// All attempts together, with the waits between them.
    pub(crate) total: Option<Timeout>,
    /// One attempt.
    pub(crate) attempt: Option<Timeout>,
    /// Until the first token of an attempt.
    pub(crate) first_token: Option<Timeout>,
    /// From one token to the next.
    pub(crate) idle: Option<Timeout>,
}

/// Whether a turn or a tool has a timeout of its own; sealed.
pub trait Timing: sealed::Timing {}

impl Timing for Untimed {}
impl Timing for Timed {}

/// The usage is not read: the turn is billed by what it reserved.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Unread;

/// The usage is read from the answer by a function.
#[derive(Clone, Copy)]
pub struct UsageFrom<F>(F);

/// Guardrails see nothing of the turn.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Unguarded;

/// Guardrails look at the prompt and, as JSON, at the answer.
#[derive(Clone)]
pub struct Guarded(Value);

/// How the usage of an answer of type `T` is known; sealed.
pub trait Reading<T>: sealed::Reading<T> {}

impl<T, R: sealed::Reading<T>> Reading<T> for R {}

/// What guardrails see of a turn before its call; sealed.
pub trait Prompt: sealed::Prompt {}

impl<G: sealed::Prompt> Prompt for G {}

/// What guardrails see of an answer of type `T`; sealed.
pub trait Shown<T>: sealed::Shown<T> {}

impl<T, G: sealed::Shown<T>> Shown<T> for G {}

/// One call of a model, described.
///
/// ```
/// use std::time::Duration;
/// use runtime_orchestrator::Turn;
/// use runtime_usage::{ReportedUsage, ServiceTier, UsageSnapshot, Usd};
///
/// struct Reply { text: String }
///
/// let turn = Turn::model("gpt-5")
///     .timeout(Duration::from_secs(30))
///     // The argument's type is the one word that inference needs.
///     .usage_from(|reply: &Reply| UsageSnapshot::new(100, reply.text.len() as u64 / 4));
/// # let _ = turn;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a turn is only a description; pass it to `run_turn`"]
pub struct Turn<R = Unread, L = Untimed, G = Unguarded> {
    pub(crate) model: Arc<str>,
    pub(crate) reading: R,
    pub(crate) limit: L,
    pub(crate) guard: G,
    pub(crate) ask: Ask,
}

/// What a turn asks of budgets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) estimate: Option<UsageSnapshot>,
    pub(crate) max_output: Option<u64>,
    pub(crate) reserve: Option<Usd>,
    pub(crate) tier: ServiceTier,
    pub(crate) wrap_up: bool,
    pub(crate) repeatable: bool,
}

impl Turn {
    /// A turn of this model. An empty name means that the turn is not metered.
    ///
    /// Say how its usage is known, with [`usage`](Self::usage) or [`usage_from`](Self::usage_from):
    /// without, it is billed by what it reserved, as an estimate, and by nothing if that is nothing.
    pub fn model(model: impl Into<Arc<str>>) -> Self {
        let (reading, limit, guard) = (Unread, Untimed, Unguarded);
        Self { model: model.into(), reading, limit, guard, ask: Ask::default() }
    }

    /// A turn that is not metered: no price, no usage record.
    pub fn unmetered() -> Self {
        Self::model("")
    }
}

impl<R, L, G> Turn<R, L, G> {
    /// The usage is known beforehand.
    pub fn usage(self, usage: UsageSnapshot) -> Turn<UsageSnapshot, L, G> {
        let Self { model, limit, guard, ask, .. } = self;
        Turn { model, reading: usage, limit, guard, ask }
    }

    /// The usage is read from, or estimated by, the answer: a [`UsageSnapshot`], or a
    /// [`ReportedUsage`] with what the provider said beside it.
    #[doc(alias = "estimate_usage")]
    pub fn usage_from<T, F, U>(self, read: F) -> Turn<UsageFrom<F>, L, G>
    where
        F: FnOnce(&T) -> U,
        U: Into<ReportedUsage>,
    {
        let Self { model, limit, guard, ask, .. } = self;
        Turn { model, reading: UsageFrom(read), limit, guard, ask }
    }

    /// Shows the session's guardrails `input` before the call, and the answer as JSON after it.
    pub fn guarded(self, input: impl Into<Value>) -> Turn<R, L, Guarded> {
        let Self { model, reading, limit, ask, .. } = self;
        Turn { model, reading, limit, guard: Guarded(input.into()), ask }
    }
}

/// # What it asks of budgets
///
/// Where the session has a budget, a turn reserves before its call is made:
///
/// | | reserves |
/// |---|---|
/// | [`reserve`](Self::reserve) | that much |
/// | [`estimate`](Self::estimate) | its price, with as much output as is usual for the model, at most [`max_output`](Self::max_output) |
/// | neither | what the budget says: [`Limit::per_turn`](runtime_usage::Limit::per_turn) |
///
/// A [strict](runtime_usage::Limit::strict) budget wants `estimate` and `max_output`, takes both for
/// upper bounds, and reserves the most that they can cost.
impl<R, L, G> Turn<R, L, G> {
    /// How much the call will take in, as far as it is known. Output in it is what is expected;
    /// without it, what is usual for the model counts.
    pub fn estimate(mut self, usage: UsageSnapshot) -> Self {
        self.ask.estimate = Some(usage);
        self
    }

    /// How many tokens the call may answer with: the `max_tokens` that is sent.
    pub fn max_output(mut self, tokens: u64) -> Self {
        self.ask.max_output = Some(tokens);
        self
    }

    /// What to reserve, whatever is estimated. A strict budget reserves more, where more is
    /// possible.
    pub fn reserve(mut self, amount: Usd) -> Self {
        self.ask.reserve = Some(amount);
        self
    }

    /// The tier of service that is asked for; estimates are priced by it. Default: standard.
    pub fn tier(mut self, tier: ServiceTier) -> Self {
        self.ask.tier = tier;
        self
    }

    /// The call may be made twice at once without harm: it does nothing but answer. Where the
    /// orchestrator [hedges](crate::Orchestrator::hedge), a recovering turn then makes it a second
    /// time beside one whose first token is late, and takes the first answer. Both are paid for.
    pub fn repeatable(mut self) -> Self {
        self.ask.repeatable = true;
        self
    }

    /// The turn ends the run with an answer: it may take what budgets have set aside for
    /// [wrapping up](runtime_usage::Limit::wrap_up).
    pub fn wrap_up(mut self) -> Self {
        self.ask.wrap_up = true;
        self
    }
}

/// # How long it may take
///
/// | | limits | ends it as |
/// |---|---|---|
/// | [`timeout`](Self::timeout) | one attempt at the call, from its admission | timed out: the provider's failure |
/// | [`first_token_timeout`](Self::first_token_timeout) | from the admission of an attempt to its first token | the same |
/// | [`idle_timeout`](Self::idle_timeout) | from one token to the next | the same |
/// | [`within`](Self::within) | all attempts and the waits between them | timed out: nobody's failure |
///
/// An attempt that waits for a rate limit is admitted when there is room, which has to come within the
/// attempt's `timeout`, too: where it would not, the attempt is refused.
///
/// Tokens are what [`ActiveTurn::token`](crate::ActiveTurn::token) and
/// [`Attempt::token`](crate::Attempt::token) are told of; where nobody tells, the answer is the first.
impl<R, L: Timing, G> Turn<R, L, G> {
    /// Ends an attempt that takes longer.
    pub fn timeout(self, timeout: impl Into<Timeout>) -> Turn<R, Timed, G> {
        self.limited(|limits| limits.attempt = Some(timeout.into()))
    }

    /// Ends an attempt whose first token takes longer. That it takes long to answer as a whole is
    /// usual; that nothing at all comes is not.
    pub fn first_token_timeout(self, timeout: impl Into<Timeout>) -> Turn<R, Timed, G> {
        self.limited(|limits| limits.first_token = Some(timeout.into()))
    }

    /// Ends an attempt that stops talking: when a token takes longer after the one before it.
    pub fn idle_timeout(self, timeout: impl Into<Timeout>) -> Turn<R, Timed, G> {
        self.limited(|limits| limits.idle = Some(timeout.into()))
    }

    /// Ends the turn if all of it takes longer, whatever is tried. Counted from its admission.
    pub fn within(self, timeout: impl Into<Timeout>) -> Turn<R, Timed, G> {
        self.limited(|limits| limits.total = Some(timeout.into()))
    }

    fn limited(self, change: impl FnOnce(&mut Limits)) -> Turn<R, Timed, G> {
        let Self { model, reading, limit, guard, ask } = self;
        let mut limits = limit.limits().cloned().unwrap_or_default();
        change(&mut limits);
        Turn { model, reading, limit: Timed(limits), guard, ask }
    }
}

/// One call of a tool, described.
///
/// ```
/// use runtime_orchestrator::ToolCall;
/// use serde_json::json;
///
/// let call = ToolCall::new("search").args(json!({ "query": "circuit breaker" }));
/// # let _ = call;
/// ```
#[derive(Clone)]
#[must_use = "a tool call is only a description; pass it to `run_tool`"]
pub struct ToolCall<L = Untimed> {
    pub(crate) name: Arc<str>,
    pub(crate) args: Value,
    pub(crate) limit: L,
}

impl ToolCall {
    /// A call of the tool of this name, without arguments.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), args: Value::Null, limit: Untimed }
    }

    /// Ends the call as timed out if it takes longer. Counted from its admission.
    pub fn timeout(self, timeout: impl Into<Timeout>) -> ToolCall<Timed> {
        let limits = Limits { attempt: Some(timeout.into()), ..Limits::default() };
        ToolCall { name: self.name, args: self.args, limit: Timed(limits) }
    }
}

impl<L> ToolCall<L> {
    /// The arguments, which guardrails see. They are not sent anywhere.
    pub fn args(mut self, args: impl Into<Value>) -> Self {
        self.args = args.into();
        self
    }
}

impl From<&str> for ToolCall {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for ToolCall {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

/// Without the prompt: logs are no place for it.
impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").finish_non_exhaustive()
    }
}

/// Without the arguments: logs are no place for them.
impl<L: fmt::Debug> fmt::Debug for ToolCall<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, limit, .. } = self;
        f.debug_struct("ToolCall").field("name", name).field("limit", limit).finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for UsageFrom<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageFrom").finish_non_exhaustive()
    }
}
