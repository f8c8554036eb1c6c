//! [`Account`]: money that calls reserve before they spend it.

mod error;
mod estimates;
mod funds;
mod ledger;
mod limit;
#[cfg(all(test, runtime_loom))]
mod loom_tests;
mod node;
mod reservation;
mod settle;
mod statement;
mod words;

use std::fmt;
use std::iter::successors;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

pub use self::error::{BudgetExceededError, BudgetRefusedError, UnpricedModelError};
use self::funds::Funds;
pub use self::funds::{FundFuture, Funding, Lack, Purse};
use self::ledger::Ledger;
pub use self::limit::{Limit, UnknownPrice};
use self::node::Node;
pub use self::reservation::{Charge, Reservation, Settlement};
pub use self::statement::{AccountStatement, Balance, BudgetListener, BudgetMark};
use self::words::Words;
use crate::sync::AtomicU64;
use crate::usd::Usd;

/// An account with a limit, from which calls reserve money before they spend it. Clones are the same
/// account.
///
/// Checking a limit is not enough: two calls check, both see room, both spend. So a call *reserves*
/// what it may cost and settles with what it did cost.
///
/// ```text
///             reserve               settle(cost)
///    left ───────────────▶ reserved ─────────────▶ spent
///      ▲                      │  │                   ▲
///      └──────────────────────┘  └───────────────────┘
///              release               dropped: all of it, as an estimate
/// ```
///
/// An account may be below another one (session, project, organisation, to any depth). A call
/// reserves from its account and from every account above, or from none of them. If an account above
/// refuses, the accounts below get their part back. Until then another call may see less room than
/// there is, but never more.
///
/// **Overspending.** A call that costs no more than it reserved never takes an enforced account over
/// its limit, whatever happens concurrently. A call that costs more takes it over by at most the
/// difference, [`Settlement::beyond`]. A call that reserves its worst case overspends nothing.
///
/// Reserving, releasing and reading the balance take no lock. Settling a charge that names a model
/// or a role takes a short one, to enter it into the breakdown.
///
/// ```
/// use runtime_usage::{Account, Limit, Usd};
///
/// let company = Account::new(Limit::enforced(Usd::from_dollars(5)).named("company"));
/// let team = company.child(Limit::enforced(Usd::from_dollars(10)).named("team"));
///
/// team.reserve(Usd::from_dollars(4))?.settle(Usd::from_dollars(4));
/// let refused = team.reserve(Usd::from_dollars(2)).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "budget `company` refused: $2.00 requested, $1.00 of $5.00 left"
/// );
/// assert_eq!(team.balance().spent, Usd::from_dollars(4));
/// # Ok::<(), runtime_usage::BudgetRefusedError>(())
/// ```
#[doc(alias = "Budget")]
#[derive(Clone)]
pub struct Account {
    node: Arc<Node>,
}

/// # Accounts
///
/// A limit is given as a [`Limit`], or as an `Arc` of one, which many accounts share.
impl Account {
    /// Opens an account without an account above it.
    pub fn new(limit: impl Into<Arc<Limit>>) -> Self {
        Self::open(limit.into(), None, None)
    }

    /// Opens an account without an account above it. `listener` is called for its marks and for those
    /// of all accounts below it.
    pub fn with_listener(limit: impl Into<Arc<Limit>>, listener: Arc<dyn BudgetListener>) -> Self {
        Self::open(limit.into(), Some(listener), None)
    }

    /// Opens an account below this one. Money is reserved from both.
    #[must_use]
    pub fn child(&self, limit: impl Into<Arc<Limit>>) -> Self {
        Self::open(limit.into(), None, Some(self.clone()))
    }

    /// Opens a [`child`](Self::child). `listener` is called for its marks and for those of all accounts
    /// below it.
    #[must_use]
    pub fn child_with_listener(
        &self,
        limit: impl Into<Arc<Limit>>,
        listener: Arc<dyn BudgetListener>,
    ) -> Self {
        Self::open(limit.into(), Some(listener), Some(self.clone()))
    }

    /// Opens a [`child`](Self::child) whose limit is at most the money left now: the least that this
    /// account or any account above has left. If `rules` is enforced, only enforced accounts count.
    ///
    /// `rules` sets everything else. Its amount is lowered if less is left.
    #[must_use]
    pub fn remainder(&self, rules: impl Into<Arc<Limit>>) -> Self {
        let mut rules = rules.into();
        let counts = |account: &&Self| account.limit().is_enforced() || !rules.is_enforced();
        let left = self.path().filter(counts).map(|account| account.node.left(false)).min();
        if let Some(left) = left.filter(|left| *left < rules.amount) {
            Arc::make_mut(&mut rules).lower(left);
        }
        self.child(rules)
    }

    fn open(
        limit: Arc<Limit>,
        listener: Option<Arc<dyn BudgetListener>>,
        above: Option<Self>,
    ) -> Self {
        Self::with_node(limit.cap(), limit, (listener, above), None)
    }

    fn with_node(
        cap: Usd,
        limit: Arc<Limit>,
        (listener, above): (Option<Arc<dyn BudgetListener>>, Option<Self>),
        funds: Option<Box<Funds>>,
    ) -> Self {
        let node = Node {
            words: Words::new(),
            cap: AtomicU64::new(cap.nanos()),
            unmarked: limit.unmarked(),
            funds,
            ledger: Ledger::default(),
            limit,
            listener: listener.map(AssertUnwindSafe),
            above,
        };
        Self { node: Arc::new(node) }
    }
}

/// # Spending
impl Account {
    /// Reserves `amount` from this account and every account above, or from none of them.
    ///
    /// # Errors
    ///
    /// [`BudgetRefusedError`] from the first account, going upwards, that has less left. A recorded
    /// account refuses only sums above [`Usd::MAX`].
    #[inline]
    pub fn reserve(&self, amount: Usd) -> Result<Reservation<'_>, BudgetRefusedError> {
        self.take(amount, false)
    }

    /// Reserves like [`reserve`](Self::reserve), and may use the money that this account has set aside
    /// for [wrapping up](Limit::wrap_up). Money that accounts above have set aside stays untouched.
    ///
    /// # Errors
    ///
    /// [`BudgetRefusedError`] if even that is not enough.
    pub fn reserve_wrap_up(&self, amount: Usd) -> Result<Reservation<'_>, BudgetRefusedError> {
        self.take(amount, true)
    }

    /// Spends without a reservation, for a cost that is known only afterwards. This can take an
    /// enforced account over its limit.
    #[expect(single_use_lifetimes, reason = "`impl Trait` takes no anonymous one")]
    pub fn charge<'a>(&self, charge: impl Into<Charge<'a>>) -> Settlement {
        self.settle(Usd::ZERO, charge.into())
    }

    /// Books what this account's owner has spent before the account was opened, such as in an earlier
    /// process. The accounts above have their own books, so nothing is booked there. Marks that lie below
    /// are crossed without a word.
    ///
    /// ```
    /// use runtime_usage::{Account, Limit, Usd};
    ///
    /// let team = Account::new(Limit::enforced(Usd::from_dollars(5)));
    /// let run = team.child(Limit::enforced(Usd::from_dollars(2)));
    /// run.carry(Usd::from_cents(150));
    /// assert_eq!((run.available(), team.balance().spent), (Usd::from_cents(50), Usd::ZERO));
    /// ```
    #[expect(single_use_lifetimes, reason = "`impl Trait` takes no anonymous one")]
    pub fn carry<'a>(&self, spent: impl Into<Charge<'a>>) {
        let spent = Charge { owner: self.id(), ..spent.into() };
        if let Some(grown) = self.node.settle(Usd::ZERO, &spent) {
            self.node.enter(&spent, grown, |_| {});
        }
    }

    /// Gives back what was spent on estimates and turned out not to be billed, in this account and every
    /// one above. Returns how much it was: at most the estimated part of the spent amount. An account above gives
    /// back those of the same calls: what has expired there is not taken from others.
    ///
    /// With a model or a role in the charge, only their estimates count.
    ///
    /// ```
    /// use runtime_usage::{Account, Charge, Limit, Usd};
    ///
    /// let account = Account::new(Limit::enforced(Usd::from_dollars(1)));
    /// account.charge(Charge::new(Usd::from_cents(30)).model("gpt-5").estimated());
    ///
    /// // The provider's bill says 10 cents.
    /// let given_back = account.correct(Charge::new(Usd::from_cents(20)).model("gpt-5"));
    /// assert_eq!(given_back, Usd::from_cents(20));
    /// assert_eq!(account.balance().spent, Usd::from_cents(10));
    /// ```
    #[expect(single_use_lifetimes, reason = "`impl Trait` takes no anonymous one")]
    pub fn correct<'a>(&self, over: impl Into<Charge<'a>>) -> Usd {
        let taken = self.node.correct(&over.into());
        self.path().skip(1).for_each(|above| above.node.correct_same(&taken));
        Usd::from_nanos(ledger::sum(&taken))
    }

    /// Gives back the estimates of this account and of those above that have
    /// [expired](Limit::estimates_expire), each by the limit of its own account. Returns how much this
    /// account got back.
    ///
    /// `now` is the time since any fixed moment, the same for all calls. An estimate expires when it was
    /// seen by a call of this method so long ago. A session calls it before each turn.
    pub fn expire_estimates(&self, now: Duration) -> Usd {
        let given = |account: &Self| account.node.expire(now);
        for above in self.path().skip(1) {
            let _ = given(above);
        }
        given(self)
    }

    #[inline]
    fn take(&self, amount: Usd, wrapping_up: bool) -> Result<Reservation<'_>, BudgetRefusedError> {
        for account in self.path() {
            let own = wrapping_up && self.is(account);
            if let Err(committed) = account.node.reserve(amount, own) {
                self.give_back(amount, Some(account));
                return Err(account.node.refusal(amount, committed, own));
            }
        }
        Ok(Reservation::new(self, amount, wrapping_up))
    }

    /// Gives `amount` back to every account from here up to the one before `end`.
    fn give_back(&self, amount: Usd, end: Option<&Self>) {
        for account in self.path().take_while(|account| end.is_none_or(|end| !end.is(account))) {
            account.node.words.release(amount.nanos());
        }
    }
}

/// # Books
impl Account {
    /// The limit of the account, and its rules.
    #[inline]
    pub fn limit(&self) -> &Limit {
        &self.node.limit
    }

    /// This account, the one above it, and so on to the topmost one.
    #[inline]
    pub fn path(&self) -> impl Iterator<Item = &Self> {
        successors(Some(self), |account| account.node.above.as_ref())
    }

    /// Whether both values are the same account.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }

    /// A number that no other account has that is there at the same time, and that is not zero.
    fn id(&self) -> usize {
        Arc::as_ptr(&self.node).addr()
    }

    /// The balance of this account. The accounts above may have less left.
    ///
    /// The limit of a [funded](Purse) account is what it was granted and may still be granted, as far as is
    /// known.
    #[inline]
    pub fn balance(&self) -> Balance {
        self.node.balance()
    }

    /// The most that a call can reserve now: the least that any enforced account from here upwards
    /// has left. [`Usd::MAX`] if none is enforced.
    #[inline]
    pub fn available(&self) -> Usd {
        let enforced = self.path().filter(|account| account.limit().is_enforced());
        enforced.map(|account| account.node.left(false)).min().unwrap_or(Usd::MAX)
    }

    /// Checks whether this account or one above is overspent.
    ///
    /// # Errors
    ///
    /// [`BudgetExceededError`] from the first account, enforced or recorded, that has spent more than
    /// its limit.
    pub fn check(&self) -> Result<(), BudgetExceededError> {
        self.path().try_for_each(Self::check_own)
    }

    /// Checks whether this account is overspent, regardless of those above.
    ///
    /// # Errors
    ///
    /// [`BudgetExceededError`] if it has spent more than its limit, enforced or recorded.
    #[inline]
    pub fn check_own(&self) -> Result<(), BudgetExceededError> {
        let (limit, spent) = (self.limit(), self.node.spent());
        if spent <= limit.amount {
            return Ok(());
        }
        Err(BudgetExceededError {
            budget: limit.amount,
            current_cost: spent,
            account: limit.name.clone(),
        })
    }

    /// The balance with a breakdown by model and by role. While calls settle, the breakdown may be one
    /// entry ahead of the sums or behind them.
    pub fn statement(&self) -> AccountStatement {
        let Balance { limit, spent, reserved, left, estimated } = self.balance();
        let (by_model, by_role) = self.node.ledger.read(spent);
        AccountStatement {
            account: self.limit().name.clone(),
            limit_usd: limit,
            enforced: self.limit().is_enforced(),
            spent_usd: spent,
            reserved_usd: reserved,
            remaining_usd: left,
            estimated_usd: estimated,
            by_model,
            by_role,
        }
    }

    /// The most that a call with this reservation can cost without overspending an account.
    fn available_to(&self, reserved: Usd, wrapping_up: bool) -> Usd {
        let enforced = self.path().filter(|account| account.limit().is_enforced());
        let left = enforced.map(|account| {
            let committed = Usd::from_nanos(account.node.words.read().committed);
            let others = committed.saturating_sub(reserved);
            let limit = account.node.open(true).saturating_sub(others);
            // Money that is set aside was not available to this call.
            let more = account.node.left_here(wrapping_up && self.is(account));
            limit.min(reserved.saturating_add(more))
        });
        left.min().unwrap_or(Usd::MAX)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("limit", &self.node.limit)
            .field("balance", &self.balance())
            .field("accounts_above", &self.path().skip(1).count())
            .finish_non_exhaustive()
    }
}
