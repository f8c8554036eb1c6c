//! What the calls of a session are to cost, and to take of its limiter, as it is known beside the library.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runtime_orchestrator::SessionHandle;
use runtime_resilience::{
    CircuitState, RateLimiter, Reach, Transition, TransitionCause, TransitionListener,
};
use runtime_testkit::simulation::Sim;
use runtime_usage::{UsageSnapshot, Usd};

use super::{RESERVED, TOKENS, price};

/// The parts of a token: a minute of them, in nanoseconds.
const UNIT: u128 = 60_000_000_000;

/// A session, and what is known of it.
pub(super) struct Known {
    pub(super) sim: Sim,
    pub(super) handle: SessionHandle,
    /// Without one, the pauses that places ask for are those of turns alone. With the most that it holds.
    pub(super) limiter: Option<(RateLimiter, Duration)>,
    pub(super) answers: Arc<Answers>,
    pub(super) expected: Cell<Usd>,
    pub(super) estimated: Cell<Usd>,
    pub(super) asked: Cell<u32>,
    under_way: Cell<u32>,
    /// Until when the recovering turn was asked to wait.
    rests_until: Cell<Duration>,
    taken: RefCell<Vec<Taken>>,
}

/// Tokens and requests that were taken of a limiter, not before the first of these times and not after the last.
#[derive(Clone, Copy)]
struct Taken {
    at: [Duration; 2],
    units: [u64; 2],
}

impl Known {
    pub(super) fn new(
        sim: &Sim,
        handle: SessionHandle,
        limiter: Option<(RateLimiter, Duration)>,
        answers: &Arc<Answers>,
    ) -> Rc<Self> {
        Rc::new(Self {
            sim: sim.clone(),
            handle,
            limiter,
            answers: Arc::clone(answers),
            expected: Cell::default(),
            estimated: Cell::default(),
            asked: Cell::default(),
            under_way: Cell::default(),
            rests_until: Cell::default(),
            taken: RefCell::default(),
        })
    }

    /// A call begins, which was admitted a while ago.
    pub(super) fn begin(self: &Rc<Self>, admitted: Duration, reserved: Usd) -> Metered {
        if self.handle.status().is_terminal() {
            self.sim.fail("a call begins after the end of its session");
        }
        self.under_way.set(self.under_way.get() + 1);
        let at = self.sim.elapsed().saturating_sub(admitted);
        Metered { known: Rc::clone(self), at, reserved, observed: None, ended: false }
    }

    /// Another turn begins, which knows nothing of what a place has asked of others.
    pub(super) fn turn(&self) {
        self.asked.set(self.asked.get() + 1);
        self.rests_until.set(Duration::ZERO);
    }

    /// Another attempt of the running turn begins.
    pub(super) fn attempt(&self) {
        if self.sim.elapsed() < self.rests_until.get() {
            let until = self.rests_until.get();
            self.sim.fail(format!("an attempt before {until:?}, as it was asked"));
        }
    }

    /// An attempt has failed, and was asked to wait for so long. One beside it may have been asked for longer.
    pub(super) fn attempted(&self, asked: Duration) {
        self.rests_until.set(self.rests_until.get().max(self.sim.elapsed() + asked));
    }

    fn bill(&self, cost: Usd, estimated: bool) {
        let add = |to: &Cell<Usd>| to.set(to.get().saturating_add(cost));
        add(&self.expected);
        if estimated {
            add(&self.estimated);
        }
    }

    /// Looks at the limiter: it has given back what calls have not used, and no more.
    pub(super) fn look(&self, per_minute: [u64; 2]) {
        let Some((limiter, burst)) = self.limiter.as_ref().filter(|_| self.under_way.get() == 0)
        else {
            return;
        };
        let now = self.sim.elapsed();
        // All calls are settled by now.
        self.taken.borrow_mut().iter_mut().for_each(|taken| taken.at[1] = taken.at[1].min(now));
        let available = limiter.available();
        let said = [available.tokens, available.requests];
        for (unit, (rate, said)) in per_minute.into_iter().zip(said).enumerate() {
            let [most, least] = [0, 1].map(|at| {
                let taken = self.taken.borrow();
                let taken = taken.iter().map(|taken| (taken.at[at], taken.units[unit])).collect();
                left(taken, now, (u128::from(rate), *burst))
            });
            if !said.is_some_and(|said| (least..=most).contains(&said)) {
                let what = ["tokens", "requests"][unit];
                self.sim
                    .fail(format!("the limiter has {said:?} {what} left, of {least} to {most}"));
            }
        }
    }
}

/// What is left now of a bucket with this rate and burst, of which tokens were taken at these times.
fn left(mut taken: Vec<(Duration, u64)>, now: Duration, (rate, burst): (u128, Duration)) -> u64 {
    taken.sort_by_key(|(at, _)| *at);
    let (mut owed, mut last) = (0_u128, Duration::ZERO);
    for (at, units) in taken.into_iter().chain([(now, 0)]) {
        owed = owed.saturating_sub(rate * at.saturating_sub(last).as_nanos());
        owed += u128::from(units) * UNIT;
        last = at;
    }
    let brim = (rate * burst.as_nanos()).max(UNIT);
    u64::try_from(brim.saturating_sub(owed) / UNIT).unwrap_or(u64::MAX)
}

/// A call under way. One that is dropped was cut short.
pub(super) struct Metered {
    known: Rc<Known>,
    at: Duration,
    reserved: Usd,
    observed: Option<UsageSnapshot>,
    ended: bool,
}

impl Metered {
    pub(super) fn observe(&mut self, usage: UsageSnapshot) {
        self.observed = Some(usage);
    }

    /// It was answered: with a usage, and perhaps a cost, or without a word of it.
    pub(super) fn answered(mut self, usage: Option<UsageSnapshot>, cost: Option<Usd>) {
        self.known.answers.answered();
        match usage.or(self.observed) {
            Some(usage) => {
                let cost = cost.unwrap_or_else(|| price().cost(&usage));
                self.end(cost, false, [tokens(&usage), 1]);
            }
            None => self.end(self.reserved, true, [TOKENS, 1]),
        }
    }

    pub(super) fn failed(mut self, failed: Reach) {
        match (self.observed, failed) {
            (None, Reach::Unknown) | (Some(_), _) => self.cut(),
            // What was not sent is no request.
            (None, _) => self.end(Usd::ZERO, false, [0, u64::from(failed != Reach::NotSent)]),
        }
    }

    fn cut(&mut self) {
        match self.observed {
            Some(usage) => self.end(price().cost(&usage), true, [tokens(&usage), 1]),
            None => self.end(self.reserved, true, [TOKENS, 1]),
        }
    }

    fn end(&mut self, cost: Usd, estimated: bool, [tokens, requests]: [u64; 2]) {
        self.ended = true;
        let known = &self.known;
        known.bill(cost, estimated);
        let reserved = Taken { at: [self.at; 2], units: [tokens.min(TOKENS), requests] };
        // What it used beyond that is taken when the turn is settled, after guardrails have looked at the answer.
        let at = [known.sim.elapsed(), Duration::MAX];
        let beyond = Taken { at, units: [tokens.saturating_sub(TOKENS), 0] };
        known.taken.borrow_mut().extend([reserved, beyond]);
        known.under_way.set(known.under_way.get() - 1);
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if !self.ended {
            self.cut();
        }
    }
}

fn tokens(usage: &UsageSnapshot) -> u64 {
    usage.input_tokens + usage.output_tokens
}

/// Whether a call was answered since a breaker is half-open: without one it must not close.
#[derive(Default)]
pub(super) struct Answers {
    since: AtomicBool,
    broken: AtomicBool,
}

// Relaxed, in all of it: a simulation has one thread.
impl Answers {
    fn answered(&self) {
        self.since.store(true, Ordering::Relaxed);
    }

    pub(super) fn broken(&self) -> Result<(), String> {
        if self.broken.load(Ordering::Relaxed) {
            return Err("a breaker closed without an answer".to_owned());
        }
        Ok(())
    }
}

impl TransitionListener for Answers {
    fn on_transition(&self, _: &str, transition: Transition) {
        if transition.to == CircuitState::HalfOpen {
            self.since.store(false, Ordering::Relaxed);
        } else if transition.cause == TransitionCause::ProbesSucceeded
            && !self.since.load(Ordering::Relaxed)
        {
            self.broken.store(true, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

/// The money of a turn.
pub(super) fn reserved(rng: &mut fastrand::Rng) -> Usd {
    RESERVED[rng.usize(..RESERVED.len())]
}
