//! When a call has to be over: at a fixed time, and as its tokens come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use runtime_events::{Clock, Sleeper};
use runtime_resilience::TimeoutPhase;
use runtime_usage::ReportedUsage;

use crate::limits::{Kind, Timeout, Until, later};

/// The times that a call keeps to; nothing, and no allocation, where nothing limits it.
#[derive(Debug, Default)]
pub(crate) struct Pace(Option<Box<Times>>);

#[derive(Debug, Default)]
struct Times {
    /// When all of it has to be over: the earlier of the two below.
    until: Option<Until>,
    /// How long the call itself may take.
    attempt: Option<Timeout>,
    /// When it has to be over whenever it began.
    whole: Option<Until>,
    first_token: Option<Timeout>,
    idle: Option<Timeout>,
    /// Where somebody tells of tokens, or of usage from inside an attempt.
    pulse: Option<Arc<Pulse>>,
    /// For what has no sleeper of its own.
    sleeper: Option<Arc<dyn Sleeper>>,
}

/// The next time at which it is too late.
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
    /// One that begins at `begun`, and that is over by `whole` whenever it begins.
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

    /// By tokens as well.
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

    /// The call is admitted only now: what it has waited for before is not held against it.
    pub(crate) fn begin(&mut self, now: Instant) {
        let Some(times) = &mut self.0 else { return };
        times.begin(now);
    }

    /// For a wait before the call: no token can come yet.
    pub(crate) fn before_the_call(&self) -> Self {
        self.0.as_ref().and_then(|times| times.until.clone()).into()
    }

    /// Leaves word whom to wake when the first token comes: until then no timer runs for the time
    /// between tokens, and whoever tells of it need not be who is polled.
    pub(crate) fn wake_at_first_token(&self, waker: &Waker) {
        if let Some(times) = &self.0
            && let (Some(pulse), Some(_)) = (&times.pulse, &times.idle)
        {
            pulse.wake_at_first_token(waker);
        }
    }

    /// The answer is here: no token is missing any more.
    pub(crate) fn answered(&mut self) {
        if let Some(times) = &mut self.0 {
            (times.first_token, times.idle) = (None, None);
        }
    }

    pub(crate) fn pulse(&self) -> Option<&Arc<Pulse>> {
        self.0.as_ref()?.pulse.as_ref()
    }

    /// The next time at which it is too late, whatever comes before it.
    pub(crate) fn due(&self) -> Option<Due<'_>> {
        self.0.as_ref()?.due()
    }

    /// When all of it has to be over.
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

    /// The next time at which it is too late, whatever comes before it.
    fn due(&self) -> Option<Due<'_>> {
        let until = self.until.as_ref().map(Due::of);
        let Some(token) = self.next_token() else { return until };
        Some(until.filter(|until| until.at <= token.at).unwrap_or(token))
    }

    /// When the next token has to be here.
    fn next_token(&self) -> Option<Due<'_>> {
        let pulse = self.pulse.as_ref()?;
        let last = pulse.last_token();
        let (from, timeout, phase) = match last {
            None => (pulse.begun(), self.first_token.as_ref()?, TimeoutPhase::FirstToken),
            Some(last) => (last, self.idle.as_ref()?, TimeoutPhase::Idle),
        };
        // What the clock cannot count up to never comes.
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

/// What is heard of a call while it runs. The caller's code tells; those who wait look.
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
    /// Whom to wake at the first token.
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

    /// A token came.
    pub(crate) fn token(&self) {
        let now = self.clock.now();
        let mut heard = self.heard();
        heard.first.get_or_insert(now);
        heard.last = Some(now);
        let waiting = heard.waiting.take();
        // Released first: what wakes up may come straight back.
        drop(heard);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    fn wake_at_first_token(&self, waker: &Waker) {
        let mut heard = self.heard();
        if heard.first.is_none() {
            heard.waiting = Some(waker.clone());
        }
    }

    /// The usage so far.
    pub(crate) fn observe(&self, usage: ReportedUsage) {
        self.heard().usage = Some(usage);
    }

    pub(crate) fn take_usage(&self) -> Option<ReportedUsage> {
        self.heard().usage.take()
    }

    /// Another attempt was faster.
    pub(crate) fn lose(&self) {
        self.heard().lost = true;
    }

    pub(crate) fn has_lost(&self) -> bool {
        self.heard().lost
    }

    fn last_token(&self) -> Option<Instant> {
        self.heard().last
    }

    /// How long the first token took, if it came.
    pub(crate) fn first_token(&self) -> Option<Duration> {
        let heard = self.heard();
        Some(heard.first?.saturating_duration_since(heard.begun))
    }

    /// How long ago it began.
    pub(crate) fn age(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.begun())
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        // Single assignments: a panic between them leaves it whole.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
