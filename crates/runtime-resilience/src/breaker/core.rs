//! The breaker's rules, without a clock, a lock or a runtime.

use std::time::{Duration, Instant};

use runtime_events::wire_names;

use super::config::Config;

wire_names! {
    /// Where a breaker stands.
    #[expect(clippy::exhaustive_enums, reason = "a breaker has these three states and no other")]
    pub enum CircuitState: "circuit state" {
        /// Calls pass.
        Closed = "closed",
        /// Calls are refused until the wait is over.
        Open = "open",
        /// A few calls pass, to find out whether the dependency is back.
        HalfOpen = "half_open",
    }
}

/// The decisions of a breaker.
///
/// Every method that can change the state returns the [`Transition`] it made, for the caller to
/// report once its lock is released.
#[derive(Clone, Debug)]
pub struct Core {
    config: Config,
    state: State,
    /// Counts the changes of state. What was admitted before a change cannot count after it.
    generation: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Invariant: `failures < config.failure_threshold`.
    Closed { failures: u32 },
    /// Keeps the beginning, not the end: a wait may be longer than an `Instant` can express.
    Open { since: Instant },
    /// Invariants: `in_flight <= config.half_open_max_probes`,
    /// `successes < config.successes_to_close`.
    HalfOpen { in_flight: u32, successes: u32 },
}

/// Proof of admission, to be handed back once: to [`succeed`](Core::succeed),
/// [`fail`](Core::fail) or [`cancel`](Core::cancel).
#[must_use = "an admitted call must be settled"]
#[derive(Debug)]
pub struct Ticket {
    generation: u64,
}

/// A change of state.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state that ended.
    pub from: CircuitState,
    /// The state that began.
    pub to: CircuitState,
    /// The generation that began. Orders the transitions of one breaker.
    pub generation: u64,
}

/// A call was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What is left of the wait; `None` while all probes are under way.
    pub retry_after: Option<Duration>,
}

/// Admission.
impl Core {
    /// A closed breaker.
    pub const fn new(config: Config) -> Self {
        Self { config, state: State::Closed { failures: 0 }, generation: 0 }
    }

    /// Admits a call if the breaker is closed, whatever the time is.
    ///
    /// This spares the usual case a reading of the clock; `None` means that
    /// [`admit`](Self::admit) has to decide.
    pub const fn admit_closed(&self) -> Option<Ticket> {
        match self.state {
            State::Closed { .. } => Some(Ticket { generation: self.generation }),
            State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// Asks to start a call at `now`.
    ///
    /// # Errors
    ///
    /// [`Refusal`] while the breaker is open, or half-open with all of its probes under way.
    pub fn admit(&mut self, now: Instant) -> Result<(Ticket, Option<Transition>), Refusal> {
        self.check(now)?;
        let mut transition = None;
        if let State::Open { .. } = self.state {
            transition = Some(self.enter(State::HalfOpen { in_flight: 0, successes: 0 }));
        }
        if let State::HalfOpen { in_flight, .. } = &mut self.state {
            *in_flight += 1;
        }
        Ok((Ticket { generation: self.generation }, transition))
    }

    /// Asks whether a call would be admitted at `now`, and takes no place.
    ///
    /// # Errors
    ///
    /// As for [`admit`](Self::admit).
    pub fn check(&self, now: Instant) -> Result<(), Refusal> {
        match self.state {
            State::Closed { .. } => Ok(()),
            State::Open { since } => match self.wait_left(since, now) {
                Duration::ZERO => Ok(()),
                left => Err(Refusal { retry_after: Some(left) }),
            },
            State::HalfOpen { in_flight, .. } => {
                let free = in_flight < self.config.half_open_max_probes.get();
                if free { Ok(()) } else { Err(Refusal { retry_after: None }) }
            }
        }
    }

    /// Where the breaker stands at `now`: half-open as soon as the wait is over, even before a
    /// call comes.
    pub fn state(&self, now: Instant) -> CircuitState {
        match self.state {
            State::Open { since } if self.wait_left(since, now).is_zero() => CircuitState::HalfOpen,
            _ => self.stored_state(),
        }
    }
}

/// Outcomes.
impl Core {
    /// The dependency answered an admitted call.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is spent by its outcome")]
    pub fn succeed(&mut self, ticket: Ticket) -> Option<Transition> {
        if ticket.generation != self.generation {
            return None;
        }
        match &mut self.state {
            State::Closed { failures } => {
                *failures = 0;
                None
            }
            State::HalfOpen { in_flight, successes } => {
                *in_flight -= 1;
                *successes += 1;
                let healed = *successes == self.config.successes_to_close.get();
                healed.then(|| self.enter(State::Closed { failures: 0 }))
            }
            // No ticket carries the generation of an open state: `admit` leaves it first.
            State::Open { .. } => None,
        }
    }

    /// An admitted call failed at `now`.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is spent by its outcome")]
    pub fn fail(&mut self, ticket: Ticket, now: Instant) -> Option<Transition> {
        if ticket.generation != self.generation {
            return None;
        }
        match self.state {
            State::Closed { .. } => self.count_failure(now),
            State::HalfOpen { .. } => Some(self.enter(State::Open { since: now })),
            State::Open { .. } => None,
        }
    }

    /// The caller gave up on an admitted call: nothing is known about the dependency.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is spent by its outcome")]
    pub const fn cancel(&mut self, ticket: Ticket) {
        if ticket.generation == self.generation
            && let State::HalfOpen { in_flight, .. } = &mut self.state
        {
            *in_flight -= 1;
        }
    }

    /// Reports a success that nobody asked admission for. Counts only while closed.
    pub const fn record_success(&mut self) {
        if let State::Closed { failures } = &mut self.state {
            *failures = 0;
        }
    }

    /// Reports a failure at `now` that nobody asked admission for. Counts only while closed, so
    /// that a failure that comes late does not lengthen the wait.
    pub fn record_failure(&mut self, now: Instant) -> Option<Transition> {
        self.count_failure(now)
    }

    /// Closes the breaker, and forgets every failure and every call under way.
    pub fn reset(&mut self) -> Option<Transition> {
        let transition = self.enter(State::Closed { failures: 0 });
        (transition.from != transition.to).then_some(transition)
    }

    fn count_failure(&mut self, now: Instant) -> Option<Transition> {
        let State::Closed { failures } = &mut self.state else { return None };
        *failures += 1;
        let tripped = *failures == self.config.failure_threshold.get();
        tripped.then(|| self.enter(State::Open { since: now }))
    }

    fn enter(&mut self, state: State) -> Transition {
        let from = self.stored_state();
        self.state = state;
        // Wraps after 2^64 changes, which no process lives to see.
        self.generation = self.generation.wrapping_add(1);
        Transition { from, to: self.stored_state(), generation: self.generation }
    }

    const fn stored_state(&self) -> CircuitState {
        match self.state {
            State::Closed { .. } => CircuitState::Closed,
            State::Open { .. } => CircuitState::Open,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    fn wait_left(&self, since: Instant, now: Instant) -> Duration {
        self.config.recovery_timeout.saturating_sub(now.saturating_duration_since(since))
    }
}
