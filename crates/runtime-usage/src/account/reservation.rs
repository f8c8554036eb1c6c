//! [`Reservation`]: what a call may spend, spent by its outcome.

use std::ops::Deref;

use super::{Account, BudgetMark};
use crate::usd::Usd;

/// So much of a account, and of every one above it, is set aside for one call.
///
/// It is spent by the call's outcome: [`settle`](Self::settle) with what the call really cost, or
/// [`release`](Self::release) if it was never sent. Dropped, it settles at what it reserved,
/// marked as an estimate: a call that was cut short may have been paid for in full.
///
/// ```
/// use runtime_usage::{Account, Charge, Usd};
///
/// let account = Account::enforced(Usd::from_dollars(1));
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
#[must_use = "a reservation dropped unsettled is spent in full"]
pub struct Reservation<'b> {
    account: Held<'b>,
    /// What is reserved; `None` once it is spent.
    amount: Option<Usd>,
    wrapping_up: bool,
}

#[derive(Debug)]
enum Held<'b> {
    Borrowed(&'b Account),
    Owned(Account),
}

/// What a call cost, and whose it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a charge is only a description; settle a reservation with it"]
pub struct Charge<'a> {
    pub(super) cost: Usd,
    pub(super) model: &'a str,
    pub(super) role: &'a str,
    pub(super) estimated: bool,
}

/// What settling came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settlement {
    /// What the call cost.
    pub cost: Usd,
    /// The part of it that had not been reserved.
    pub beyond: Usd,
    /// The marks that this settlement crossed, here and above.
    pub marks: Vec<BudgetMark>,
}

impl<'b> Reservation<'b> {
    pub(super) const fn new(account: &'b Account, amount: Usd, wrapping_up: bool) -> Self {
        Self { account: Held::Borrowed(account), amount: Some(amount), wrapping_up }
    }

    /// What is reserved.
    pub fn amount(&self) -> Usd {
        self.amount.unwrap_or_default()
    }

    /// What the call may cost without overspending any enforced account: what is reserved, and
    /// what is left beside it. [`Usd::MAX`] where none is enforced.
    pub fn available(&self) -> Usd {
        self.account.available_to(self.amount(), self.wrapping_up)
    }

    /// The account it was taken from.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The same reservation, free of the borrow: for a call that outlives this scope.
    pub fn into_owned(mut self) -> Reservation<'static> {
        let account = Held::Owned(Account::clone(&self.account));
        Reservation { account, amount: self.amount.take(), wrapping_up: self.wrapping_up }
    }

    /// The call has cost so much, which may be less or more than was reserved.
    #[expect(single_use_lifetimes, reason = "`impl Trait` takes no anonymous one")]
    pub fn settle<'a>(mut self, charge: impl Into<Charge<'a>>) -> Settlement {
        self.spend(&charge.into())
    }

    /// The call was never sent: everything is given back.
    pub fn release(mut self) {
        if let Some(amount) = self.amount.take() {
            self.account.give_back(amount, None);
        }
    }

    #[inline]
    fn spend(&mut self, charge: &Charge<'_>) -> Settlement {
        self.amount
            .take()
            .map_or_else(Settlement::default, |amount| self.account.settle(amount, charge))
    }
}

impl Drop for Reservation<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(amount) = self.amount {
            self.spend(&Charge::new(amount).estimated());
        }
    }
}

impl Deref for Held<'_> {
    type Target = Account;

    fn deref(&self) -> &Account {
        match self {
            Self::Borrowed(account) => account,
            Self::Owned(account) => account,
        }
    }
}

impl<'a> Charge<'a> {
    /// So much, for nobody in particular.
    pub const fn new(cost: Usd) -> Self {
        Self { cost, model: "", role: "", estimated: false }
    }

    /// Says which model it was for: statements list what was spent by model. Default: none.
    pub const fn model(mut self, model: &'a str) -> Self {
        self.model = model;
        self
    }

    /// Says which role it was for: statements list what was spent by role. Default: none.
    pub const fn role(mut self, role: &'a str) -> Self {
        self.role = role;
        self
    }

    /// Says that the cost is an estimate, for nobody has reported it.
    pub const fn estimated(mut self) -> Self {
        self.estimated = true;
        self
    }
}

impl From<Usd> for Charge<'_> {
    fn from(cost: Usd) -> Self {
        Self::new(cost)
    }
}
