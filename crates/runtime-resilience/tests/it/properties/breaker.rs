//! The breaker against a model that keeps the whole history of a generation and counts it anew at
//! every question.

use std::time::Duration;

use proptest::prelude::*;
use runtime_events::{Clock, ManualClock};
use runtime_resilience::breaker::Config;
use runtime_resilience::{CircuitState, Permit};

use crate::support::{Heard, WAIT, breaker, count};

use CircuitState::{Closed, HalfOpen, Open};

#[derive(Clone, Copy, Debug)]
enum Op {
    Acquire,
    Settle(usize, Ending),
    RecordSuccess,
    RecordFailure,
    Advance(Duration),
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Success,
    Failure,
    Cancel,
    Drop,
}

fn op() -> impl Strategy<Value = Op> {
    use Ending::{Cancel, Drop, Failure, Success};
    let ending = prop::sample::select(vec![Success, Success, Failure, Failure, Cancel, Drop]);
    prop_oneof![
        8 => Just(Op::Acquire),
        8 => (any::<usize>(), ending).prop_map(|(i, ending)| Op::Settle(i, ending)),
        1 => Just(Op::RecordSuccess),
        2 => Just(Op::RecordFailure),
        2 => (0..=12_000_u64).prop_map(|ms| Op::Advance(Duration::from_millis(ms))),
        1 => Just(Op::Advance(WAIT)),
        1 => Just(Op::Reset),
    ]
}

/// What the rules say, from the history alone.
#[derive(Debug)]
struct Model {
    threshold: usize,
    probes: usize,
    to_close: usize,
    state: CircuitState,
    /// Counted up at each change; what was admitted in another one does not count.
    era: usize,
    /// Outcomes of this era, in order; `true` is a success.
    outcomes: Vec<bool>,
    opened_at: Duration,
    changes: Vec<(CircuitState, CircuitState)>,
}

impl Model {
    fn change(&mut self, to: CircuitState) {
        if self.state != to {
            self.changes.push((self.state, to));
        }
        self.state = to;
        self.era += 1;
        self.outcomes.clear();
    }

    fn wait_left(&self, now: Duration) -> Duration {
        (self.opened_at + WAIT).saturating_sub(now)
    }

    /// What is left of the wait, or `None` inside if nobody knows; `Ok` if a call may pass.
    fn admits(&self, held: &[(usize, Permit)], now: Duration) -> Result<(), Option<Duration>> {
        let probing = held.iter().filter(|(era, _)| *era == self.era).count();
        match self.state {
            Open if !self.wait_left(now).is_zero() => Err(Some(self.wait_left(now))),
            HalfOpen if probing >= self.probes => Err(None),
            _ => Ok(()),
        }
    }

    fn outcome(&mut self, success: bool, now: Duration) {
        self.outcomes.push(success);
        let failures = self.outcomes.iter().rev().take_while(|success| !**success).count();
        let successes = self.outcomes.iter().filter(|success| **success).count();
        let opens = match self.state {
            Closed => failures >= self.threshold,
            HalfOpen => failures > 0,
            Open => false,
        };
        if opens {
            self.opened_at = now;
            self.change(Open);
        } else if self.state == HalfOpen && successes >= self.to_close {
            self.change(Closed);
        }
    }

    fn seen_state(&self, now: Duration) -> CircuitState {
        if self.state == Open && self.wait_left(now).is_zero() { HalfOpen } else { self.state }
    }
}

fn heard_by(heard: &Heard) -> Vec<(CircuitState, CircuitState)> {
    heard.all().iter().map(|transition| (transition.from, transition.to)).collect()
}

fn now(clock: &ManualClock) -> Duration {
    clock.elapsed()
}

proptest! {
    #[test]
    fn the_breaker_agrees_with_the_model_and_is_never_stuck(
        threshold in 1..4_u32,
        probes in 1..4_u32,
        to_close in 1..4_u32,
        ops in prop::collection::vec(op(), 0..200),
    ) {
        let (breaker, clock, heard) = breaker(
            Config::default()
                .failure_threshold(count(threshold))
                .half_open_max_probes(count(probes))
                .successes_to_close(count(to_close)),
        );
        let mut model = Model {
            threshold: threshold as usize,
            probes: probes as usize,
            to_close: to_close as usize,
            state: Closed,
            era: 0,
            outcomes: Vec::new(),
            opened_at: Duration::ZERO,
            changes: Vec::new(),
        };
        let mut held: Vec<(usize, Permit)> = Vec::new();
        for op in ops {
            match op {
                Op::Advance(by) => clock.advance(by),
                Op::Acquire => {
                    let expected = model.admits(&held, now(&clock));
                    let got = breaker.try_acquire();
                    prop_assert_eq!(got.as_ref().map(|_| ()).map_err(|e| e.retry_after), expected);
                    if let Ok(permit) = got {
                        if model.state == Open {
                            model.change(HalfOpen);
                        }
                        held.push((model.era, permit));
                    }
                }
                Op::Settle(..) if held.is_empty() => {}
                Op::Settle(i, ending) => {
                    let (era, permit) = held.swap_remove(i % held.len());
                    match ending {
                        Ending::Success => permit.success(),
                        Ending::Failure => permit.failure(),
                        Ending::Cancel => permit.cancel(),
                        Ending::Drop => drop(permit),
                    }
                    let counts = matches!(ending, Ending::Success | Ending::Failure);
                    if counts && era == model.era {
                        model.outcome(ending == Ending::Success, now(&clock));
                    }
                }
                Op::RecordSuccess => {
                    breaker.record_success();
                    if model.state == Closed {
                        model.outcome(true, now(&clock));
                    }
                }
                Op::RecordFailure => {
                    breaker.record_failure();
                    if model.state == Closed {
                        model.outcome(false, now(&clock));
                    }
                }
                Op::Reset => {
                    breaker.reset();
                    model.change(Closed);
                }
            }
            prop_assert_eq!(breaker.state(), model.seen_state(now(&clock)));
            prop_assert_eq!(breaker.is_open(), model.seen_state(now(&clock)) == Open);
            let admits = breaker.check().map_err(|refused| refused.retry_after);
            prop_assert_eq!(admits, model.admits(&held, now(&clock)));
            prop_assert_eq!(heard_by(&heard), model.changes.clone());
        }

        // Never stuck: with nothing under way and the wait over, it heals.
        drop(held);
        clock.advance(WAIT);
        for _ in 0..to_close {
            let permit = breaker.try_acquire();
            prop_assert!(permit.is_ok(), "{:?}", permit);
            permit.into_iter().for_each(Permit::success);
        }
        prop_assert_eq!(breaker.state(), Closed);
    }

    #[test]
    fn a_wait_ends_after_its_length_however_the_clock_gets_there(
        steps in prop::collection::vec(0..4_000_u64, 1..20),
    ) {
        let (breaker, clock, _) = breaker(Config::default().failure_threshold(count(1)));
        let opened = clock.now();
        breaker.record_failure();
        for step in steps {
            clock.advance(Duration::from_millis(step));
            let left = WAIT.saturating_sub(clock.now() - opened);
            let expected = (!left.is_zero()).then_some(left);
            let refused = breaker.check().err().and_then(|refused| refused.retry_after);
            prop_assert_eq!(refused, expected);
        }
    }
}
