//! The waiting calls of a limiter, in the order of arrival.
//!
//! Only the first of them knows the time of its turn, and sets a timer. Once it is admitted or has given
//! up, it wakes the next one, which then asks for itself: so they leave as fast as the limits allow, and
//! never together.

use std::collections::VecDeque;
use std::task::Waker;

use super::demand::Units;

/// A place in the queue.
pub(super) type Place = u64;

#[derive(Debug, Default)]
pub(super) struct Queue {
    next: Place,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    place: Place,
    units: Units,
    /// `None` once it has been woken, until it asks again.
    waker: Option<Waker>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Joins the queue.
    pub(super) fn push(&mut self, units: Units, waker: Waker) -> Place {
        let place = self.next;
        self.next += 1;
        self.waiting.push_back(Waiting { place, units, waker: Some(waker) });
        place
    }

    /// Replaces the waker of a place, and returns the one before it: dropping that may run anything, and
    /// must be done without the lock.
    #[must_use]
    pub(super) fn replace(&mut self, place: Place, waker: Waker) -> Option<Waker> {
        let Some(index) = self.index(place) else { return Some(waker) };
        self.waiting[index].waker.replace(waker)
    }

    /// Gives up a place. Returns its waker, to be dropped without the lock.
    #[must_use]
    pub(super) fn remove(&mut self, place: Place) -> Option<Waker> {
        let index = self.index(place)?;
        self.waiting.remove(index)?.waker
    }

    /// The waker of the first call, to be woken without the lock. The call brings another when it asks.
    #[must_use]
    pub(super) fn first(&mut self) -> Option<Waker> {
        self.waiting.front_mut()?.waker.take()
    }

    /// The wakers of all calls, as [`first`](Self::first).
    pub(super) fn all(&mut self) -> Vec<Waker> {
        self.waiting.iter_mut().filter_map(|waiting| waiting.waker.take()).collect()
    }

    /// The demands ahead of a place; all demands, for a place that is not taken.
    pub(super) fn ahead(&self, place: Option<Place>) -> Units {
        let end = place.and_then(|place| self.index(place)).unwrap_or(self.waiting.len());
        let mut sum = [0_u64; 4];
        for waiting in self.waiting.range(..end) {
            for (sum, units) in sum.iter_mut().zip(waiting.units) {
                *sum = sum.saturating_add(units);
            }
        }
        sum
    }

    pub(super) fn is_first(&self, place: Place) -> bool {
        self.waiting.front().is_some_and(|waiting| waiting.place == place)
    }

    fn index(&self, place: Place) -> Option<usize> {
        self.waiting.binary_search_by_key(&place, |waiting| waiting.place).ok()
    }
}
