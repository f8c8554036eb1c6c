//! The breaker against a model that keeps a log and counts it anew at every question.

mod model;
mod time;

use std::time::Duration;

use proptest::prelude::*;
use runtime_events::ManualClock;
use runtime_resilience::{CircuitBreaker, CircuitState, Permit};

use crate::support::{self, breaker_with};
use model::{Model, Rolling, Rules, Span};

use CircuitState::{Closed, Disabled, ForcedOpen, MetricsOnly, Open};

#[derive(Clone, Copy, Debug)]
enum Op {
    Acquire,
    Settle(usize, Ending),
    RecordSuccess,
    RecordFailure,
    Advance(Duration),
    Reset,
    Trip(Option<Duration>),
    Pin(CircuitState),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Success,
    Failure,
    Cancel,
    Drop,
    OpenFor(Duration),
}

fn millis(range: impl Strategy<Value = u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn op() -> impl Strategy<Value = Op> {
    let ending = prop_oneof![
        6 => Just(Ending::Success),
        6 => Just(Ending::Failure),
        3 => Just(Ending::Cancel),
        3 => Just(Ending::Drop),
        1 => millis(0..30_000_u64).prop_map(Ending::OpenFor),
    ];
    let pinned = prop::sample::select(vec![ForcedOpen, Disabled, MetricsOnly]);
    prop_oneof![
        24 => Just(Op::Acquire),
        24 => (any::<usize>(), ending).prop_map(|(i, ending)| Op::Settle(i, ending)),
        3 => Just(Op::RecordSuccess),
        6 => Just(Op::RecordFailure),
        4 => millis(0..12_000_u64).prop_map(Op::Advance),
        4 => (0..200_000_000_u64).prop_map(|ns| Op::Advance(Duration::from_nanos(ns))),
        3 => Just(Op::Advance(support::WAIT)),
        1 => Just(Op::Reset),
        1 => prop::option::of(millis(0..30_000_u64)).prop_map(Op::Trip),
        1 => pinned.prop_map(Op::Pin),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    let wait = prop_oneof![
        4 => Just(support::WAIT),
        1 => Just(Duration::ZERO),
        2 => (0..20_000_000_000_u64).prop_map(Duration::from_nanos),
    ];
    let growth = prop::option::of((1..4_u32, millis(1..60_000_u64)));
    let span =
        prop_oneof![(1..8_u16).prop_map(Span::Calls), millis(1..20_000_u64).prop_map(Span::Time),];
    let percent = || prop::sample::select(vec![1, 20, 34, 50, 99, 100]);
    let slow = prop::option::of((millis(1..5_000_u64), percent()));
    let window = (span, 1..8_u32, percent(), slow);
    let window =
        window.prop_map(|(span, minimum, rate, slow)| Rolling { span, minimum, rate, slow });
    (
        prop::option::weighted(0.7, 1..4_u32),
        1..4_u32,
        1..4_u32,
        wait,
        growth,
        prop::option::of(millis(0..30_000_u64)),
        prop::option::weighted(0.7, window),
    )
        .prop_map(|(threshold, probes, to_close, first_wait, growth, lease, window)| Rules {
            threshold,
            probes,
            to_close,
            first_wait,
            growth,
            lease,
            window,
        })
}

/// An admitted call that has not ended.
struct Held {
    generation: u32,
    began: Duration,
    permit: Permit,
}

/// A breaker and its model, side by side.
struct Pair {
    breaker: CircuitBreaker,
    clock: ManualClock,
    heard: support::Heard,
    model: Model,
    held: Vec<Held>,
}

impl Pair {
    fn new(rules: Rules) -> Self {
        let (breaker, clock, heard) = breaker_with(rules.config());
        Self { breaker, clock, heard, model: Model::new(rules), held: Vec::new() }
    }

    fn running(&self) -> u32 {
        let generation = self.model.generation;
        let of_this = self.held.iter().filter(|held| held.generation == generation);
        u32::try_from(of_this.count()).expect("few calls")
    }

    fn acquire(&mut self) -> Result<(), TestCaseError> {
        let (now, running) = (self.clock.elapsed(), self.running());
        let expected = self.model.admits(running, now);
        let got = self.breaker.try_acquire();
        prop_assert_eq!(got.as_ref().map(|_| ()).map_err(|e| e.retry_after), expected);
        match got {
            Ok(permit) => {
                self.model.acquire(running, now);
                let generation = self.model.generation;
                self.held.push(Held { generation, began: now, permit });
            }
            Err(refused) => {
                self.model.not_permitted += 1;
                prop_assert_eq!(refused.state, self.model.state);
                prop_assert_eq!(refused.generation, self.model.generation);
            }
        }
        Ok(())
    }

    fn settle(&mut self, held: Held, ending: Ending) -> Result<(), TestCaseError> {
        let before = self.breaker.snapshot();
        match ending {
            Ending::Success => held.permit.success(),
            Ending::Failure => held.permit.failure(),
            Ending::Cancel => held.permit.cancel(),
            Ending::Drop => drop(held.permit),
            Ending::OpenFor(wait) => held.permit.open_for(wait),
        }
        let now = self.clock.elapsed();
        if held.generation != self.model.generation {
            prop_assert_eq!(self.breaker.snapshot(), before, "a stale outcome changed something");
            return Ok(());
        }
        let slow = self.model.is_slow(now.saturating_sub(held.began));
        match ending {
            Ending::Success => self.model.outcome(false, slow, now),
            Ending::Failure => self.model.outcome(true, slow, now),
            Ending::Cancel | Ending::Drop => {}
            Ending::OpenFor(wait) => self.model.open_for(wait, slow, now),
        }
        Ok(())
    }

    fn apply(&mut self, op: Op) -> Result<(), TestCaseError> {
        let now = self.clock.elapsed();
        let counts = matches!(self.model.state, Closed | MetricsOnly);
        match op {
            Op::Advance(by) => self.clock.advance(by),
            Op::Acquire => self.acquire()?,
            Op::Settle(..) if self.held.is_empty() => {}
            Op::Settle(i, ending) => {
                let held = self.held.swap_remove(i % self.held.len());
                self.settle(held, ending)?;
            }
            Op::RecordSuccess | Op::RecordFailure => {
                let failed = matches!(op, Op::RecordFailure);
                let record = if failed {
                    CircuitBreaker::record_failure
                } else {
                    CircuitBreaker::record_success
                };
                record(&self.breaker);
                if counts {
                    self.model.outcome(failed, false, now);
                }
            }
            Op::Reset => {
                self.breaker.reset();
                self.model.reset(now);
            }
            Op::Trip(wait) => {
                self.breaker.trip(wait);
                self.model.trip(wait, now);
            }
            Op::Pin(to) => {
                match to {
                    ForcedOpen => self.breaker.force_open(),
                    Disabled => self.breaker.disable(),
                    _ => self.breaker.metrics_only(),
                }
                self.model.pin(to, now);
            }
        }
        Ok(())
    }

    fn agree(&self) -> Result<(), TestCaseError> {
        let (now, model) = (self.clock.elapsed(), &self.model);
        let (snapshot, running) = (self.breaker.snapshot(), self.running());
        prop_assert_eq!(snapshot.state, model.seen_state(now));
        prop_assert_eq!(self.breaker.state(), snapshot.state);
        prop_assert_eq!(self.breaker.is_open(), matches!(snapshot.state, Open | ForcedOpen));
        prop_assert_eq!(snapshot.generation, model.generation);
        prop_assert_eq!(snapshot.counts, model.counts(now));
        prop_assert_eq!(snapshot.not_permitted, model.not_permitted);
        prop_assert_eq!(snapshot.time_in_state, model.time_in_state(now));
        prop_assert_eq!(snapshot.failed_recoveries, model.failed_recoveries);
        let probing = model.state == CircuitState::HalfOpen;
        prop_assert_eq!(snapshot.probes, if probing { running } else { 0 });
        prop_assert!(snapshot.probes <= model.rules.probes);

        let expected = model.admits(running, now);
        prop_assert_eq!(snapshot.retry_after, expected.err().flatten());
        prop_assert_eq!(self.breaker.check().map_err(|refused| refused.retry_after), expected);

        let heard = self.heard.all();
        let heard = heard.iter().map(|t| (t.from, t.to, t.generation, t.cause, t.counts, t.wait));
        prop_assert_eq!(heard.collect::<Vec<_>>(), model.heard.clone());
        Ok(())
    }

    /// Some call is admitted once wait and lease are over, whatever hangs; if it succeeds, the breaker
    /// closes.
    fn end_well(mut self) -> Result<(), TestCaseError> {
        if self.model.is_pinned() {
            self.apply(Op::Reset)?;
        }
        let end = self.model.until.max(self.model.lease_end());
        self.clock.advance(end.saturating_sub(self.clock.elapsed()));
        prop_assert_eq!(self.breaker.check(), Ok(()));
        self.acquire()?;
        for _ in 0..self.model.rules.to_close {
            let Some(probe) = self.held.pop() else { break };
            if self.breaker.state() == Closed {
                break;
            }
            self.settle(probe, Ending::Success)?;
            self.acquire()?;
        }
        prop_assert_eq!(self.breaker.state(), Closed);
        self.agree()
    }
}

proptest! {
    #[test]
    fn the_breaker_agrees_with_the_model_and_is_never_stuck(
        rules in rules(),
        ops in prop::collection::vec(op(), 0..200),
    ) {
        let mut pair = Pair::new(rules);
        for op in ops {
            pair.apply(op)?;
            pair.agree()?;
        }
        pair.end_well()?;
    }

    #[test]
    fn no_outcome_of_an_earlier_generation_changes_anything(
        rules in rules(),
        ops in prop::collection::vec(op(), 1..100),
        ending in prop::sample::select(vec![
            Ending::Success, Ending::Failure, Ending::Cancel, Ending::Drop,
            Ending::OpenFor(support::WAIT),
        ]),
    ) {
        let mut pair = Pair::new(rules);
        for op in ops {
            pair.apply(op)?;
        }
        pair.apply(Op::Reset)?;
        // `settle` compares the snapshots before and after.
        for held in std::mem::take(&mut pair.held) {
            pair.settle(held, ending)?;
        }
        pair.agree()?;
    }
}
