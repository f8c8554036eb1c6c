//! What is known of calls and places beside the library: to compare with.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime_resilience::{CircuitState, Fault, Transition, TransitionListener};

/// The places that calls go to.
pub(crate) struct Places(Vec<Arc<Mutex<Place>>>);

#[derive(Default)]
struct Place {
    /// The failures in a row that open its breaker.
    threshold: u32,
    routed: bool,
    /// Until when it asked to be left alone.
    rests_until: Duration,
    /// Until when it may rest at the most, by what it said and by what is usual.
    may_rest_until: Duration,
    /// The failures that its breaker may have counted, and those that it needs for what it did.
    faults: u32,
    needed: u32,
    /// The calls that ended, answered or not.
    ended: u32,
    broken: Option<String>,
}

/// The longest rest of a place that did not say.
const USUAL: Duration = Duration::from_secs(5);
/// The rest of a place whose key is wrong or used up, at the least.
const LONG: Duration = Duration::from_secs(900);

impl Places {
    /// Where there are routes, a place is left alone whatever its refusal is.
    pub(crate) fn new(count: usize, threshold: u32, routed: bool) -> Self {
        let place = || Arc::new(Mutex::new(Place { threshold, routed, ..Place::default() }));
        Self((0..count).map(|_| place()).collect())
    }

    fn at(&self, place: usize) -> MutexGuard<'_, Place> {
        lock(&self.0[place])
    }

    /// What tells of the breaker of a place.
    pub(crate) fn listener(&self, place: usize) -> Arc<dyn TransitionListener> {
        Arc::new(Listener(Arc::clone(&self.0[place])))
    }

    /// A call begins.
    pub(crate) fn begin(&self, place: usize, now: Duration) {
        let mut place = self.at(place);
        if now < place.rests_until {
            let why = format!("a call at {now:?}, before {:?} as it asked", place.rests_until);
            place.broken.get_or_insert(why);
        }
    }

    /// Whether a place has asked to be left alone.
    pub(crate) fn rests(&self, place: usize, now: Duration) -> bool {
        now < self.at(place).rests_until
    }

    /// The call until its end. One that is dropped may count as a failure.
    pub(crate) fn under_way(&self, place: usize) -> UnderWay {
        UnderWay { place: Arc::clone(&self.0[place]), over: false }
    }

    pub(crate) fn answered(&self, place: usize) {
        self.at(place).ended += 1;
    }

    pub(crate) fn failed(&self, place: usize, now: Duration, fault: &Fault) {
        let mut place = self.at(place);
        place.ended += 1;
        place.faults += u32::from(fault.counts);
        let lasting = matches!(fault.status, Some(401..=403));
        let usual = if lasting { LONG } else { USUAL };
        let most = fault.asked.map_or(usual, |asked| if lasting { asked.max(LONG) } else { asked });
        place.may_rest_until = place.may_rest_until.max(now + most);
        let rests = match fault.asked {
            _ if lasting && place.routed => Some(most),
            // The only place holds back those that come too often. Others wait for themselves.
            Some(asked) if place.routed || fault.status == Some(429) => Some(asked),
            _ => None,
        };
        place.rests_until = place.rests_until.max(now + rests.unwrap_or_default());
    }

    /// A place rests until then, as the library says.
    pub(crate) fn rest(&self, place: usize, until: Duration) -> Result<(), String> {
        let most = self.at(place).may_rest_until;
        if until <= most {
            return Ok(());
        }
        Err(format!("a place rests until {until:?}, and nobody asked for more than {most:?}"))
    }

    /// The calls that have ended, at all places.
    pub(crate) fn ended(&self) -> u32 {
        self.0.iter().map(|place| lock(place).ended).sum()
    }

    /// What a place was made to bear.
    pub(crate) fn broken(&self) -> Result<(), String> {
        self.0.iter().try_for_each(|place| {
            let place = lock(place);
            let Place { faults, needed, .. } = *place;
            let broken = place.broken.clone();
            drop(place);
            let early = || format!("a breaker opened as after {needed} faults, of {faults}");
            broken.or_else(|| (needed > faults).then(early)).map_or(Ok(()), Err)
        })
    }
}

fn lock(place: &Mutex<Place>) -> MutexGuard<'_, Place> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call until its end.
pub(crate) struct UnderWay {
    place: Arc<Mutex<Place>>,
    over: bool,
}

impl UnderWay {
    pub(crate) const fn over(&mut self) {
        self.over = true;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.over {
            lock(&self.place).faults += 1;
        }
    }
}

struct Listener(Arc<Mutex<Place>>);

impl TransitionListener for Listener {
    fn on_transition(&self, _: &str, transition: Transition) {
        let mut place = lock(&self.0);
        place.needed += match (transition.from, transition.to) {
            (CircuitState::Closed, CircuitState::Open) => place.threshold,
            (CircuitState::HalfOpen, CircuitState::Open) => 1,
            _ => 0,
        };
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// When a turn began to wait.
#[derive(Clone, Copy)]
pub(crate) struct Since {
    pub(crate) at: Duration,
    /// The [calls that had ended](Places::ended).
    pub(crate) ended: u32,
}

/// The calls of one turn.
#[derive(Default)]
pub(crate) struct Watch {
    calls: Cell<u32>,
    running: Cell<u32>,
    failed: Cell<Option<Since>>,
    answered: Cell<Option<(usize, Duration)>>,
    /// Whether its last call failed, and none was made since.
    pends: Cell<bool>,
}

impl Watch {
    pub(crate) fn began(&self) {
        self.calls.set(self.calls.get() + 1);
        self.running.set(self.running.get() + 1);
    }

    /// Whether there was a call before.
    pub(crate) const fn is_again(&self) -> bool {
        self.calls.get() > 0
    }

    /// A call ended, and failed if there is a time. Returns whether it failed as the last one.
    pub(crate) fn ended(&self, failed: Option<Since>) -> bool {
        self.running.set(self.running.get() - 1);
        self.failed.set(failed);
        self.waits_since().is_some()
    }

    /// The turn waits for another call. Returns whether it did not before.
    pub(crate) fn pends(&self) -> bool {
        !self.pends.replace(true)
    }

    /// It does not wait any more. Returns whether it did.
    pub(crate) fn resumes(&self) -> bool {
        self.pends.replace(false)
    }

    pub(crate) fn answered(&self, by: (usize, Duration)) {
        self.answered.set(Some(by));
    }

    /// The place that answered last, and when.
    pub(crate) fn answered_by(&self) -> Option<(usize, Duration)> {
        self.answered.get()
    }

    /// Since when the turn has waited, if its last call failed and no other one is running.
    pub(crate) fn waits_since(&self) -> Option<Since> {
        self.failed.get().filter(|_| self.running.get() == 0)
    }
}
