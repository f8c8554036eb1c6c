//! Where a breaker stands, and what it says when that changes.

use std::time::Duration;

use runtime_events::wire_names;

wire_names! {
    /// Where a breaker stands.
    #[non_exhaustive]
    pub enum CircuitState: "circuit state" {
        /// Calls pass, and are judged.
        Closed = "closed",
        /// Calls are refused until the wait is over.
        Open = "open",
        /// A few calls pass, to find out whether the dependency is back.
        HalfOpen = "half_open",
        /// Calls are refused until [`reset`](super::CircuitBreaker::reset).
        ForcedOpen = "forced_open",
        /// Calls pass and nothing is counted, until [`reset`](super::CircuitBreaker::reset).
        Disabled = "disabled",
        /// Calls pass and are counted, and nothing follows from it, until
        /// [`reset`](super::CircuitBreaker::reset).
        MetricsOnly = "metrics_only",
    }
}

wire_names! {
    /// Why a breaker changed its state.
    #[non_exhaustive]
    pub enum TransitionCause: "cause of a transition" {
        /// As many calls failed in a row as open it.
        FailuresInARow = "failures_in_a_row",
        /// Too large a part of the window failed.
        FailureRate = "failure_rate",
        /// Too large a part of the window was slow.
        SlowRate = "slow_rate",
        /// The wait was over, and a call came.
        WaitOver = "wait_over",
        /// A probe failed.
        ProbeFailed = "probe_failed",
        /// Enough probes succeeded.
        ProbesSucceeded = "probes_succeeded",
        /// All probes were out for longer than their lease, and a call came: it is the new probe.
        ProbeLost = "probe_lost",
        /// [`trip`](super::CircuitBreaker::trip), or [`open_for`](super::Permit::open_for).
        Tripped = "tripped",
        /// [`force_open`](super::CircuitBreaker::force_open),
        /// [`disable`](super::CircuitBreaker::disable) or
        /// [`metrics_only`](super::CircuitBreaker::metrics_only).
        Pinned = "pinned",
        /// [`reset`](super::CircuitBreaker::reset).
        Reset = "reset",
    }
}

/// A change of state.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state that ended.
    pub from: CircuitState,
    /// The state that began. Half-open after half-open if the probes of the first were
    /// [lost](TransitionCause::ProbeLost).
    pub to: CircuitState,
    /// The generation that began. Orders the transitions of one breaker; it wraps around after
    /// 16.7 million of them.
    pub generation: u32,
    /// Why.
    pub cause: TransitionCause,
    /// What the state that ended had counted.
    pub counts: CircuitCounts,
    /// For how long it is open, if that is what it is now.
    pub wait: Option<Duration>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitCounts {
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// The calls in the window; none without one.
    pub calls: u32,
    /// Those that failed.
    pub failures: u32,
    /// Those that were slow.
    pub slow: u32,
}

impl CircuitCounts {
    /// The part of the calls that failed, from 0 to 1. `None` if there was no call.
    pub fn failure_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| f64::from(self.failures) / f64::from(self.calls))
    }

    /// The part of the calls that were slow, from 0 to 1. `None` if there was no call.
    pub fn slow_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| f64::from(self.slow) / f64::from(self.calls))
    }
}
