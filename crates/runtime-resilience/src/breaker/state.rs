//! The states of a breaker, and the changes between them.

use std::time::Duration;

use runtime_events::wire_names;

wire_names! {
    /// The state of a circuit breaker.
    #[non_exhaustive]
    pub enum CircuitState: "circuit state" {
        /// Calls are admitted and judged.
        Closed = "closed",
        /// Calls are refused until the wait is over.
        Open = "open",
        /// A few calls are admitted as probes, to find out whether the dependency is back.
        HalfOpen = "half_open",
        /// Calls are refused until [`reset`](super::CircuitBreaker::reset).
        ForcedOpen = "forced_open",
        /// Calls are admitted and not counted, until [`reset`](super::CircuitBreaker::reset).
        Disabled = "disabled",
        /// Calls are admitted and counted, without consequences, until
        /// [`reset`](super::CircuitBreaker::reset).
        MetricsOnly = "metrics_only",
    }
}

wire_names! {
    /// Why a breaker changed its state.
    #[non_exhaustive]
    pub enum TransitionCause: "cause of a transition" {
        /// The failures in a row reached the threshold.
        FailuresInARow = "failures_in_a_row",
        /// Too large a share of the calls in the window failed.
        FailureRate = "failure_rate",
        /// Too large a share of the calls in the window was slow.
        SlowRate = "slow_rate",
        /// The wait was over, and a call came.
        WaitOver = "wait_over",
        /// A probe failed.
        ProbeFailed = "probe_failed",
        /// Enough probes succeeded.
        ProbesSucceeded = "probes_succeeded",
        /// All probes took longer than their lease, and a call came: it is the new probe.
        ProbeLost = "probe_lost",
        /// [`trip`](super::CircuitBreaker::trip), or [`open_for`](super::Permit::open_for).
        Tripped = "tripped",
        /// [`force_open`](super::CircuitBreaker::force_open),
        /// [`disable`](super::CircuitBreaker::disable) or
        /// [`metrics_only`](super::CircuitBreaker::metrics_only).
        Pinned = "pinned",
        /// [`reset`](super::CircuitBreaker::reset).
        Reset = "reset",
        /// Another process of the fleet opened or closed it.
        Fleet = "fleet",
    }
}

/// A change of a breaker's state.
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
    /// Why the state changed.
    pub cause: TransitionCause,
    /// The counts of the state that ended.
    pub counts: CircuitCounts,
    /// How long the breaker stays open, if it opened.
    pub wait: Option<Duration>,
}

/// The counts of a breaker in one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitCounts {
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// The calls in the window; 0 without a window.
    pub calls: u32,
    /// The failed calls in the window.
    pub failures: u32,
    /// The slow calls in the window.
    pub slow: u32,
}
