//! [`Estimates`]: the spent amounts that may turn out to be less.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::reservation::Charge;

/// The name for all further models or roles once there are too many.
pub(super) const OTHERS: &str = "(others)";

/// How many estimates have entries of their own. Beyond that, the two oldest become one, which has no names but those
/// that both have.
const ENTRIES: usize = 1_024;

/// The estimates of an account, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimates(VecDeque<Estimate>);

/// An estimate that was neither corrected nor has expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) amount: u64,
    pub(super) model: Arc<str>,
    pub(super) role: Arc<str>,
    /// The account whose call it was: this one or one below it. Zero for those of several accounts that became one.
    owner: usize,
    /// When it was first seen. `None` until somebody says what time it is.
    seen: Option<Duration>,
}

/// What two estimates that became one had as names, where these differ.
#[derive(Debug, Default)]
pub(super) struct Renamed {
    pub(super) models: Vec<(Arc<str>, u64)>,
    pub(super) roles: Vec<(Arc<str>, u64)>,
}

impl Estimates {
    /// Adds an estimate. If there are too many, tells which of the earlier ones are now of [`OTHERS`].
    pub(super) fn add(&mut self, charge: &Charge<'_>) -> Renamed {
        let &Charge { model, role, owner, .. } = charge;
        let amount = charge.cost.nanos();
        // Those that nobody has seen yet are at the end.
        let unseen = self.0.iter_mut().rev().take_while(|entry| entry.seen.is_none());
        let same = |entry: &&mut Estimate| {
            entry.owner == owner && &*entry.model == model && &*entry.role == role
        };
        if let Some(entry) = { unseen }.find(same) {
            entry.amount = entry.amount.saturating_add(amount);
            return Renamed::default();
        }
        let entry = Estimate { amount, model: model.into(), role: role.into(), owner, seen: None };
        self.0.push_back(entry);
        let oldest = if self.0.len() > ENTRIES { self.0.pop_front() } else { None };
        let (Some(oldest), Some(next)) = (oldest, self.0.front_mut()) else {
            return Renamed::default();
        };
        let amounts = [oldest.amount, next.amount];
        next.amount = next.amount.saturating_add(oldest.amount);
        next.owner = if next.owner == oldest.owner { next.owner } else { 0 };
        Renamed {
            models: common(oldest.model, &mut next.model, amounts),
            roles: common(oldest.role, &mut next.role, amounts),
        }
    }

    /// Takes up to `amount`, the oldest first, of the entries with this model and this role. An empty
    /// name is any.
    pub(super) fn take(&mut self, amount: u64, model: &str, role: &str) -> Vec<Estimate> {
        let fits = |own: &str, asked: &str| asked.is_empty() || own == asked;
        self.take_of(amount, |entry| fits(&entry.model, model) && fits(&entry.role, role))
    }

    /// Takes what is here of the estimates that an account below has taken from its own: those of the same calls, and
    /// of nobody else's.
    pub(super) fn take_same(&mut self, taken: &[Estimate]) -> Vec<Estimate> {
        let fits = |own: &str, asked: &str| own == asked || own == OTHERS || asked == OTHERS;
        let same = |asked: &Estimate| {
            self.take_of(asked.amount, |entry| {
                let is_owner = entry.owner == asked.owner || entry.owner == 0 || asked.owner == 0;
                is_owner && fits(&entry.model, &asked.model) && fits(&entry.role, &asked.role)
            })
        };
        taken.iter().flat_map(same).collect()
    }

    fn take_of(&mut self, mut amount: u64, fits: impl Fn(&Estimate) -> bool) -> Vec<Estimate> {
        let mut taken = Vec::new();
        for entry in &mut self.0 {
            if amount == 0 {
                break;
            }
            if fits(entry) {
                let part = entry.amount.min(amount);
                entry.amount -= part;
                amount -= part;
                taken.push(Estimate { amount: part, ..entry.clone() });
            }
        }
        self.0.retain(|entry| entry.amount > 0);
        taken
    }

    /// Takes the entries that were first seen `after` ago or earlier. What nobody has seen yet is seen
    /// now, so that it expires late rather than early.
    pub(super) fn expire(&mut self, now: Duration, after: Duration) -> Vec<Estimate> {
        for entry in self.0.iter_mut().rev().take_while(|entry| entry.seen.is_none()) {
            entry.seen = Some(now);
        }
        let old =
            |entry: &Estimate| entry.seen.is_some_and(|seen| now.saturating_sub(seen) >= after);
        let (expired, kept) = self.0.drain(..).partition(old);
        self.0 = kept;
        VecDeque::into(expired)
    }
}

/// Gives one name to both, and returns those that it replaces.
fn common(one: Arc<str>, other: &mut Arc<str>, amounts: [u64; 2]) -> Vec<(Arc<str>, u64)> {
    if one == *other {
        return Vec::new();
    }
    let replaced = mem::replace(other, OTHERS.into());
    let both = [one, replaced].into_iter().zip(amounts);
    both.filter(|(name, _)| **name != *OTHERS).collect()
}
