//! [`Account`]: an account that calls draw on, before they spend.
//!
//! A limit that is only looked at is no limit: two calls look, both see room, both spend. So a
//! call *reserves* what it may cost, of the whole path from its account to the topmost one or of
//! nothing, and settles with what it did cost.
//!
//! ```text
//!             reserve               settle(cost)
//!    left ───────────────▶ reserved ─────────────▶ spent
//!      ▲                      │  │                   ▲
//!      └──────────────────────┘  └───────────────────┘
//!              release               dropped: all of it, as an estimate
//! ```
//!
//! **What may be overspent.** A call that costs no more than it reserved never takes an enforced
//! budget beyond its limit, whatever happens at the same time. One that costs more does, by no
//! more than the difference: the overspending of an account is at most the sum of
//! [`Settlement::beyond`]. A call that reserves the worst case overspends by nothing.
//!
//! A reservation that an account above refuses is taken back below: for that instant another one
//! may find less than there is, and be refused. It never finds more.

mod error;
mod ledger;
mod limit;
#[cfg(all(test, runtime_loom))]
mod loom_tests;
mod reservation;
mod statement;
mod words;

use std::fmt;
use std::iter::successors;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use self::error::{BudgetExceededError, BudgetRefusedError, UnpricedModelError};
use self::ledger::Ledger;
pub use self::limit::{Limit, UnknownPrice};
pub use self::reservation::{Charge, Reservation, Settlement};
pub use self::statement::{AccountStatement, Balance, BudgetListener, BudgetMark};
use self::words::Words;
use crate::usd::Usd;

/// A shared account with a limit; clones are the same account.
///
/// It may have one above it (session, project, organisation, to any depth), and draws on that as
/// well. Reserving, releasing and reading the balance take no lock; settling a charge that names a
/// model or a role enters it into the breakdown under a short one. See the [module](self) for what
/// is guaranteed.
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
///     "budget `company` refused: $2.0000 asked for, $1.0000 of $5.0000 left"
/// );
/// assert_eq!(team.balance().spent, Usd::from_dollars(4), "and nothing was kept of it");
/// # Ok::<(), runtime_usage::BudgetRefusedError>(())
/// ```
#[doc(alias = "Budget")]
#[derive(Clone)]
pub struct Account {
    node: Arc<Node>,
}

struct Node {
    words: Words,
    /// Up to what may be committed, without and with what is set aside.
    caps: [u64; 2],
    /// The marks, each behind the amount at which it is.
    marks: Box<[(u64, u16)]>,
    limit: Limit,
    ledger: Ledger,
    /// Asserted: it is only called, and a panic of it is caught there.
    listener: Option<AssertUnwindSafe<Arc<dyn BudgetListener>>>,
    above: Option<Account>,
}

/// # Accounts
impl Account {
    /// An account with nothing above it.
    pub fn new(limit: Limit) -> Self {
        Self::open(limit, None, None)
    }

    /// An account whose limit is kept; see [`Limit::enforced`].
    pub fn enforced(amount: Usd) -> Self {
        Self::new(Limit::enforced(amount))
    }

    /// An account whose limit is only watched; see [`Limit::recorded`].
    pub fn recorded(amount: Usd) -> Self {
        Self::new(Limit::recorded(amount))
    }

    /// An account with nothing above it, whose marks, and those of all accounts below it,
    /// `listener` hears of.
    pub fn with_listener(limit: Limit, listener: Arc<dyn BudgetListener>) -> Self {
        Self::open(limit, Some(listener), None)
    }

    /// An account below this one. What it takes, this one has to have as well.
    #[must_use]
    pub fn child(&self, limit: Limit) -> Self {
        Self::open(limit, None, Some(self.clone()))
    }

    /// [`child`](Self::child), whose marks, and those of all accounts below it, `listener` hears of.
    #[must_use]
    pub fn child_with_listener(&self, limit: Limit, listener: Arc<dyn BudgetListener>) -> Self {
        Self::open(limit, Some(listener), Some(self.clone()))
    }

    /// An account below this one, for what is left now and not a nano-dollar more: the least that
    /// any account from here upwards has, of the enforced ones if the rules are enforced. `rules`
    /// gives the rest; its amount is lowered where it is more.
    #[must_use]
    pub fn remainder(&self, rules: Limit) -> Self {
        let counts = |account: &&Self| account.limit().is_enforced() || !rules.is_enforced();
        let left = self.path().filter(counts).map(|account| account.node.left(false)).min();
        self.child(rules.at_most(left.unwrap_or(Usd::MAX)))
    }

    fn open(limit: Limit, listener: Option<Arc<dyn BudgetListener>>, above: Option<Self>) -> Self {
        let node = Node {
            words: Words::new(),
            caps: [limit.cap(false).nanos(), limit.cap(true).nanos()],
            marks: limit.marks_at(),
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
    /// Sets `amount` aside, here and in every account above, or nothing anywhere.
    ///
    /// # Errors
    ///
    /// [`BudgetRefusedError`] of the first account, from here upwards, that does not have it. A
    /// recorded one refuses only what is too much for [`Usd`].
    #[inline]
    pub fn reserve(&self, amount: Usd) -> Result<Reservation<'_>, BudgetRefusedError> {
        self.take(amount, false)
    }

    /// [`reserve`](Self::reserve), of what this account has set aside for wrapping up as well.
    /// What accounts above have set aside is theirs.
    ///
    /// # Errors
    ///
    /// [`BudgetRefusedError`] if even that is not enough.
    pub fn reserve_wrap_up(&self, amount: Usd) -> Result<Reservation<'_>, BudgetRefusedError> {
        self.take(amount, true)
    }

    /// Spends without having reserved: for a cost that is known only afterwards. Enforced limits
    /// may be overspent by it.
    #[expect(single_use_lifetimes, reason = "`impl Trait` takes no anonymous one")]
    pub fn charge<'a>(&self, charge: impl Into<Charge<'a>>) -> Settlement {
        self.settle(Usd::ZERO, &charge.into())
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

    /// Gives back in every account from here up to the one before `end`.
    fn give_back(&self, amount: Usd, end: Option<&Self>) {
        for account in self.path().take_while(|account| end.is_none_or(|end| !end.is(account))) {
            account.node.words.release(amount.nanos());
        }
    }

    #[inline]
    fn settle(&self, reserved: Usd, charge: &Charge<'_>) -> Settlement {
        let mut crossed = Vec::new();
        for (height, account) in self.path().enumerate() {
            account.node.settle(reserved, charge, |mark| crossed.push((height, mark)));
        }
        let beyond = charge.cost.saturating_sub(reserved);
        let marks = if crossed.is_empty() { Vec::new() } else { self.report(crossed) };
        Settlement { cost: charge.cost, beyond, marks }
    }

    /// Tells each listener on the path of the marks of its account and of those below. Only when
    /// every account is settled: a listener takes no money with it.
    #[cold]
    fn report(&self, crossed: Vec<(usize, BudgetMark)>) -> Vec<BudgetMark> {
        for (height, account) in self.path().enumerate() {
            let Some(listener) = &account.node.listener else { continue };
            for (_, mark) in crossed.iter().filter(|(below, _)| *below <= height) {
                // It hears of this mark once and never again, and may be called by a drop while
                // another panic unwinds: one that panics keeps no other from hearing of it.
                let _ = catch_unwind(AssertUnwindSafe(|| listener.mark_crossed(mark)));
            }
        }
        crossed.into_iter().map(|(_, mark)| mark).collect()
    }
}

/// # Books
impl Account {
    /// The limit and the rules that go with it.
    pub fn limit(&self) -> &Limit {
        &self.node.limit
    }

    /// The account above.
    pub fn above(&self) -> Option<&Self> {
        self.node.above.as_ref()
    }

    /// This account, the one above it, and so on.
    pub fn path(&self) -> impl Iterator<Item = &Self> {
        successors(Some(self), |account| account.above())
    }

    /// Whether both are the same account.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }

    /// How this account stands. The accounts above may have less.
    pub fn balance(&self) -> Balance {
        let reading = self.node.words.read();
        let committed = reading.committed.max(reading.spent);
        Balance {
            limit: self.node.limit.amount(),
            spent: Usd::from_nanos(reading.spent),
            reserved: Usd::from_nanos(committed - reading.spent),
            left: self.node.limit.remaining(Usd::from_nanos(committed)),
            estimated: Usd::from_nanos(reading.estimated),
        }
    }

    /// What a call could reserve now: the least that any enforced account from here upwards has.
    /// [`Usd::MAX`] where none is enforced.
    pub fn available(&self) -> Usd {
        self.least(false)
    }

    /// [`available`](Self::available), with what this account has set aside for wrapping up.
    pub fn available_wrap_up(&self) -> Usd {
        self.least(true)
    }

    /// Whether an account from here upwards is overspent; the first one that is.
    ///
    /// # Errors
    ///
    /// [`BudgetExceededError`] if one is, whether enforced or recorded.
    pub fn check(&self) -> Result<(), BudgetExceededError> {
        self.path().try_for_each(Self::check_own)
    }

    /// [`check`](Self::check) for this account alone.
    ///
    /// # Errors
    ///
    /// [`BudgetExceededError`] if it is overspent, whether enforced or recorded.
    pub fn check_own(&self) -> Result<(), BudgetExceededError> {
        let limit = self.limit();
        limit
            .check(self.balance().spent)
            .map_err(|exceeded| BudgetExceededError { account: limit.name().cloned(), ..exceeded })
    }

    /// How this account stands, by model and by role. While calls settle, the breakdown may be an
    /// entry ahead of or behind the sum.
    pub fn statement(&self) -> AccountStatement {
        let Balance { limit, spent, reserved, left, estimated } = self.balance();
        let (by_model, by_role) = self.node.ledger.read();
        AccountStatement {
            account: self.limit().name().cloned(),
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

    fn least(&self, wrapping_up: bool) -> Usd {
        let enforced = self.path().filter(|account| account.limit().is_enforced());
        let left = enforced.map(|account| account.node.left(wrapping_up && self.is(account)));
        left.min().unwrap_or(Usd::MAX)
    }

    /// What a call with this reservation may cost without overspending anything.
    fn available_to(&self, reserved: Usd, wrapping_up: bool) -> Usd {
        let enforced = self.path().filter(|account| account.limit().is_enforced());
        let left = enforced.map(|account| {
            let committed = Usd::from_nanos(account.node.words.read().committed);
            let others = committed.saturating_sub(reserved);
            let limit = account.limit().amount().saturating_sub(others);
            // What is set aside is not this call's, and was not taken by it.
            let more = account.node.left(wrapping_up && self.is(account));
            limit.min(reserved.saturating_add(more))
        });
        left.min().unwrap_or(Usd::MAX)
    }
}

impl Node {
    fn reserve(&self, amount: Usd, wrapping_up: bool) -> Result<(), u64> {
        self.words.reserve(amount.nanos(), self.caps[usize::from(wrapping_up)])
    }

    fn left(&self, wrapping_up: bool) -> Usd {
        let committed = Usd::from_nanos(self.words.read().committed);
        self.limit.open(wrapping_up).saturating_sub(committed)
    }

    #[inline]
    fn settle(&self, reserved: Usd, charge: &Charge<'_>, crossed: impl FnMut(BudgetMark)) {
        let (before, after) = self.words.settle(reserved.nanos(), charge.cost.nanos());
        if charge.estimated {
            self.words.estimate(after - before);
        }
        self.ledger.enter(charge);
        // What was spent only grows, one settlement after the other: each mark lies between the
        // before and the after of exactly one.
        let ahead = |(mark, _): &&(u64, u16)| before < *mark && *mark <= after;
        let mark = |(_, percent): &(u64, u16)| BudgetMark {
            account: self.limit.name().cloned(),
            percent: *percent,
            limit: self.limit.amount(),
            spent: Usd::from_nanos(after),
        };
        self.marks.iter().filter(ahead).map(mark).for_each(crossed);
    }

    #[cold]
    fn refusal(&self, asked: Usd, committed: u64, wrapping_up: bool) -> BudgetRefusedError {
        let spent = self.words.read().spent.min(committed);
        let cap = self.limit.cap(wrapping_up);
        BudgetRefusedError {
            account: self.limit.name().cloned(),
            limit: self.limit.amount(),
            spent: Usd::from_nanos(spent),
            reserved: Usd::from_nanos(committed - spent),
            set_aside: self.limit.amount().saturating_sub(cap),
            asked,
            left: cap.signed_sub(Usd::from_nanos(committed)),
        }
    }
}

/// From account to account, not one inside the other: a path may be longer than the stack.
impl Drop for Node {
    fn drop(&mut self) {
        let mut next = self.above.take();
        while let Some(Account { node }) = next {
            next = Arc::into_inner(node).and_then(|mut node| node.above.take());
        }
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
