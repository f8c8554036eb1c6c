//! The time limits of a call: fixed ones, and ones that its tokens move.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use runtime_events::{Clock, Sleeper};
use runtime_resilience::TimeoutPhase;
use runtime_usage::ReportedUsage;

use crate::limits::{Kind, Timeout, Until, later};

/// The time limits of a call. Without limits it allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Pace(Option<Box<Times>>);

#[derive(Debug, Default)]
struct Times {
    /// The end of the attempt: the earlier of `attempt` and `whole`.
    until: Option<Until>,
    /// The timeout of the attempt itself.
    attempt: Option<Timeout>,
    /// The end that does not depend on the start of the attempt.
    whole: Option<Until>,
    first_token: Option<Timeout>,
    idle: Option<Timeout>,
    /// Set if tokens, or usage from inside an attempt, are reported.
    pulse: Option<Arc<Pulse>>,
    /// The default sleeper.
    sleeper: Option<Arc<dyn Sleeper>>,
}

/// The next time limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due<'p> {
    pub(crate) at: Instant,
    pub(crate) after: Duration,
    pub(crate) kind: Kind,
    pub(crate) sleeper: Option<&'p Arc<dyn Sleeper>>,
}

impl From<Option<Until>> for Pace {
    fn from(until: Option<Until>) -> Self {
        Self(until.map(|until| Box::new(Times { until: Some(until), ..Times::default() })))
    }
}

impl Pace {
    /// A pace that begins at `begun` and ends by `whole` in any case.
    pub(crate) fn beginning(
        begun: Instant,
        attempt: Option<Timeout>,
        whole: Option<Until>,
        sleeper: Option<&Arc<dyn Sleeper>>,
    ) -> Self {
        let times = Times { attempt, whole, sleeper: sleeper.cloned(), ..Times::default() };
        let mut pace = Self(Some(Box::new(times)));
        pace.begin(begun);
        pace
    }

    /// Adds the timeouts between tokens.
    pub(crate) fn by_token(
        mut self,
        [first_token, idle]: [Option<&Timeout>; 2],
        pulse: Arc<Pulse>,
    ) -> Self {
        let times = self.0.get_or_insert_default();
        (times.first_token, times.idle) = (first_token.cloned(), idle.cloned());
        times.pulse = Some(pulse);
        self
    }

    /// Restarts the attempt's timeout at its admission: earlier waits do not count.
    pub(crate) fn begin(&mut self, now: Instant) {
        let Some(times) = &mut self.0 else { return };
        times.begin(now);
    }

    /// The limits of a wait before the call, when no token can come.
    pub(crate) fn before_the_call(&self) -> Self {
        self.0.as_ref().and_then(|times| times.until.clone()).into()
    }

    /// Registers the polling task for the first token: until then no timer runs for the idle
    /// timeout, and the token may be reported by another task.
    pub(crate) fn wake_at_first_token(&self, waker: &Waker) {
        if let Some(times) = &self.0
            && let (Some(pulse), Some(_)) = (&times.pulse, &times.idle)
        {
            pulse.wake_at_first_token(waker);
        }
    }

    /// Ends the timeouts between tokens, because the answer is complete.
    #[inline]
    pub(crate) fn answered(&mut self) {
        if let Some(times) = &mut self.0 {
            (times.first_token, times.idle) = (None, None);
        }
    }

    pub(crate) fn pulse(&self) -> Option<&Arc<Pulse>> {
        self.0.as_ref()?.pulse.as_ref()
    }

    /// The next time limit, if no token comes before it.
    pub(crate) fn due(&self) -> Option<Due<'_>> {
        self.0.as_ref()?.due()
    }

    /// The end of the attempt.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.0.as_ref()?.until.as_ref().map(|until| until.at)
    }
}

impl Times {
    fn begin(&mut self, now: Instant) {
        let own = self.attempt.as_ref().map(|attempt| Until {
            at: later(now, attempt.after),
            after: attempt.after,
            kind: Kind::Timeout(TimeoutPhase::Attempt),
            sleeper: attempt.sleeper.clone().or_else(|| self.sleeper.clone()),
        });
        self.until = Until::earlier(own, self.whole.clone());
        if let Some(pulse) = &self.pulse {
            pulse.begin(now);
        }
    }

    /// The next time limit, if no token comes before it.
    fn due(&self) -> Option<Due<'_>> {
        let until = self.until.as_ref().map(Due::of);
        let Some(token) = self.next_token() else { return until };
        Some(until.filter(|until| until.at <= token.at).unwrap_or(token))
    }

    /// The time limit of the next token.
    fn next_token(&self) -> Option<Due<'_>> {
        // Without a limit between tokens, none is asked for: each step of a stream comes by here.
        if self.first_token.is_none() && self.idle.is_none() {
            return None;
        }
        let pulse = self.pulse.as_ref()?;
        let last = pulse.last_token();
        let (from, timeout, phase) = match last {
            None => (pulse.begun(), self.first_token.as_ref()?, TimeoutPhase::FirstToken),
            Some(last) => (last, self.idle.as_ref()?, TimeoutPhase::Idle),
        };
        // A time that the clock cannot represent never comes.
        let at = from.checked_add(timeout.after)?;
        let sleeper = timeout.sleeper.as_ref().or(self.sleeper.as_ref());
        Some(Due { at, after: timeout.after, kind: Kind::Timeout(phase), sleeper })
    }
}

impl<'p> Due<'p> {
    fn of(until: &'p Until) -> Self {
        let Until { at, after, kind, sleeper } = until;
        Self { at: *at, after: *after, kind: *kind, sleeper: sleeper.as_ref() }
    }
}

/// The reports about a running call. The caller's code writes them; waiting code reads them.
#[derive(Debug)]
pub(crate) struct Pulse {
    clock: Arc<dyn Clock>,
    heard: Mutex<Heard>,
}

#[derive(Debug)]
struct Heard {
    begun: Instant,
    first: Option<Instant>,
    last: Option<Instant>,
    usage: Option<ReportedUsage>,
    lost: bool,
    /// The waker for the first token.
    waiting: Option<Waker>,
}

impl Pulse {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let begun = clock.now();
        let heard =
            Heard { begun, first: None, last: None, usage: None, lost: false, waiting: None };
        Self { clock, heard: Mutex::new(heard) }
    }

    fn begin(&self, now: Instant) {
        self.heard().begun = now;
    }

    pub(crate) fn begun(&self) -> Instant {
        self.heard().begun
    }

    /// Reports a token.
    pub(crate) fn token(&self) {
        let now = self.clock.now();
        let mut heard = self.heard();
        heard.first.get_or_insert(now);
        heard.last = Some(now);
        let waiting = heard.waiting.take();
        // The lock is released first, because the woken task may take it.
        drop(heard);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    fn wake_at_first_token(&self, waker: &Waker) {
        let waker = waker.clone();
        let mut heard = self.heard();
        let unused = if heard.first.is_none() { heard.waiting.replace(waker) } else { Some(waker) };
        drop(heard);
        // Dropped after the lock is released, because a waker may own its task.
        drop(unused);
    }

    /// Sets the usage so far.
    pub(crate) fn observe(&self, usage: ReportedUsage) {
        self.heard().usage = Some(usage);
    }

    pub(crate) fn take_usage(&self) -> Option<ReportedUsage> {
        self.heard().usage.take()
    }

    /// Notes that another attempt was faster.
    pub(crate) fn lose(&self) {
        self.heard().lost = true;
    }

    pub(crate) fn has_lost(&self) -> bool {
        self.heard().lost
    }

    fn last_token(&self) -> Option<Instant> {
        self.heard().last
    }

    /// The time to the first token, if it came.
    pub(crate) fn first_token(&self) -> Option<Duration> {
        let heard = self.heard();
        Some(heard.first?.saturating_duration_since(heard.begun))
    }

    /// The time since the start.
    pub(crate) fn age(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.begun())
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        // Single assignments: the data stays consistent after a panic.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
