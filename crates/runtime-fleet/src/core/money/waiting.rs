//! [`Waiting`]: the calls that wait for money of an account.

use runtime_usage::Usd;

use crate::config::Moment;

/// The calls that wait, in the order in which they asked.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    all: Vec<Waiter>,
    next: u64,
}

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) id: u64,
    pub(super) amount: Usd,
    pub(super) until: Moment,
}

impl Waiting {
    /// A call waits for this much, for siblings until then. Returns its number.
    pub(super) fn join(&mut self, amount: Usd, until: Moment) -> u64 {
        let id = self.next;
        self.next += 1;
        self.all.push(Waiter { id, amount, until });
        id
    }

    /// A call does not wait any more.
    pub(crate) fn leave(&mut self, id: u64) {
        self.all.retain(|waiter| waiter.id != id);
    }

    /// All that wait are to find out that there is nothing.
    pub(crate) fn give_up(&mut self) -> Vec<(u64, bool)> {
        self.answer(false, |_| true)
    }

    /// These calls find out whether money came.
    pub(super) fn answer(
        &mut self,
        came: bool,
        is_it: impl Fn(&Waiter) -> bool,
    ) -> Vec<(u64, bool)> {
        self.all.extract_if(.., |waiter| is_it(waiter)).map(|waiter| (waiter.id, came)).collect()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The number of the next one.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// What each waits for.
    pub(super) fn amounts(&self) -> impl Iterator<Item = Usd> {
        self.all.iter().map(|waiter| waiter.amount)
    }

    /// Whether one waits whose number is not below this.
    pub(super) fn has(&self, from: u64) -> bool {
        self.all.iter().any(|waiter| waiter.id >= from)
    }
}
