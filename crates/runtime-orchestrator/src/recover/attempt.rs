//! One attempt, as the caller's code sees it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::{Clock, FailureScenario};
use runtime_resilience::{Headers, RateLimiter, RateSent, RecoveryChanges, Route};
use runtime_usage::ReportedUsage;

use crate::parts::pace::Pulse;

/// One attempt at a turn's call: its destination, and the changes since the last attempt.
///
/// Clones are the same attempt: give one to the reader of the stream.
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
    /// The limiter that let it through, and when.
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

/// Where it goes.
impl Attempt {
    /// The number of the attempt, counted from 1.
    pub fn number(&self) -> u32 {
        self.facts.number
    }

    /// The provider to call; empty without [routes](crate::RecoveryConfig::routes).
    pub fn provider(&self) -> &str {
        self.facts.route.as_ref().map_or("", Route::provider)
    }

    /// The model to call: the route's, or else the turn's.
    pub fn model(&self) -> &str {
        &self.facts.model
    }

    /// The route to take, if there are routes.
    pub fn route(&self) -> Option<&Route> {
        self.facts.route.as_ref()
    }

    /// Whether it runs beside a slow attempt; the first answer counts.
    pub fn is_hedge(&self) -> bool {
        self.facts.hedge
    }
}

/// What is to be different.
impl Attempt {
    /// The failure of the attempt before it.
    pub fn cause(&self) -> Option<FailureScenario> {
        self.facts.cause
    }

    /// The part of a context of `full` characters or tokens that may be sent: all of it, until a recipe
    /// reduces it.
    pub fn context_budget(&self, full: u64) -> u64 {
        self.facts.changes.context_budget(full)
    }

    /// Whether to offer fewer tools.
    pub fn tools_reduced(&self) -> bool {
        self.facts.changes.tools_reduced
    }

    /// Whether to begin again, without the conversation so far.
    pub fn restarted(&self) -> bool {
        self.facts.changes.restarted
    }

    /// Whether to use no cached data.
    pub fn memory_cleared(&self) -> bool {
        self.facts.changes.memory_cleared
    }

    /// The output tokens that the call may use without overspending a budget: see
    /// [`ActiveTurn::max_output_tokens`](crate::ActiveTurn::max_output_tokens).
    pub fn max_output_tokens(&self) -> Option<u64> {
        self.facts.max_output
    }

    /// The time left for the attempt, if it is limited: for the provider's client, and for calls below.
    pub fn time_left(&self) -> Option<Duration> {
        let end = self.facts.end?;
        Some(end.saturating_duration_since(self.facts.clock.now()))
    }
}

/// What is told of it.
impl Attempt {
    /// Reports a token: it ends the [first-token timeout](crate::Turn::first_token_timeout), restarts the
    /// [idle timeout](crate::Turn::idle_timeout), and prevents a hedge.
    pub fn token(&self) {
        self.facts.pulse.token();
    }

    /// Reports the headers of the reply, which tell the rate limiter what is left.
    pub fn observe_headers<H: Headers + ?Sized>(&self, headers: &H) {
        if let Some((limiter, sent)) = &self.facts.rate {
            limiter.observe(headers, Some(*sent));
        }
    }

    /// Reports the usage so far: the provider's latest value, not an increment. An attempt that is cut short
    /// is billed by it.
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
