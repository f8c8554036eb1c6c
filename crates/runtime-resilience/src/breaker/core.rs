//! The breaker's rules: pure functions from a word and an event to the next word.
//!
//! They use no clock, no atomic and no lock. The shell calls them in its `compare_exchange` loops.

use super::config::CircuitBreakerConfig;
use super::outcome::CallOutcome;
use super::state::{CircuitState, TransitionCause};
use super::tick::Tick;
use super::word::{Probes, View, Word};

/// The settings that the rules read, cut to the size of a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// `None` if failures in a row never open it.
    failures: Option<u32>,
    probes: u32,
    to_close: u32,
    lease: Tick,
}

impl Limits {
    pub(super) fn new(config: &CircuitBreakerConfig) -> Self {
        Self {
            failures: config.failure_threshold.map(Into::into),
            probes: config.half_open_max_probes.get().min(Probes::MOST),
            to_close: config.successes_to_close.get().min(Probes::MOST_SUCCEEDED),
            lease: Tick(Tick::ceil(config.lease()).0.max(1)),
        }
    }
}

/// The change of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Stay,
    /// Something is counted; the generation is the same.
    Count(Word),
    /// Another generation begins.
    Change {
        next: Word,
        cause: TransitionCause,
        /// The failures in a row, this one included.
        failures: u32,
    },
}

/// Why a call is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The breaker is open until then.
    Until(Tick),
    /// For an unknown time.
    Unknown,
}

/// A call asks to begin at `now`; the last probe began at `last_probe`.
pub(super) fn admit(
    word: Word,
    limits: &Limits,
    now: Tick,
    last_probe: Tick,
) -> Result<Step, Refusal> {
    match word.view() {
        View::Closed { .. } | View::Disabled | View::MetricsOnly { .. } => Ok(Step::Stay),
        View::Open { until } if now < until => Err(Refusal::Until(until)),
        View::Open { .. } => {
            Ok(change(word, View::HalfOpen(Probes::ONE), TransitionCause::WaitOver))
        }
        View::HalfOpen(probes) if probes.running < limits.probes => {
            let running = probes.running + 1;
            Ok(Step::Count(word.with(View::HalfOpen(Probes { running, ..probes }))))
        }
        View::HalfOpen(Probes { lost, .. }) if now >= lease_end(limits, last_probe, lost) => {
            let lost = (lost + 1).min(Probes::MOST_LOST);
            let probes = Probes { lost, ..Probes::ONE };
            Ok(change(word, View::HalfOpen(probes), TransitionCause::ProbeLost))
        }
        View::HalfOpen(_) | View::ForcedOpen => Err(Refusal::Unknown),
    }
}

/// When the places of probes are free again, the last of which began at `last_probe`.
///
/// The lease doubles each time. Otherwise, with a lease shorter than a healthy call, every probe would
/// be given up before it could close the breaker.
fn lease_end(limits: &Limits, last_probe: Tick, lost: u32) -> Tick {
    Tick(last_probe.0.saturating_add(limits.lease.0.saturating_mul(1 << lost)))
}

/// A call of generation `home` has ended. If that opens the breaker, it is until `until`.
pub(super) fn settle(
    word: Word,
    home: Word,
    outcome: CallOutcome,
    limits: &Limits,
    until: Tick,
) -> Step {
    if !word.is_of(home) {
        return Step::Stay;
    }
    match (word.view(), outcome) {
        (View::HalfOpen(probes), _) => settle_probe(word, probes, outcome, limits, until),
        (View::Closed { failures: 1.. }, CallOutcome::Success) => {
            Step::Count(word.with(View::Closed { failures: 0 }))
        }
        (View::Closed { failures }, CallOutcome::Failure) => {
            let failures = failures.saturating_add(1);
            if limits.failures.is_some_and(|most| failures >= most) {
                let next = word.next(View::Open { until });
                Step::Change { next, cause: TransitionCause::FailuresInARow, failures }
            } else {
                Step::Count(word.with(View::Closed { failures }))
            }
        }
        (View::MetricsOnly { failures: 1.. }, CallOutcome::Success) => {
            Step::Count(word.with(View::MetricsOnly { failures: 0 }))
        }
        (View::MetricsOnly { failures }, CallOutcome::Failure) => {
            let failures = failures.saturating_add(1);
            Step::Count(word.with(View::MetricsOnly { failures }))
        }
        _ => Step::Stay,
    }
}

fn settle_probe(
    word: Word,
    probes: Probes,
    outcome: CallOutcome,
    limits: &Limits,
    until: Tick,
) -> Step {
    // The caller is one of the running probes, so there is one to take away.
    let running = probes.running.saturating_sub(1);
    let succeeded = probes.succeeded + 1;
    match outcome {
        CallOutcome::Ignored => {
            Step::Count(word.with(View::HalfOpen(Probes { running, ..probes })))
        }
        CallOutcome::Failure => change(word, View::Open { until }, TransitionCause::ProbeFailed),
        CallOutcome::Success if succeeded >= limits.to_close => {
            change(word, View::Closed { failures: 0 }, TransitionCause::ProbesSucceeded)
        }
        CallOutcome::Success => {
            Step::Count(word.with(View::HalfOpen(Probes { running, succeeded, ..probes })))
        }
    }
}

/// A call of generation `home` has ended, and its provider asks to be left alone until `until`.
pub(super) fn open_for(word: Word, home: Word, limits: &Limits, until: Tick) -> Step {
    match word.view() {
        View::Closed { .. } | View::HalfOpen(_) if word.is_of(home) => {
            let failures = match word.view() {
                View::Closed { failures } => failures.saturating_add(1),
                _ => 0,
            };
            Step::Change {
                next: word.next(View::Open { until }),
                cause: TransitionCause::Tripped,
                failures,
            }
        }
        _ => settle(word, home, CallOutcome::Failure, limits, until),
    }
}

/// The window of generation `home` has reached a limit: the breaker must open.
pub(super) fn cross(word: Word, home: Word, cause: TransitionCause, until: Tick) -> Step {
    let judged = word.is_of(home) && word.is_closed();
    if judged { change(word, View::Open { until }, cause) } else { Step::Stay }
}

/// Opens it until `until`, by order. An open breaker stays open for the longer of both waits;
/// a forced state stays.
pub(super) fn trip(word: Word, until: Tick, cause: TransitionCause) -> Step {
    match word.view() {
        View::Closed { .. } | View::HalfOpen(_) => change(word, View::Open { until }, cause),
        View::Open { until: before } => {
            Step::Count(word.with(View::Open { until: until.max(before) }))
        }
        _ => Step::Stay,
    }
}

/// Goes to a state that only [`reset`] leaves.
pub(super) fn pin(word: Word, pinned: View) -> Step {
    let same = word.state() == word.with(pinned).state();
    if same { Step::Stay } else { change(word, pinned, TransitionCause::Pinned) }
}

/// Closes it because others have found the dependency back. A forced state stays.
pub(super) fn follow_closed(word: Word) -> Step {
    match word.view() {
        View::Open { .. } | View::HalfOpen(_) => {
            change(word, View::Closed { failures: 0 }, TransitionCause::Fleet)
        }
        _ => Step::Stay,
    }
}

/// Closes it from any state.
pub(super) fn reset(word: Word) -> Step {
    change(word, View::Closed { failures: 0 }, TransitionCause::Reset)
}

/// Its state at `now`: half-open as soon as the wait is over, even before a call comes.
pub(super) fn state(word: Word, now: Tick) -> CircuitState {
    match word.view() {
        View::Open { until } if now >= until => CircuitState::HalfOpen,
        _ => word.state(),
    }
}

/// The failures in a row that are counted.
pub(super) fn failures(word: Word) -> u32 {
    match word.view() {
        View::Closed { failures } | View::MetricsOnly { failures } => failures,
        _ => 0,
    }
}

fn change(word: Word, view: View, cause: TransitionCause) -> Step {
    Step::Change { next: word.next(view), cause, failures: failures(word) }
}
