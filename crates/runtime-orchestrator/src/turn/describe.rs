//! The description of a turn: the model, the costs, the timeouts.

use std::fmt;
use std::sync::Arc;

use runtime_usage::{ReportedUsage, ServiceTier, UsageSnapshot, Usd};
use serde::Serialize;
use serde_json::Value;

use crate::error::BoxError;
use crate::limits::{Limits, Timeout};
use crate::parts::money::Ask;

/// The description of one model call. `T` is the type of the reply, inferred from the call.
///
/// A turn is a plain value: it can be stored, and its options can be set conditionally at run time.
///
/// ```
/// use std::time::Duration;
/// use runtime_orchestrator::Turn;
/// use runtime_usage::UsageSnapshot;
///
/// struct Reply { text: String }
///
/// # #[cfg(feature = "tokio")]
/// fn turn(limit: Option<Duration>) -> Turn<Reply> {
///     // Inference needs only the type of the argument.
///     let mut turn = Turn::model("gpt-5")
///         .usage_from(|reply: &Reply| UsageSnapshot::new(100, reply.text.len() as u64 / 4));
///     if let Some(limit) = limit {
///         turn = turn.timeout(limit);
///     }
///     turn
/// }
/// ```
#[must_use = "a turn does nothing by itself; pass it to `run_turn`"]
pub struct Turn<T = ()> {
    pub(crate) spec: Spec,
    pub(crate) reading: Reading<T>,
    /// Converts the reply for guardrails.
    pub(crate) shown: Option<fn(&T) -> serde_json::Result<Value>>,
}

/// The options that do not depend on the type of the reply.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) model: Arc<str>,
    pub(crate) limits: Option<Box<Limits>>,
    /// The input for guardrails before the call.
    pub(crate) prompt: Option<Box<Value>>,
    pub(crate) ask: Option<Box<Ask>>,
    pub(crate) repeatable: bool,
    pub(crate) same_request: bool,
}

/// What reads the reply of a turn: its usage, and its JSON for guardrails.
pub struct ReplyReader<T> {
    pub(crate) prompt: Option<Box<Value>>,
    pub(crate) reading: Reading<T>,
    /// Converts the reply for guardrails.
    pub(crate) shown: Option<fn(&T) -> serde_json::Result<Value>>,
}

/// The source of a reply's usage.
pub(crate) enum Reading<T> {
    Unread,
    Known(UsageSnapshot),
    From(Box<Reader<T>>),
}

type Reader<T> = dyn FnOnce(&T) -> Result<ReportedUsage, BoxError> + Send + Sync;

/// A type that a usage reader may return: a usage, an `Option` or `Result` of one, or the caller's
/// own type.
///
/// A reader that finds nothing or fails does not cost the reply: the usage counts as unread, and
/// the turn is billed by its reservation.
pub trait IntoUsage {
    /// Returns the usage, or the reason why there is none.
    ///
    /// # Errors
    ///
    /// The error of reading the usage.
    fn into_usage(self) -> Result<ReportedUsage, BoxError>;
}

impl IntoUsage for UsageSnapshot {
    fn into_usage(self) -> Result<ReportedUsage, BoxError> {
        Ok(self.into())
    }
}

impl IntoUsage for ReportedUsage {
    fn into_usage(self) -> Result<ReportedUsage, BoxError> {
        Ok(self)
    }
}

impl<U: IntoUsage> IntoUsage for Option<U> {
    fn into_usage(self) -> Result<ReportedUsage, BoxError> {
        self.ok_or("the reply has no usage")?.into_usage()
    }
}

impl<U: IntoUsage, E: Into<BoxError>> IntoUsage for Result<U, E> {
    fn into_usage(self) -> Result<ReportedUsage, BoxError> {
        self.map_err(Into::into)?.into_usage()
    }
}

impl<T> Turn<T> {
    /// Creates a turn of this model. An empty name makes the turn unmetered.
    ///
    /// Set the source of its usage with [`usage`](Self::usage) or [`usage_from`](Self::usage_from).
    /// Without one the turn is billed by its reservation, as an estimate, or by nothing without a
    /// reservation.
    pub fn model(model: impl Into<Arc<str>>) -> Self {
        let spec = Spec {
            model: model.into(),
            limits: None,
            prompt: None,
            ask: None,
            repeatable: false,
            same_request: false,
        };
        Self { spec, reading: Reading::Unread, shown: None }
    }

    /// Creates an unmetered turn: no price, no usage record.
    pub fn unmetered() -> Self {
        Self::model("")
    }

    /// Sets a usage that is known beforehand.
    pub fn usage(mut self, usage: UsageSnapshot) -> Self {
        self.reading = Reading::Known(usage);
        self
    }

    /// Sets a function that reads or estimates the usage of the reply.
    ///
    /// It returns a [`UsageSnapshot`], or a [`ReportedUsage`] with further facts of the provider.
    #[doc(alias = "estimate_usage")]
    pub fn usage_from<U: IntoUsage>(
        mut self,
        read: impl FnOnce(&T) -> U + Send + Sync + 'static,
    ) -> Self {
        self.reading = Reading::From(Box::new(|reply| read(reply).into_usage()));
        self
    }

    /// Marks the call as safe to make twice at once, because its only effect is the answer.
    ///
    /// If the orchestrator [hedges](crate::RecoveryConfig::hedge), a recovering turn makes a second
    /// call when the first token is late, and takes the first answer. Both calls are billed.
    pub fn repeatable(mut self) -> Self {
        self.spec.repeatable = true;
        self
    }

    /// Says that each attempt sends the same request, whatever [`Attempt`](crate::Attempt) asks of it.
    ///
    /// Steps of recovery that would change the request are skipped. So a context that is too long is not sent again.
    pub fn same_request(mut self) -> Self {
        self.spec.same_request = true;
        self
    }
}

impl<T> Turn<T> {
    /// Takes the turn apart, for a caller that makes the call itself: what admits it, and what reads its
    /// reply in [`ReplyReader::finish`].
    pub fn split(self) -> (Turn, ReplyReader<T>) {
        let Self { spec, reading, shown } = self;
        let reader = ReplyReader { prompt: spec.prompt.clone(), reading, shown };
        (Turn { spec, reading: Reading::Unread, shown: None }, reader)
    }

    /// The model. Empty for an unmetered turn.
    pub fn model_name(&self) -> &Arc<str> {
        &self.spec.model
    }

    /// The input for guardrails, if the turn is [guarded](Self::guarded).
    pub fn guarded_input(&self) -> Option<&Value> {
        self.spec.prompt.as_deref()
    }

    /// What reads the reply.
    #[inline]
    pub(crate) fn reader(self) -> ReplyReader<T> {
        let Self { spec, reading, shown } = self;
        ReplyReader { prompt: spec.prompt, reading, shown }
    }
}

impl<T: Serialize> Turn<T> {
    /// Has the session's guardrails check `input` before the call, and the reply as JSON after it.
    ///
    /// A [`Capture`](crate::Capture) keeps both. In viewers they are messages if they have the form of a
    /// provider's request and response, or of its messages; a text will do.
    pub fn guarded(mut self, input: impl Into<Value>) -> Self {
        self.spec.prompt = Some(Box::new(input.into()));
        self.shown = Some(|reply| serde_json::to_value(reply));
        self
    }
}

/// # Budgets
///
/// In a session with a budget, a turn reserves money before its call:
///
/// | option | reserves |
/// |---|---|
/// | [`reserve`](Self::reserve) | the given amount |
/// | [`estimate`](Self::estimate) | the price of the estimate, with the usual output of the model, at most [`max_output`](Self::max_output) |
/// | neither | the budget's [`Limit::per_turn`](runtime_usage::Limit::per_turn) |
///
/// A [strict](runtime_usage::Limit::strict) budget needs `estimate` and `max_output`, treats both
/// as upper bounds, and reserves the maximum cost.
impl<T> Turn<T> {
    /// Sets the estimated input of the call.
    ///
    /// Output in the estimate is the expected output. Without it, the usual output of the model
    /// counts.
    pub fn estimate(mut self, usage: UsageSnapshot) -> Self {
        self.ask().estimate = Some(usage);
        self
    }

    /// Sets the maximum number of output tokens, as sent in `max_tokens`.
    pub fn max_output(mut self, tokens: u64) -> Self {
        self.ask().max_output = Some(tokens);
        self
    }

    /// Reserves this amount instead of an estimate.
    ///
    /// A strict budget reserves more if more is possible.
    pub fn reserve(mut self, amount: Usd) -> Self {
        self.ask().reserve = Some(amount);
        self
    }

    /// Sets the requested service tier, which prices estimates. Default: standard.
    pub fn tier(mut self, tier: ServiceTier) -> Self {
        self.ask().tier = tier;
        self
    }

    /// Marks the turn as the last one, which ends the run with an answer.
    ///
    /// It may use the budgets' money for [wrapping up](runtime_usage::Limit::wrap_up).
    pub fn wrap_up(mut self) -> Self {
        self.ask().wrap_up = true;
        self
    }
}

/// # Timeouts
///
/// | option | limits | a turn that exceeds it |
/// |---|---|---|
/// | [`timeout`](Self::timeout) | one attempt at the call, from its admission | timed out, as a failure of the provider |
/// | [`first_token_timeout`](Self::first_token_timeout) | from the admission of an attempt to its first token | the same |
/// | [`idle_timeout`](Self::idle_timeout) | from one token to the next | the same |
/// | [`within`](Self::within) | all attempts and the waits between them | timed out, without a failure of the provider |
///
/// An attempt that waits for a rate limit is admitted when there is room. The wait is limited by
/// the attempt's `timeout` as well; an attempt without room in time is refused.
///
/// [`ActiveTurn::token`](crate::ActiveTurn::token) and [`Attempt::token`](crate::Attempt::token)
/// report tokens. Without these calls, the whole answer counts as the first token.
///
/// A blocking call on the calling thread cannot be interrupted, so it refuses a turn with a timeout
/// ([`UninterruptibleCallError`](crate::UninterruptibleCallError)).
impl<T> Turn<T> {
    /// Limits the duration of each attempt.
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.limits().attempt = Some(timeout.into());
        self
    }

    /// Limits the time to the first token of each attempt.
    ///
    /// A long answer is usual; a long silence before it is not.
    pub fn first_token_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.limits().first_token = Some(timeout.into());
        self
    }

    /// Limits the time between two tokens of an attempt.
    pub fn idle_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.limits().idle = Some(timeout.into());
        self
    }

    /// Limits the duration of the whole turn, from its admission.
    pub fn within(mut self, timeout: impl Into<Timeout>) -> Self {
        self.limits().total = Some(timeout.into());
        self
    }

    pub(crate) fn limits(&mut self) -> &mut Limits {
        self.spec.limits.get_or_insert_default()
    }

    fn ask(&mut self) -> &mut Ask {
        self.spec.ask.get_or_insert_default()
    }
}

impl Spec {
    pub(crate) fn ask(&self) -> &Ask {
        self.ask.as_deref().unwrap_or(&Ask::NOTHING)
    }
}

impl<T> Reading<T> {
    /// `None` without a source of usage.
    pub(crate) fn usage(self, reply: &T) -> Option<Result<ReportedUsage, BoxError>> {
        match self {
            Self::Unread => None,
            Self::Known(usage) => Some(Ok(usage.into())),
            Self::From(read) => Some(read(reply)),
        }
    }
}

/// Omits the prompt, which must not be logged.
impl<T> fmt::Debug for ReplyReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyReader").finish_non_exhaustive()
    }
}

/// Omits the prompt, which must not be logged.
impl<T> fmt::Debug for Turn<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spec { model, limits, ask, .. } = &self.spec;
        f.debug_struct("Turn")
            .field("model", model)
            .field("limits", limits)
            .field("ask", ask)
            .finish_non_exhaustive()
    }
}
