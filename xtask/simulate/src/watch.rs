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
    /// Until when it asked to be left alone.
    rests_until: Duration,
    /// Until when it may rest at the most, by what it said and by what is usual.
    may_rest_until: Duration,
    /// The failures that its breaker may have counted, and those that it needs for what it did.
    faults: u32,
    needed: u32,
    retries: u32,
    answers: u32,
    /// The calls that ended, answered or not.
    ended: u32,
    broken: Option<String>,
}

/// The longest rest of a place that did not say.
const USUAL: Duration = Duration::from_secs(5);

impl Places {
    pub(crate) fn new(count: usize, threshold: u32) -> Self {
        let place = || Arc::new(Mutex::new(Place { threshold, ..Place::default() }));
        Self((0..count).map(|_| place()).collect())
    }

    fn at(&self, place: usize) -> MutexGuard<'_, Place> {
        lock(&self.0[place])
    }

    /// What tells of the breaker of a place.
    pub(crate) fn listener(&self, place: usize) -> Arc<dyn TransitionListener> {
        Arc::new(Listener(Arc::clone(&self.0[place])))
    }

    /// A call begins. A retry draws on the retry budget of the place.
    pub(crate) fn begin(&self, place: usize, now: Duration, retry: bool) {
        let mut place = self.at(place);
        place.retries += u32::from(retry);
        if now < place.rests_until {
            let why = format!("a call at {now:?}, before {:?} as it asked", place.rests_until);
            place.broken.get_or_insert(why);
        }
    }

    /// The call until its end. One that is dropped may count as a failure.
    pub(crate) fn under_way(&self, place: usize) -> UnderWay {
        UnderWay { place: Arc::clone(&self.0[place]), over: false }
    }

    pub(crate) fn answered(&self, place: usize) {
        let mut place = self.at(place);
        place.answers += 1;
        place.ended += 1;
    }

    pub(crate) fn failed(&self, place: usize, now: Duration, fault: &Fault) {
        let mut place = self.at(place);
        place.ended += 1;
        place.faults += u32::from(fault.counts);
        place.may_rest_until = place.may_rest_until.max(now + fault.asked.unwrap_or(USUAL));
        if let Some(asked) = fault.asked {
            place.rests_until = place.rests_until.max(now + asked);
        }
    }

    /// A place rests until then, as the library says.
    pub(crate) fn rest(&self, place: usize, until: Duration) -> Result<(), String> {
        let most = self.at(place).may_rest_until;
        if until <= most {
            return Ok(());
        }
        Err(format!("a place rests until {until:?}, and nobody asked for more than {most:?}"))
    }

    /// The retries and the answers of a place.
    pub(crate) fn retries(&self, place: usize) -> (u32, u32) {
        let place = self.at(place);
        (place.retries, place.answers)
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
    running: Cell<u32>,
    failed: Cell<Option<Since>>,
    answered: Cell<Option<usize>>,
}

impl Watch {
    pub(crate) fn began(&self) {
        self.running.set(self.running.get() + 1);
    }

    /// A call ended, and failed if there is a time.
    pub(crate) fn ended(&self, failed: Option<Since>) {
        self.running.set(self.running.get() - 1);
        self.failed.set(failed);
    }

    pub(crate) fn answered(&self, place: usize) {
        self.answered.set(Some(place));
    }

    /// The place that answered last.
    pub(crate) fn answered_by(&self) -> Option<usize> {
        self.answered.get()
    }

    /// Since when the turn has waited, if its last call failed and no other one is running.
    pub(crate) fn waits_since(&self) -> Option<Since> {
        self.failed.get().filter(|_| self.running.get() == 0)
    }
}
