//! What a turn that recovers may do after a failure.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use runtime_resilience::FaultError;

use super::TOO_LONG;

/// The failures of one turn.
#[derive(Default)]
pub(super) struct History {
    /// The places that have failed, and the last of them with its status.
    failed: RefCell<BTreeSet<usize>>,
    last: Cell<Option<(usize, Option<u16>)>>,
    hedged: Cell<bool>,
    /// Until when each place has asked to be left alone.
    asked: RefCell<Vec<(usize, Duration)>>,
}

impl History {
    /// A call has failed, perhaps with another one beside it.
    pub(super) fn failed(&self, place: usize, now: Duration, error: &FaultError) {
        self.failed.borrow_mut().insert(place);
        self.last.set(Some((place, error.fault.status)));
        if let Some(asked) = error.fault.asked {
            self.asked.borrow_mut().push((place, now + asked));
        }
    }

    /// A call was cut short by its own time limit.
    pub(super) fn late(&self, place: usize) {
        self.failed.borrow_mut().insert(place);
        self.last.set(Some((place, None)));
    }

    pub(super) fn has_failed(&self, place: usize) -> bool {
        self.failed.borrow().contains(&place)
    }

    /// The place that failed last. Beside a hedge, it is not known which of the two the turn goes on from.
    pub(super) fn last_place(&self) -> Option<usize> {
        self.last.get().filter(|_| !self.hedged.get()).map(|(place, _)| place)
    }

    /// Whether the next call is smaller than the last one, which was too long: no repetition.
    pub(super) fn shrinks(&self) -> bool {
        self.last.get().is_some_and(|(_, status)| status == Some(TOO_LONG))
    }

    /// Another call of the turn, where there are routes or one place alone.
    pub(super) fn begin(
        &self,
        (place, is_hedge): (usize, bool),
        now: Duration,
        routed: bool,
    ) -> Result<(), String> {
        self.hedged.set(self.hedged.get() || is_hedge);
        let asked = self.asked.borrow();
        if let Some((_, until)) = asked.iter().find(|(at, until)| *at == place && now < *until) {
            return Err(format!("a turn calls at {now:?}, and was asked to wait until {until:?}"));
        }
        let Some((last, status)) = self.last.get() else { return Ok(()) };
        let useless = match status {
            // The request is wrong, wherever it goes.
            Some(400) => true,
            // The key is wrong, or its money is used up.
            Some(401..=403) => last == place,
            _ => false,
        };
        if useless && !is_hedge {
            return Err(format!(
                "place {last} refused with {status:?}, and place {place} is called"
            ));
        }
        // Who failed last may be called again, if there is no other one.
        if routed && self.failed.borrow().contains(&place) && (is_hedge || last != place) {
            return Err(format!(
                "place {place} had failed before place {last}, and is called again"
            ));
        }
        Ok(())
    }
}
