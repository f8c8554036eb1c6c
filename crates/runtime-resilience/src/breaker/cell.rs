//! The state that threads share: the word, and the books beside it.
//!
//! Two rules hold it together:
//! - A new generation begins only while the books are locked. The holder of the lock therefore sees
//!   one generation, with its window and its beginning.
//! - Changes within a generation go by `compare_exchange` alone, and admission and success in a
//!   closed breaker only read.
//!
//! Neither the caller's clock nor a listener is called with the lock held.

use std::convert::Infallible;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::books::Books;
use super::config::CircuitBreakerConfig;
use super::core::{self, Limits, Refusal, Step};
use super::error::Refused;
use super::line::Line;
use super::outcome::CallOutcome;
use super::snapshot::CircuitSnapshot;
use super::state::{CircuitState, Transition, TransitionCause};
use super::tick::Tick;
use super::ticket::Ticket;
use super::window::{CircuitWindow, Ended};
use super::word::{View, Word};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};

pub(super) struct Cell {
    line: Line,
    limits: Limits,
    config: CircuitBreakerConfig,
    /// When the breaker was made: the origin of ticks and ages.
    made: Instant,
    /// When a probe was last admitted, in ticks, rounded up. Later where an outcome that would have
    /// ended the generation came second: a lease then counts from there.
    last_probe: AtomicU64,
    not_permitted: AtomicU64,
    books: Mutex<Books>,
}

/// A word, and the change that led to it.
type Done = (Word, Option<Transition>);

impl Cell {
    pub(super) fn new(config: CircuitBreakerConfig, made: Instant) -> Self {
        Self {
            line: Line {
                word: AtomicU64::new(Word::NEW.bits()),
                windowed: config.window.is_some(),
                timed: config.window.is_some_and(|window| window.times_calls()),
            },
            limits: Limits::new(&config),
            config,
            made,
            last_probe: AtomicU64::new(0),
            not_permitted: AtomicU64::new(0),
            books: Mutex::new(Books::new(config.window)),
        }
    }

    pub(super) const fn config(&self) -> &CircuitBreakerConfig {
        &self.config
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.load().is_closed()
    }

    /// A ticket if the breaker is closed, by one load.
    #[inline]
    pub(super) fn admit_closed(&self, clock: impl FnOnce() -> Instant) -> Option<Ticket> {
        let word = self.load();
        word.is_closed().then(|| self.ticket(word, clock))
    }

    /// Whether a success leaves everything as it is, by one load. Only faster than
    /// [`settle`](Self::settle), which would find the same: no test can tell whether this is asked.
    #[inline]
    pub(super) fn is_no_news(&self, ticket: &Ticket) -> bool {
        // Equal means the same generation with nothing counted: a probe would count itself.
        let home = ticket.home;
        self.load() == if self.line.windowed { home.untouched() } else { home }
    }

    /// Asks for a place at `now`. `probes` is whether it may be that of a probe.
    #[cold]
    pub(super) fn admit(
        &self,
        now: Instant,
        probes: bool,
    ) -> Result<(Ticket, Option<Transition>), Refused> {
        let age = self.age(now);
        let decide = |word: Word, _| self.may_begin(word, age, probes);
        let done = match self.count(Tick::ceil(age), decide) {
            Ok(Some(word)) => Ok((word, None)),
            Ok(None) => self.change(&mut self.books(), age, None, decide),
            Err(refused) => Err(refused),
        };
        match done {
            Ok((word, transition)) => Ok((self.ticket(word, || now), transition)),
            Err(refused) => {
                self.refuse();
                Err(refused)
            }
        }
    }

    /// Counts a call that was not admitted.
    pub(super) fn refuse(&self) {
        // Relaxed: the number orders nothing.
        self.not_permitted.fetch_add(1, Ordering::Relaxed);
    }

    /// Asks whether there is a place at `now`, and takes none.
    pub(super) fn check(&self, now: Instant, probes: bool) -> Result<(), Refused> {
        self.may_begin(self.load(), self.age(now), probes).map(drop)
    }

    fn may_begin(&self, word: Word, age: Duration, probes: bool) -> Result<Step, Refused> {
        match core::admit(word, &self.limits, Tick::floor(age), self.last_probe()) {
            // Only a probe counts itself.
            Ok(Step::Count(_) | Step::Change { .. }) if !probes => Err(Refusal::Unknown),
            decided => decided,
        }
        .map_err(|refusal| refused(word, refusal, age))
    }

    /// Ends a call. `asked` is the wait that the provider asked for.
    pub(super) fn settle(
        &self,
        ticket: Ticket,
        mut outcome: CallOutcome,
        asked: Option<Duration>,
        clock: impl Fn() -> Instant,
    ) -> Option<Transition> {
        if let Some(window) = &self.config.window
            && outcome != CallOutcome::Ignored
        {
            if ticket.home.counts_calls() {
                return self.settle_in_window(window, ticket, outcome, asked, clock);
            }
            if self.line.timed && ticket.took(self.age(clock())).is_some_and(|t| window.is_slow(t))
            {
                outcome = CallOutcome::Failure;
            }
        }
        let decide = |word, until| Ok(self.decide(word, ticket.home, outcome, asked, until));
        match self.count::<Infallible>(Tick::ZERO, decide) {
            Ok(Some(_)) => None,
            Ok(None) => {
                let age = self.age(clock());
                told(self.change(&mut self.books(), age, asked, decide))
            }
        }
    }

    fn settle_in_window(
        &self,
        window: &CircuitWindow,
        ticket: Ticket,
        outcome: CallOutcome,
        asked: Option<Duration>,
        clock: impl Fn() -> Instant,
    ) -> Option<Transition> {
        let failed = outcome == CallOutcome::Failure;
        // The end of most successes does not matter, and a clock costs more than everything else.
        let reads = failed || window.is_of_time() || self.line.timed;
        let age = reads.then(|| self.age(clock()));
        let took = age.and_then(|age| ticket.took(age));
        let ended = Ended { failed, slow: took.is_some_and(|took| window.is_slow(took)) };

        let mut books = self.books();
        // Only the holder of the lock begins a generation, so this is true until it is released.
        let word = self.load();
        if !word.is_of(ticket.home) {
            return None;
        }
        let record = books.record.as_mut()?;
        let verdict = record.add(ended, age.unwrap_or_default());
        if verdict.is_none() && word == ticket.home && record.is_untouched() && !self.line.timed {
            // Somebody else's change is as good: the mark comes with the next call.
            let _ = self.swap(word, word.untouched(), Tick::ZERO);
            return None;
        }
        // A success after no failure in a row changes nothing else.
        if failed || word != ticket.home {
            let decide = |word, until| Ok(self.decide(word, ticket.home, outcome, asked, until));
            let Ok(counted) = self.count::<Infallible>(Tick::ZERO, decide);
            if let (None, Some(age)) = (counted, age) {
                return told(self.change(&mut books, age, asked, decide));
            }
        }
        let cause = verdict?;
        drop(books);
        let age = age.unwrap_or_else(|| self.age(clock()));
        let decide = |word, until| Ok(core::cross(word, ticket.home, cause, until));
        told(self.change(&mut self.books(), age, None, decide))
    }

    fn decide(
        &self,
        word: Word,
        home: Word,
        outcome: CallOutcome,
        asked: Option<Duration>,
        until: Tick,
    ) -> Step {
        if asked.is_some() {
            core::open_for(word, home, &self.limits, until)
        } else {
            core::settle(word, home, outcome, &self.limits, until)
        }
    }

    /// A ticket for an outcome without admission; `None` unless the breaker counts it.
    pub(super) fn unasked(&self) -> Option<Ticket> {
        let word = self.load();
        word.counts_calls().then(|| Ticket::new(word, None))
    }

    pub(super) fn trip(
        &self,
        now: Instant,
        wait: Option<Duration>,
        cause: TransitionCause,
    ) -> Option<Transition> {
        self.order(now, wait, |word, until| core::trip(word, until, cause))
    }

    pub(super) fn follow_closed(&self, now: Instant) -> Option<Transition> {
        self.order(now, None, |word, _| core::follow_closed(word))
    }

    pub(super) fn pin(&self, now: Instant, view: View) -> Option<Transition> {
        self.order(now, None, |word, _| core::pin(word, view))
    }

    pub(super) fn reset(&self, now: Instant) -> Option<Transition> {
        self.order(now, None, |word, _| core::reset(word))
    }

    fn order(
        &self,
        now: Instant,
        wait: Option<Duration>,
        decide: impl Fn(Word, Tick) -> Step,
    ) -> Option<Transition> {
        let age = self.age(now);
        told(self.change(&mut self.books(), age, wait, |word, until| Ok(decide(word, until))))
    }

    pub(super) fn state(&self, now: Instant) -> CircuitState {
        core::state(self.load(), Tick::floor(self.age(now)))
    }

    pub(super) fn snapshot(&self, now: Instant) -> CircuitSnapshot {
        let age = self.age(now);
        let mut books = self.books();
        let word = self.load();
        let state = core::state(word, Tick::floor(age));
        let (since, retry_after) = match word.view() {
            View::Open { until } if state == CircuitState::Open => {
                (books.since, Some(until.age().saturating_sub(age)))
            }
            View::Open { until } => (until.age(), None),
            _ => (books.since, None),
        };
        CircuitSnapshot {
            state,
            generation: word.generation(),
            counts: books.counts(word, age),
            // Relaxed: see `refuse`.
            not_permitted: self.not_permitted.load(Ordering::Relaxed),
            time_in_state: age.saturating_sub(since),
            retry_after,
            probes: match word.view() {
                View::HalfOpen(probes) => probes.running,
                _ => 0,
            },
            failed_recoveries: books.failed_recoveries,
        }
    }
}

/// The word.
impl Cell {
    /// Makes a change within the generation, and returns the word; `None` if `decide` asks for
    /// another generation. `at` is when a probe is admitted, if one is.
    fn count<R>(
        &self,
        at: Tick,
        decide: impl Fn(Word, Tick) -> Result<Step, R>,
    ) -> Result<Option<Word>, R> {
        let mut word = self.load();
        loop {
            match decide(word, Tick::NEVER)? {
                Step::Stay => return Ok(Some(word)),
                Step::Change { .. } => return Ok(None),
                Step::Count(next) => match self.swap(word, next, at) {
                    Ok(()) => return Ok(Some(next)),
                    Err(seen) => word = seen,
                },
            }
        }
    }

    /// Makes the change that `decide` asks for. If it opens the breaker, it does so for `wait`, or
    /// for the wait of its settings.
    fn change<R>(
        &self,
        books: &mut Books,
        age: Duration,
        wait: Option<Duration>,
        decide: impl Fn(Word, Tick) -> Result<Step, R>,
    ) -> Result<Done, R> {
        let mut word = self.load();
        // The state does not change while the books are locked.
        let failed = books.failed_recoveries_after(word);
        let wait = wait.unwrap_or_else(|| self.config.open_wait.after(failed, fastrand::f64()));
        let until = Tick::after(age, wait);
        loop {
            let (next, cause, failures) = match decide(word, until)? {
                Step::Stay => return Ok((word, None)),
                Step::Count(next) => (next, None, 0),
                Step::Change { next, cause, failures } => (next, Some(cause), failures),
            };
            match self.swap(word, next, Tick::ceil(age)) {
                Ok(()) => {
                    let transition =
                        cause.and_then(|cause| books.begin(word, next, cause, failures, age));
                    return Ok((next, transition));
                }
                Err(seen) => word = seen,
            }
        }
    }

    #[inline]
    fn load(&self) -> Word {
        // Acquire: a thread that sees a probe admitted must see the time of that, to judge its lease.
        Word::from_bits(self.line.word.load(Ordering::Acquire))
    }

    fn swap(&self, word: Word, next: Word, at: Tick) -> Result<(), Word> {
        if let View::HalfOpen(_) = next.view() {
            // Before the word: a taken place must not be seen with the time of an earlier probe.
            // Relaxed: the exchange below publishes it.
            self.last_probe.fetch_max(at.0, Ordering::Relaxed);
        }
        // Release publishes `last_probe`, acquire is as in `load`. Relaxed on failure: an admission has
        // just written `last_probe`, so no lease is over, and other changes do not read it.
        self.line
            .word
            .compare_exchange(word.bits(), next.bits(), Ordering::AcqRel, Ordering::Relaxed)
            .map(drop)
            .map_err(Word::from_bits)
    }

    fn last_probe(&self) -> Tick {
        // Relaxed: the word, read before, brought it along.
        Tick(self.last_probe.load(Ordering::Relaxed))
    }

    #[inline]
    fn ticket(&self, word: Word, clock: impl FnOnce() -> Instant) -> Ticket {
        let age = self.line.timed.then(|| self.age(clock()));
        Ticket::new(word, age)
    }

    #[inline]
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.made)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing here panics half-way, so a poisoned lock holds a whole value.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(word: Word, refusal: Refusal, age: Duration) -> Refused {
    let retry_after = match refusal {
        Refusal::Until(until) => Some(until.age().saturating_sub(age)),
        Refusal::Unknown => None,
    };
    Refused { state: word.state(), generation: word.generation(), retry_after }
}

/// The change of a decision that is never refused.
fn told(done: Result<Done, Infallible>) -> Option<Transition> {
    let Ok((_, transition)) = done;
    transition
}
