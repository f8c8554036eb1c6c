//! The state of the current generation besides the word.

use std::time::Duration;

use super::core;
use super::state::CircuitCounts;
use super::state::{CircuitState, Transition, TransitionCause};
use super::window::{CircuitWindow, Record};
use super::word::{View, Word};

/// The state of the current generation.
pub(super) struct Books {
    pub(super) since: Duration,
    /// Probing phases in a row that ended with a failure.
    pub(super) failed_recoveries: u32,
    pub(super) record: Option<Record>,
}

impl Books {
    /// The books of a new breaker.
    pub(super) fn new(window: Option<CircuitWindow>) -> Self {
        Self { since: Duration::ZERO, failed_recoveries: 0, record: window.map(Record::new) }
    }

    pub(super) fn failed_recoveries_after(&self, word: Word) -> u32 {
        let probing = word.state() == CircuitState::HalfOpen;
        self.failed_recoveries.saturating_add(probing.into())
    }

    pub(super) fn counts(&mut self, word: Word, age: Duration) -> CircuitCounts {
        let windowed = self.record.as_mut().map(|record| record.counts(age));
        CircuitCounts { failures_in_a_row: core::failures(word), ..windowed.unwrap_or_default() }
    }

    /// Closes the books of `word` and opens those of `next`.
    pub(super) fn begin(
        &mut self,
        word: Word,
        next: Word,
        cause: TransitionCause,
        failures: u32,
        age: Duration,
    ) -> Option<Transition> {
        let counts = CircuitCounts { failures_in_a_row: failures, ..self.counts(word, age) };
        if let Some(record) = &mut self.record {
            record.clear();
        }
        self.since = age;
        let (from, to) = (word.state(), next.state());
        self.failed_recoveries = match (from, to) {
            (CircuitState::HalfOpen, CircuitState::Open) => self.failed_recoveries_after(word),
            (_, CircuitState::Open | CircuitState::HalfOpen) => self.failed_recoveries,
            _ => 0,
        };
        let wait = match next.view() {
            View::Open { until } => Some(until.age().saturating_sub(age)),
            _ => None,
        };
        let news = from != to || cause == TransitionCause::ProbeLost;
        let generation = next.generation();
        news.then_some(Transition { from, to, generation, cause, counts, wait })
    }
}
