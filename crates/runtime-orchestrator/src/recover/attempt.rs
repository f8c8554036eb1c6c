//! One attempt, as the caller's code sees it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::{Clock, FailureScenario};
use runtime_resilience::{Headers, RateLimiter, RateSent, RecoveryChanges, Route};
use runtime_usage::ReportedUsage;

use crate::parts::pace::Pulse;

/// One attempt at a turn's call: where it goes, and what is to be different from the last.
///
/// Clones are the same attempt: give one to whatever reads the stream.
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
    /// Its number, counted from 1.
    pub fn number(&self) -> u32 {
        self.facts.number
    }

    /// The provider to call. Empty where the orchestrator has no
    /// [routes](crate::RecoveryConfig::routes).
    pub fn provider(&self) -> &str {
        self.facts.route.as_ref().map_or("", Route::provider)
    }

    /// The model to call: the route's, or else the turn's.
    pub fn model(&self) -> &str {
        &self.facts.model
    }

    /// The route it goes, where there are routes.
    pub fn route(&self) -> Option<&Route> {
        self.facts.route.as_ref()
    }

    /// Whether it runs beside an attempt that is slow: the first answer counts.
    pub fn is_hedge(&self) -> bool {
        self.facts.hedge
    }
}

/// What is to be different.
impl Attempt {
    /// The kind of failure that the attempt before it ended with.
    pub fn cause(&self) -> Option<FailureScenario> {
        self.facts.cause
    }

    /// How much of a context of so many characters, or tokens, may be sent: all of it, until a recipe
    /// makes it smaller.
    pub fn context_budget(&self, full: u64) -> u64 {
        self.facts.changes.context_budget(full)
    }

    /// Whether fewer tools are to be offered.
    pub fn tools_reduced(&self) -> bool {
        self.facts.changes.tools_reduced
    }

    /// Whether the agent is to begin again, without what it has said so far.
    pub fn restarted(&self) -> bool {
        self.facts.changes.restarted
    }

    /// Whether nothing that was cached may be used.
    pub fn memory_cleared(&self) -> bool {
        self.facts.changes.memory_cleared
    }

    /// How many tokens of output the call may use without overspending a budget, as
    /// [`ActiveTurn::max_output_tokens`](crate::ActiveTurn::max_output_tokens) has it.
    pub fn max_output_tokens(&self) -> Option<u64> {
        self.facts.max_output
    }

    /// How long the attempt may still take, if anything limits it. Pass it on: to the provider's
    /// client, and to whatever is called below.
    pub fn time_left(&self) -> Option<Duration> {
        let end = self.facts.end?;
        Some(end.saturating_duration_since(self.facts.clock.now()))
    }
}

/// What is told of it.
impl Attempt {
    /// A token came: a [first-token timeout](crate::Turn::first_token_timeout) is over, an
    /// [idle timeout](crate::Turn::idle_timeout) begins anew, and no hedge is sent any more.
    pub fn token(&self) {
        self.facts.pulse.token();
    }

    /// The headers of the provider's reply: the rate limiter learns from them what is left.
    pub fn observe_headers<H: Headers + ?Sized>(&self, headers: &H) {
        if let Some((limiter, sent)) = &self.facts.rate {
            limiter.observe(headers, Some(*sent));
        }
    }

    /// The usage so far, as the provider reports it: the latest value, not an increment. It is what
    /// an attempt that does not get to its end is billed by.
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
