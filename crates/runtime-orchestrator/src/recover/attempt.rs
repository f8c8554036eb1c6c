//! The caller's view of an attempt.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::{Clock, FailureScenario};
use runtime_resilience::{Headers, RateLimiter, RateSent, RecoveryChanges, Route};
use runtime_usage::ReportedUsage;

use crate::parts::pace::Pulse;

/// One attempt at a turn's call: its route, and its changes to the request.
///
/// Clones are the same attempt: give one to the reader of the stream.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// use runtime_orchestrator::{Attempt, BoxError, Orchestrator, Turn};
/// use runtime_usage::UsageSnapshot;
///
/// /// Asks the provider and the model that are named, and reads the reply piece by piece.
/// async fn stream(attempt: Attempt) -> Result<String, BoxError> {
///     let mut text = format!("{}: ", attempt.model());
///     for (count, piece) in (1..).zip(["Hel", "lo"]) {
///         attempt.token();
///         attempt.observe(UsageSnapshot::new(9, count));
///         text.push_str(piece);
///     }
///     Ok(text)
/// }
///
/// let session = Orchestrator::new("writer", "draft").session()?;
/// let answer = session.run_turn_recovering(Turn::model("gpt-5"), stream).await?;
/// assert_eq!(answer.value, "gpt-5: Hello");
/// assert_eq!(answer.usage.output_tokens, 2);
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Attempt {
    facts: Arc<Facts>,
}

pub(crate) struct Facts {
    pub(crate) number: u32,
    pub(crate) model: Arc<str>,
    pub(crate) route: Option<Route>,
    pub(crate) hedge: bool,
    pub(crate) cause: Option<FailureScenario>,
    pub(crate) changes: RecoveryChanges,
    pub(crate) max_output: Option<u64>,
    pub(crate) end: Option<Instant>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pulse: Arc<Pulse>,
    /// The limiter that admitted it, and the time of the admission.
    pub(crate) rate: Option<(RateLimiter, RateSent)>,
}

impl Attempt {
    pub(crate) fn new(facts: Facts) -> Self {
        Self { facts: Arc::new(facts) }
    }

    pub(super) fn pulse(&self) -> &Arc<Pulse> {
        &self.facts.pulse
    }
}

/// # Route
impl Attempt {
    /// The number of the attempt, from 1.
    pub fn number(&self) -> u32 {
        self.facts.number
    }

    /// The provider to call. Empty without [routes](crate::RecoveryConfig::routes).
    pub fn provider(&self) -> &str {
        self.facts.route.as_ref().map_or("", Route::provider)
    }

    /// The model to call: the route's, or else the turn's.
    pub fn model(&self) -> &str {
        &self.facts.model
    }

    /// The route of the attempt, if there are routes.
    pub fn route(&self) -> Option<&Route> {
        self.facts.route.as_ref()
    }

    /// Whether it is a hedge beside a slow attempt, of which the first answer counts.
    pub fn is_hedge(&self) -> bool {
        self.facts.hedge
    }
}

/// # Changes to the request
impl Attempt {
    /// The scenario of the failure before this attempt.
    pub fn cause(&self) -> Option<FailureScenario> {
        self.facts.cause
    }

    /// The part of a context that may be sent, of `full` characters or tokens.
    ///
    /// It is the whole context until a recipe reduces it.
    pub fn context_budget(&self, full: u64) -> u64 {
        self.facts.changes.context_budget(full)
    }

    /// Whether to offer fewer tools.
    pub fn tools_reduced(&self) -> bool {
        self.facts.changes.tools_reduced
    }

    /// Whether the agent should start again, without its previous output.
    pub fn restarted(&self) -> bool {
        self.facts.changes.restarted
    }

    /// Whether cached data must not be used.
    pub fn memory_cleared(&self) -> bool {
        self.facts.changes.memory_cleared
    }

    /// The maximum number of output tokens that overspends no budget.
    ///
    /// See [`ActiveTurn::max_output_tokens`](crate::ActiveTurn::max_output_tokens).
    pub fn max_output_tokens(&self) -> Option<u64> {
        self.facts.max_output
    }

    /// The remaining time of the attempt, if it is limited.
    ///
    /// Pass it to the provider's client and to nested calls.
    pub fn time_left(&self) -> Option<Duration> {
        let end = self.facts.end?;
        Some(end.saturating_duration_since(self.facts.clock.now()))
    }
}

/// # Reports
impl Attempt {
    /// Reports a token.
    ///
    /// It ends a [first-token timeout](crate::Turn::first_token_timeout), restarts an [idle
    /// timeout](crate::Turn::idle_timeout), and prevents a hedge.
    pub fn token(&self) {
        self.facts.pulse.token();
    }

    /// Gives the headers of the provider's reply to the rate limiter, which reads the remaining
    /// limits.
    pub fn observe_headers<H: Headers + ?Sized>(&self, headers: &H) {
        if let Some((limiter, sent)) = &self.facts.rate {
            limiter.observe(headers, Some(*sent));
        }
    }

    /// Sets the usage so far, as the provider reports it.
    ///
    /// Each call replaces the value; it is not an increment. An attempt that does not finish is
    /// billed by it.
    pub fn observe(&self, usage: impl Into<ReportedUsage>) {
        self.facts.pulse.observe(usage.into());
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("number", &self.facts.number)
            .field("model", &self.facts.model)
            .field("route", &self.facts.route.as_ref().map(Route::name))
            .field("cause", &self.facts.cause)
            .field("changes", &self.facts.changes)
            .finish_non_exhaustive()
    }
}
