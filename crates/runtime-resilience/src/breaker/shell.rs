//! The breaker as callers hold it: shared, timed and observed.

use std::borrow::Borrow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::{Clock, SystemClock};

use super::cell::Cell;
use super::config::CircuitBreakerConfig;
use super::error::{CircuitOpenError, Refused};
use super::outcome::CallOutcome;
use super::snapshot::CircuitSnapshot;
use super::state::{CircuitState, Transition, TransitionCause};
use super::ticket::Ticket;
use super::word::View;

mod follower;
mod permit;

pub use self::follower::{BreakerFollower, ProbeGate};
pub use self::permit::{Permit, PermitRef};

/// Is called for every change of a breaker's state.
///
/// It is called exactly once for each transition, by the thread that caused it. No lock is held, so it
/// may call the breaker. Two transitions close together may arrive in either order:
/// [`Transition::generation`] tells which came first. A panic in a listener is caught.
pub trait TransitionListener: fmt::Debug + Send + Sync {
    /// The breaker of this name has changed its state.
    fn on_transition(&self, breaker: &str, transition: Transition);
}

/// A circuit breaker: leaves a failing dependency alone, and lets a probe through now and then to
/// find out whether it is back. Threads and tasks share it by cloning.
///
/// ```
/// use runtime_resilience::CircuitBreaker;
///
/// let breaker = CircuitBreaker::new("index");
/// let answer = breaker.call(|| "42".parse::<u8>());
/// assert_eq!(answer, Ok(42));
/// ```
///
/// # States
///
/// ```text
///           failures in a row == failure_threshold,
///           or the window holds too many failed or slow calls, or trip
///     Closed ─────────────────────────────────────▶ Open ◀──────────┐
///        ▲                                            │             │
///        │                    the open wait is over   │             │ a probe
///        │                           and a call comes ▼             │ failed
///        └───────────────────────────────────────── HalfOpen ───────┘
///              probes succeeded == successes_to_close │ ▲
///                                                     └─┘ all probes out for longer than a lease
///
///     any ── force_open, disable, metrics_only ──▶ ForcedOpen, Disabled, MetricsOnly ── reset ──▶ Closed
/// ```
///
/// Each arrow, and [`reset`](Self::reset), begins a new *generation*. A [`Permit`] carries the
/// generation it was issued in, and an outcome of an earlier one changes nothing: a call that takes
/// ten minutes says nothing about a breaker that has opened and recovered since.
///
/// A permit is spent by its outcome. A permit that is dropped without one is a cancelled call: it is
/// not counted, and the place of a cancelled probe is free again.
#[doc(alias = "AsyncCircuitBreaker")]
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    cell: Cell,
    clock: Arc<dyn Clock>,
    listener: Option<Arc<dyn TransitionListener>>,
    gate: Option<Arc<dyn ProbeGate>>,
}

/// Constructors.
impl CircuitBreaker {
    /// A closed breaker with the [default](CircuitBreakerConfig::default) settings.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::with_config(name, CircuitBreakerConfig::default())
    }

    /// A closed breaker with these settings, on the system clock.
    pub fn with_config(name: impl Into<Arc<str>>, config: CircuitBreakerConfig) -> Self {
        Self::with_clock(name, config, Arc::new(SystemClock))
    }

    /// A closed breaker on another clock.
    pub fn with_clock(
        name: impl Into<Arc<str>>,
        config: CircuitBreakerConfig,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { shared: Shared::new(name.into(), config, clock, None, None) }
    }

    /// A closed breaker that reports its transitions.
    pub fn with_listener(
        name: impl Into<Arc<str>>,
        config: CircuitBreakerConfig,
        clock: Arc<dyn Clock>,
        listener: Arc<dyn TransitionListener>,
    ) -> Self {
        Self { shared: Shared::new(name.into(), config, clock, Some(listener), None) }
    }
}

/// Admission.
impl CircuitBreaker {
    /// Admits a call. The permit borrows nothing; where it need not outlive the breaker,
    /// [`try_borrow`](Self::try_borrow) is cheaper.
    ///
    /// # Errors
    ///
    /// [`CircuitOpenError`] while the breaker is open, or half-open with all of its probes under
    /// way.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit, CircuitOpenError> {
        Ok(Permit::new(self.clone(), self.ticket()?))
    }

    /// Admits a call with a permit that owns or borrows `breaker`, as the caller has it. Also returns the
    /// transition that it caused, if any: from open to half-open. The listener has been called.
    ///
    /// # Errors
    ///
    /// As for [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_told<B: Borrow<Self>>(
        breaker: B,
    ) -> Result<(Permit<B>, Option<Transition>), CircuitOpenError> {
        let shared = &*breaker.borrow().shared;
        let (ticket, told) = match shared.cell.admit_closed(|| shared.now()) {
            Some(ticket) => (ticket, None),
            None => shared.admit()?,
        };
        Ok((Permit::new(breaker, ticket), told))
    }

    /// Admits a call. While the breaker is closed, this only reads one word that nobody writes, so that
    /// threads do not slow each other down.
    ///
    /// # Errors
    ///
    /// As for [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_borrow(&self) -> Result<Permit<&Self>, CircuitOpenError> {
        Ok(Permit::new(self, self.ticket()?))
    }

    /// Whether a call would be admitted now. Takes no place.
    ///
    /// # Errors
    ///
    /// As for [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn check(&self) -> Result<(), CircuitOpenError> {
        if self.shared.cell.is_closed() {
            return Ok(());
        }
        let now = self.shared.now();
        let checked = self.shared.cell.check(now, self.shared.may_probe(now));
        checked.map_err(|refused| self.shared.refused(refused))
    }

    #[inline]
    pub(super) fn ticket(&self) -> Result<Ticket, CircuitOpenError> {
        match self.shared.cell.admit_closed(|| self.shared.now()) {
            Some(ticket) => Ok(ticket),
            None => self.shared.admit().map(|(ticket, _)| ticket),
        }
    }

    /// Counts a refusal that [`check`](Self::check) gave, and that a call got.
    #[cfg(feature = "tower")]
    pub(super) fn refuse(&self) {
        self.shared.cell.refuse();
    }
}

/// Outcomes without a permit.
impl CircuitBreaker {
    /// Counts a success without a permit. Changes nothing unless the breaker is closed or
    /// [counts only](CircuitState::MetricsOnly).
    pub fn record_success(&self) {
        self.record(CallOutcome::Success);
    }

    /// Counts a failure without a permit. Changes nothing unless the breaker is closed or
    /// [counts only](CircuitState::MetricsOnly). An open breaker does not wait longer for it.
    pub fn record_failure(&self) {
        self.record(CallOutcome::Failure);
    }

    fn record(&self, outcome: CallOutcome) {
        if let Some(ticket) = self.shared.cell.unasked() {
            self.settle(ticket, outcome, None);
        }
    }
}

/// Orders.
impl CircuitBreaker {
    /// Opens the breaker for `wait`, or for as long as its
    /// [settings](CircuitBreakerConfig::open_wait) say, whatever was counted. Use it when the provider
    /// announces that it goes down, or another process has found it down.
    ///
    /// A breaker that is open already stays open for the longer of both waits. One that is forced open,
    /// disabled or counts only stays so.
    pub fn trip(&self, wait: Option<Duration>) {
        let cause = TransitionCause::Tripped;
        self.shared.report(self.shared.cell.trip(self.shared.now(), wait, cause));
    }

    /// Refuses every call until [`reset`](Self::reset).
    pub fn force_open(&self) {
        self.pin(View::ForcedOpen);
    }

    /// Admits every call and counts none until [`reset`](Self::reset).
    pub fn disable(&self) {
        self.pin(View::Disabled);
    }

    /// Admits every call until [`reset`](Self::reset), and counts as usual. Use it to try settings
    /// out.
    pub fn metrics_only(&self) {
        self.pin(View::MetricsOnly { failures: 0 });
    }

    /// Closes the breaker. All failures and all calls under way are forgotten.
    pub fn reset(&self) {
        self.shared.report(self.shared.cell.reset(self.shared.now()));
    }

    fn pin(&self, view: View) {
        self.shared.report(self.shared.cell.pin(self.shared.now(), view));
    }
}

/// Questions.
impl CircuitBreaker {
    /// The name of the breaker.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Its settings.
    pub fn config(&self) -> &CircuitBreakerConfig {
        self.shared.cell.config()
    }

    /// The state of the breaker. It is half-open as soon as the wait is over, even before a call comes.
    pub fn state(&self) -> CircuitState {
        self.shared.cell.state(self.shared.now())
    }

    /// Whether all calls are refused, until the wait is over or until [`reset`](Self::reset).
    pub fn is_open(&self) -> bool {
        matches!(self.state(), CircuitState::Open | CircuitState::ForcedOpen)
    }

    /// The state of the breaker, with its numbers.
    pub fn snapshot(&self) -> CircuitSnapshot {
        self.shared.cell.snapshot(self.shared.now())
    }
}

impl CircuitBreaker {
    /// Ends a call: most successes change nothing.
    #[inline]
    pub(super) fn end(&self, ticket: Ticket, outcome: CallOutcome) -> Option<Transition> {
        if outcome == CallOutcome::Success && self.shared.cell.is_no_news(&ticket) {
            return None;
        }
        self.settle(ticket, outcome, None)
    }

    #[inline(never)]
    pub(super) fn settle(
        &self,
        ticket: Ticket,
        outcome: CallOutcome,
        asked: Option<Duration>,
    ) -> Option<Transition> {
        let transition = self.shared.cell.settle(ticket, outcome, asked, || self.shared.now());
        self.shared.report(transition);
        transition
    }
}

impl Shared {
    fn new(
        name: Arc<str>,
        config: CircuitBreakerConfig,
        clock: Arc<dyn Clock>,
        listener: Option<Arc<dyn TransitionListener>>,
        gate: Option<Arc<dyn ProbeGate>>,
    ) -> Arc<Self> {
        let cell = Cell::new(config, clock.now());
        Arc::new(Self { name, cell, clock, listener, gate })
    }

    /// Whether a probe may go, if this is a call that could be one.
    fn may_probe(&self, now: Instant) -> bool {
        let Some(gate) = &self.gate else { return true };
        self.cell.state(now) == CircuitState::HalfOpen && gate.may_probe()
    }

    #[cold]
    fn admit(&self) -> Result<(Ticket, Option<Transition>), CircuitOpenError> {
        let now = self.now();
        match self.cell.admit(now, self.may_probe(now)) {
            Ok((ticket, transition)) => {
                // A listener's panic is caught, so the ticket reaches its permit.
                self.report(transition);
                Ok((ticket, transition))
            }
            Err(refused) => Err(self.refused(refused)),
        }
    }

    fn refused(&self, refused: Refused) -> CircuitOpenError {
        CircuitOpenError::new(self.name.clone(), refused)
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Called with no lock held: the listener may call the breaker.
    fn report(&self, transition: Option<Transition>) {
        let (Some(transition), Some(listener)) = (transition, &self.listener) else { return };
        let call = AssertUnwindSafe(|| listener.on_transition(&self.name, transition));
        // A permit may be settled while a panic unwinds, and a second panic would end the process.
        let _ = catch_unwind(call);
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.shared.name)
            .field("state", &self.state())
            .field("config", self.config())
            .finish_non_exhaustive()
    }
}
