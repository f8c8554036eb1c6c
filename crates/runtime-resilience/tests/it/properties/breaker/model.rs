//! The rules, told from a log: nothing is counted before somebody asks, and then from the start.

use std::time::Duration;

use runtime_resilience::{
    CircuitBreakerConfig, CircuitCounts, CircuitState, CircuitWindow, GrowingWait, OpenWait,
    Percent, TransitionCause,
};

use crate::support::count;

use CircuitState::{Closed, Disabled, ForcedOpen, HalfOpen, MetricsOnly, Open};

/// The settings of one case, as plain numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) threshold: Option<u32>,
    pub(super) probes: u32,
    pub(super) to_close: u32,
    pub(super) first_wait: Duration,
    pub(super) growth: Option<(u32, Duration)>,
    pub(super) lease: Option<Duration>,
    pub(super) window: Option<Rolling>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Rolling {
    pub(super) span: Span,
    pub(super) minimum: u32,
    pub(super) rate: u8,
    pub(super) slow: Option<(Duration, u8)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Span {
    Calls(u16),
    Time(Duration),
}

impl Rules {
    pub(super) fn config(&self) -> CircuitBreakerConfig {
        let config = CircuitBreakerConfig::default()
            .half_open_max_probes(count(self.probes))
            .successes_to_close(count(self.to_close));
        let config = match self.threshold {
            Some(threshold) => config.failure_threshold(count(threshold)),
            None => config.without_failure_threshold(),
        };
        let config = match self.growth {
            None => config.recovery_timeout(self.first_wait),
            Some((factor, max)) => {
                let growing = GrowingWait::from(self.first_wait).factor(count(factor)).max(max);
                config.open_wait(OpenWait::Growing(growing.without_jitter()))
            }
        };
        let config = match self.lease {
            Some(lease) => config.half_open_lease(lease),
            None => config,
        };
        match self.window {
            Some(window) => config.window(window.window()),
            None => config,
        }
    }

    fn wait(&self, failed: u32) -> Duration {
        let Some((factor, max)) = self.growth else { return self.first_wait };
        let mut wait = self.first_wait;
        (0..failed).for_each(|_| wait = wait.saturating_mul(factor).min(max));
        wait.min(max)
    }
}

impl Rolling {
    fn window(self) -> CircuitWindow {
        let percent = |number| Percent::new(number).expect("it is from 1 to 100");
        let window = match self.span {
            Span::Calls(calls) => CircuitWindow::of_calls(calls.try_into().expect("at least one")),
            Span::Time(span) => CircuitWindow::of_time(span).expect("it is long enough"),
        };
        let window = window.failure_rate(percent(self.rate)).minimum_calls(count(self.minimum));
        match self.slow {
            Some((from, rate)) => window.slow_calls(from, percent(rate)),
            None => window,
        }
    }

    /// The calls in the window at `now`.
    fn holds(self, log: &[Call], now: Duration) -> &[Call] {
        let first = match self.span {
            Span::Calls(calls) => log.len().saturating_sub(calls.into()),
            Span::Time(span) => {
                let slice = |at: Duration| at.as_nanos() / span.as_nanos().div_ceil(10);
                log.partition_point(|call| slice(call.at) + 10 <= slice(now))
            }
        };
        &log[first..]
    }
}

/// A call that ended.
#[derive(Clone, Copy, Debug)]
struct Call {
    at: Duration,
    failed: bool,
    slow: bool,
}

/// A transition, without what only the real one has.
pub(super) type Heard =
    (CircuitState, CircuitState, u32, TransitionCause, CircuitCounts, Option<Duration>);

#[derive(Debug)]
pub(super) struct Model {
    pub(super) rules: Rules,
    pub(super) state: CircuitState,
    /// Counted up at each change; calls admitted in another one do not count.
    pub(super) generation: u32,
    /// The calls of this generation that ended and counted.
    log: Vec<Call>,
    since: Duration,
    pub(super) until: Duration,
    last_probe: Duration,
    lost: u32,
    pub(super) failed_recoveries: u32,
    pub(super) not_permitted: u64,
    pub(super) heard: Vec<Heard>,
}

/// A time as a breaker can note it.
fn noted(at: Duration) -> Duration {
    let ticks = at.as_nanos().div_ceil(10_000_000);
    Duration::from_millis(u64::try_from(ticks).expect("tests do not last that long") * 10)
}

impl Model {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: Closed,
            generation: 0,
            log: Vec::new(),
            since: Duration::ZERO,
            until: Duration::ZERO,
            last_probe: Duration::ZERO,
            lost: 0,
            failed_recoveries: 0,
            not_permitted: 0,
            heard: Vec::new(),
        }
    }

    pub(super) fn counts(&self, now: Duration) -> CircuitCounts {
        let mut counts = CircuitCounts::default();
        let row = self.log.iter().rev().take_while(|call| call.failed).count();
        if matches!(self.state, Closed | MetricsOnly) {
            counts.failures_in_a_row = u32::try_from(row).expect("few calls");
            let held = self.rules.window.map_or(&[][..], |window| window.holds(&self.log, now));
            let number = |of: fn(&Call) -> bool| {
                u32::try_from(held.iter().filter(|call| of(call)).count()).expect("few calls")
            };
            counts.calls = number(|_| true);
            counts.failures = number(|call| call.failed);
            counts.slow = number(|call| call.slow);
        }
        counts
    }

    fn change(&mut self, to: CircuitState, cause: TransitionCause, now: Duration) {
        let counts = self.counts(now);
        self.failed_recoveries = match (self.state, to) {
            (HalfOpen, Open) => self.failed_recoveries + 1,
            (_, Open | HalfOpen) => self.failed_recoveries,
            _ => 0,
        };
        self.lost = if cause == TransitionCause::ProbeLost { (self.lost + 1).min(4) } else { 0 };
        self.generation += 1;
        let wait = (to == Open).then(|| self.until.saturating_sub(now));
        if self.state != to || cause == TransitionCause::ProbeLost {
            self.heard.push((self.state, to, self.generation, cause, counts, wait));
        }
        self.state = to;
        self.since = now;
        self.log.clear();
    }

    fn open(&mut self, wait: Option<Duration>, cause: TransitionCause, now: Duration) {
        let failed = self.failed_recoveries + u32::from(self.state == HalfOpen);
        self.until = noted(now + wait.unwrap_or_else(|| self.rules.wait(failed)));
        self.change(Open, cause, now);
    }

    /// When the places of hanging probes are free.
    pub(super) fn lease_end(&self) -> Duration {
        let lease = self.rules.lease.unwrap_or_else(|| self.rules.wait(0));
        let lease = noted(lease).max(Duration::from_millis(10));
        self.last_probe + lease * (1 << self.lost)
    }

    /// `Ok` if a call may pass, else the rest of the wait, `None` if it is not known.
    pub(super) fn admits(&self, running: u32, now: Duration) -> Result<(), Option<Duration>> {
        match self.state {
            Open if self.until > now => Err(Some(self.until.saturating_sub(now))),
            HalfOpen if running >= self.rules.probes && now < self.lease_end() => Err(None),
            ForcedOpen => Err(None),
            _ => Ok(()),
        }
    }

    /// A call that `admits` admits.
    pub(super) fn acquire(&mut self, running: u32, now: Duration) {
        if self.state == Open {
            self.change(HalfOpen, TransitionCause::WaitOver, now);
        } else if self.state == HalfOpen && running >= self.rules.probes {
            self.change(HalfOpen, TransitionCause::ProbeLost, now);
        }
        if self.state == HalfOpen {
            self.last_probe = noted(now);
        }
    }

    pub(super) fn is_slow(&self, took: Duration) -> bool {
        let slow = self.rules.window.and_then(|window| window.slow);
        slow.is_some_and(|(from, _)| took >= from)
    }

    /// A call of this generation has ended.
    pub(super) fn outcome(&mut self, failed: bool, slow: bool, now: Duration) {
        self.log.push(Call { at: now, failed, slow });
        match self.state {
            Closed => self.judge(failed || slow, now),
            HalfOpen if failed || slow => self.open(None, TransitionCause::ProbeFailed, now),
            HalfOpen if self.log.len() >= self.rules.to_close as usize => {
                self.change(Closed, TransitionCause::ProbesSucceeded, now);
            }
            _ => {}
        }
    }

    fn judge(&mut self, bad: bool, now: Duration) {
        let counts = self.counts(now);
        if self.rules.threshold.is_some_and(|threshold| counts.failures_in_a_row >= threshold) {
            return self.open(None, TransitionCause::FailuresInARow, now);
        }
        let Some(window) = self.rules.window else { return };
        let minimum = match window.span {
            Span::Calls(calls) => window.minimum.min(calls.into()),
            Span::Time(_) => window.minimum,
        };
        let reached = |part: u32, rate: u8| part * 100 >= u32::from(rate) * counts.calls;
        if counts.calls < minimum || !(bad || counts.calls == minimum) {
        } else if reached(counts.failures, window.rate) {
            self.open(None, TransitionCause::FailureRate, now);
        } else if window.slow.is_some_and(|(_, rate)| reached(counts.slow, rate)) {
            self.open(None, TransitionCause::SlowRate, now);
        }
    }

    /// A call of this generation ended, and its provider asked to be left alone.
    pub(super) fn open_for(&mut self, wait: Duration, slow: bool, now: Duration) {
        if matches!(self.state, Closed | MetricsOnly) {
            self.log.push(Call { at: now, failed: true, slow });
        }
        if matches!(self.state, Closed | HalfOpen) {
            self.open(Some(wait), TransitionCause::Tripped, now);
        }
    }

    pub(super) fn trip(&mut self, wait: Option<Duration>, now: Duration) {
        match self.state {
            Closed | HalfOpen => self.open(wait, TransitionCause::Tripped, now),
            Open => {
                let wait = wait.unwrap_or_else(|| self.rules.wait(self.failed_recoveries));
                self.until = self.until.max(noted(now + wait));
            }
            _ => {}
        }
    }

    pub(super) fn pin(&mut self, to: CircuitState, now: Duration) {
        if self.state != to {
            self.change(to, TransitionCause::Pinned, now);
        }
    }

    pub(super) fn reset(&mut self, now: Duration) {
        self.change(Closed, TransitionCause::Reset, now);
    }

    pub(super) fn seen_state(&self, now: Duration) -> CircuitState {
        if self.state == Open && self.until <= now { HalfOpen } else { self.state }
    }

    pub(super) fn time_in_state(&self, now: Duration) -> Duration {
        let since = if self.state == Open && self.until <= now { self.until } else { self.since };
        now.saturating_sub(since)
    }

    pub(super) fn is_pinned(&self) -> bool {
        matches!(self.state, ForcedOpen | Disabled | MetricsOnly)
    }
}
