//! [`Reservation`]: money reserved for one call.

use std::borrow::Cow;
use std::mem;

use super::{Account, BudgetMark};
use crate::usd::Usd;

/// Money that an account, and every account above it, has reserved for one call.
///
/// End it with [`settle`](Self::settle) and the cost of the call, or with
/// [`release`](Self::release) if the call was never sent. A reservation that is dropped is spent in
/// full and marked as an estimate, because a call that was cut short may still be billed in full.
///
/// ```
/// use runtime_usage::{Account, Charge, Limit, Usd};
///
/// let account = Account::new(Limit::enforced(Usd::from_dollars(1)));
/// let reservation = account.reserve(Usd::from_cents(30))?;
/// assert_eq!(account.balance().reserved, Usd::from_cents(30));
///
/// reservation.settle(Charge::new(Usd::from_cents(12)).model("gpt-5").role("writer"));
/// assert_eq!(account.balance().spent, Usd::from_cents(12));
/// assert_eq!(account.balance().left, Usd::from_cents(88).into());
///
/// drop(account.reserve(Usd::from_cents(50))?);
/// assert_eq!(account.balance().estimated, Usd::from_cents(50));
/// # Ok::<(), runtime_usage::BudgetRefusedError>(())
/// ```
#[derive(Debug)]
#[must_use = "a reservation that is dropped is spent in full"]
pub struct Reservation<'b> {
    account: Cow<'b, Account>,
    /// The reserved amount. Nothing once it is spent: a drop then has nothing to spend.
    amount: Usd,
    wrapping_up: bool,
}

/// The cost of a call, and its model and role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a charge does nothing by itself; settle a reservation with it"]
pub struct Charge<'a> {
    pub(super) cost: Usd,
    pub(super) model: &'a str,
    pub(super) role: &'a str,
    pub(super) estimated: bool,
    /// The account that spends it. Zero until it is spent.
    pub(super) owner: usize,
}

/// The result of settling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settlement {
    /// The cost of the call.
    pub cost: Usd,
    /// The part of the cost beyond the reservation.
    pub beyond: Usd,
    /// The marks that this settlement crossed, in this account and those above.
    pub marks: Vec<BudgetMark>,
}

impl<'b> Reservation<'b> {
    pub(super) const fn new(account: &'b Account, amount: Usd, wrapping_up: bool) -> Self {
        Self { account: Cow::Borrowed(account), amount, wrapping_up }
    }

    /// The reserved amount.
    pub const fn amount(&self) -> Usd {
        self.amount
    }

    /// The most that the call can cost without overspending an enforced account: the reserved amount
    /// and the money left beside it. [`Usd::MAX`] if no account is enforced.
    pub fn available(&self) -> Usd {
        self.account.available_to(self.amount, self.wrapping_up)
    }

    /// Turns it into a reservation that owns its account, for a call that outlives the borrow.
    pub fn into_owned(mut self) -> Reservation<'static> {
        let account = Cow::Owned(Account::clone(&self.account));
        Reservation { account, amount: mem::take(&mut self.amount), wrapping_up: self.wrapping_up }
    }

    /// Spends the cost of the call, which may be less or more than the reserved amount.
    #[inline]
    #[expect(single_use_lifetimes, reason = "`impl Trait` takes no anonymous one")]
    pub fn settle<'a>(mut self, charge: impl Into<Charge<'a>>) -> Settlement {
        self.spend(charge.into())
    }

    /// Gives the reserved amount back, because the call was never sent.
    pub fn release(mut self) {
        self.account.give_back(mem::take(&mut self.amount), None);
    }

    #[inline]
    fn spend(&mut self, charge: Charge<'_>) -> Settlement {
        self.account.settle(mem::take(&mut self.amount), charge)
    }

    #[cold]
    fn spend_all(&mut self) {
        self.spend(Charge::new(self.amount).estimated());
    }
}

impl Drop for Reservation<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.amount.is_zero() {
            self.spend_all();
        }
    }
}

impl<'a> Charge<'a> {
    /// Creates a charge without a model or a role.
    pub const fn new(cost: Usd) -> Self {
        Self { cost, model: "", role: "", estimated: false, owner: 0 }
    }

    /// Sets the model, for the breakdown by model. Default: none.
    pub const fn model(mut self, model: &'a str) -> Self {
        self.model = model;
        self
    }

    /// Sets the role, for the breakdown by role. Default: none.
    pub const fn role(mut self, role: &'a str) -> Self {
        self.role = role;
        self
    }

    /// Marks the cost as an estimate. Default: it is exact.
    pub const fn estimated(mut self) -> Self {
        self.estimated = true;
        self
    }
}

impl Charge<'_> {
    /// Whether it changes more than the amounts of an account.
    #[inline]
    pub(super) const fn needs_books(&self) -> bool {
        self.estimated || !self.model.is_empty() || !self.role.is_empty()
    }
}

impl From<Usd> for Charge<'_> {
    fn from(cost: Usd) -> Self {
        Self::new(cost)
    }
}
