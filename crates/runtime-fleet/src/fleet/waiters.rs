//! [`Waiters`]: those who wait for the driver.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::error::StateError;

/// Those who wait for the driver.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// For money, by account and number. Who was answered has no waker any more.
    pub(crate) money: BTreeMap<(usize, u64), Result<bool, Waker>>,
    /// For something else.
    others: Vec<Waker>,
    /// Why the backend refuses to open accounts.
    pub(crate) refused: BTreeMap<usize, StateError>,
}

impl Waiters {
    pub(crate) fn watch(&mut self, waker: &Waker) {
        if !self.others.iter().any(|known| known.will_wake(waker)) {
            self.others.push(waker.clone());
        }
    }

    /// The waker of a call that waits, which finds out whether money came.
    pub(crate) fn answer(&mut self, account: usize, waiter: u64, came: bool) -> Option<Waker> {
        let slot = self.money.get_mut(&(account, waiter))?;
        std::mem::replace(slot, Ok(came)).err()
    }

    /// All that wait for something else, to look again.
    pub(crate) fn take_others(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.others)
    }
}
