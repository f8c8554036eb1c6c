//! [`Purse`]: the other side of an account whose money comes in parts from elsewhere.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use super::{Account, Limit};
use crate::sync::{AtomicU64, Ordering};
use crate::usd::Usd;

/// The future of [`Funding::fund`].
pub type FundFuture = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Where the money of a funded account comes from.
pub trait Funding: fmt::Debug + Send + Sync {
    /// A reservation of `amount` was refused: the next one might fit, if there is more by then. Must not
    /// block.
    ///
    /// Returns why there is no more, for the error.
    fn lacks(&self, amount: Usd) -> Lack;

    /// Gets what a reservation of `amount` lacks. Ready when it was tried, with whether money came: then the
    /// reservation is worth another try.
    fn fund(&self, amount: Usd) -> FundFuture;
}

/// Why a funded account has no more money.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lack {
    /// More may come: it was not asked for yet.
    Unasked,
    /// The place where the money comes from cannot be reached.
    Away,
    /// An account at that place has too little left.
    Short {
        /// The name of that account.
        account: Arc<str>,
        /// Its limit.
        limit: Usd,
        /// What nobody has spent or holds.
        left: Usd,
        /// What others hold.
        held: Usd,
    },
}

/// The right to put money into an account, and to take it out: that of who funds it.
///
/// Reserving from a funded account is as cheap as from any other. It has what was granted, and not a
/// nano-dollar more: a reservation that does not fit is refused, and its [`Funding`] hears of it.
///
/// ```
/// use std::sync::Arc;
/// use runtime_usage::{FundFuture, Funding, Lack, Limit, Purse, Usd};
///
/// #[derive(Debug)]
/// struct Nobody;
/// impl Funding for Nobody {
///     fn lacks(&self, _: Usd) -> Lack { Lack::Away }
///     fn fund(&self, _: Usd) -> FundFuture { Box::pin(std::future::ready(false)) }
/// }
///
/// let purse = Purse::new(Limit::enforced(Usd::from_dollars(500)), Arc::new(Nobody));
/// let account = purse.account().clone();
/// assert!(account.reserve(Usd::from_cents(1)).is_err());
///
/// purse.set_granted(Usd::from_cents(10), Usd::from_dollars(499));
/// account.reserve(Usd::from_cents(4))?.settle(Usd::from_cents(3));
/// assert_eq!(purse.take_back(Usd::MAX), Usd::from_cents(7));
/// assert!(account.reserve(Usd::from_cents(1)).is_err());
/// # Ok::<(), runtime_usage::BudgetRefusedError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Purse {
    account: Account,
}

impl Purse {
    /// Opens an account that has no money yet. The [amount](Limit::amount) of its limit is for people. Money
    /// cannot be set aside in it for [wrapping up](Limit::wrap_up): a [child](Account::child) can do that.
    pub fn new(limit: impl Into<Arc<Limit>>, funding: Arc<dyn Funding>) -> Self {
        let mut limit = limit.into();
        if !limit.wrap_up.is_zero() {
            Arc::make_mut(&mut limit).wrap_up = Usd::ZERO;
        }
        let cap = if limit.is_enforced() { Usd::ZERO } else { Usd::MAX };
        let zero = || AtomicU64::new(0);
        let funds = Funds {
            source: AssertUnwindSafe(funding),
            granted: zero(),
            taken: zero(),
            elsewhere: zero(),
        };
        Self { account: Account::with_node(cap, limit, (None, None), Some(Box::new(funds))) }
    }

    /// The account.
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// How many have the account: clones of it and of this purse, reservations, and accounts below it.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.account.node)
    }

    /// Sets the amount that was ever granted, and what may still be granted beyond it, for those who look.
    ///
    /// Money that calls may count on is [taken back](Self::take_back), never granted less: a reservation that is
    /// being made would count on what was granted before.
    pub fn set_granted(&self, total: Usd, elsewhere: Usd) {
        self.set(total, elsewhere, total);
    }

    /// As [`set_granted`](Self::set_granted), for an account that refuses nothing.
    pub fn lift(&self, total: Usd, elsewhere: Usd) {
        self.set(total, elsewhere, Usd::MAX);
    }

    fn set(&self, total: Usd, elsewhere: Usd, cap: Usd) {
        let node = &self.account.node;
        let Some(funds) = &node.funds else { return };
        // Relaxed, all three: readers take none of them for a sign of another.
        funds.granted.store(total.nanos(), Ordering::Relaxed);
        funds.elsewhere.store(elsewhere.nanos(), Ordering::Relaxed);
        node.cap.store(cap.nanos(), Ordering::Relaxed);
    }

    /// Takes out up to `most` of what nobody has reserved, and returns how much it was.
    ///
    /// What was taken counts as granted and as committed from then on: it cannot be reserved again.
    pub fn take_back(&self, most: Usd) -> Usd {
        let node = &self.account.node;
        let Some(funds) = &node.funds else { return Usd::ZERO };
        loop {
            let idle = node.left_here(true).min(most);
            if idle.is_zero() {
                return Usd::ZERO;
            }
            // As a reservation, against the same word: what is taken, no call gets.
            if node.words.reserve(idle.nanos(), funds.granted().nanos()).is_ok() {
                // Relaxed: a reader that sees it late counts it as reserved.
                funds.taken.fetch_add(idle.nanos(), Ordering::Relaxed);
                return idle;
            }
        }
    }

    /// What was granted, and has neither been spent, reserved nor taken back.
    pub fn idle(&self) -> Usd {
        self.account.node.left_here(true)
    }
}

impl Account {
    /// Gets what a reservation of `amount` lacks from where the money of this account, or of the one above it,
    /// comes from. Returns whether money came: then the reservation is worth another try. `false` at once if
    /// there is no such place.
    ///
    /// A session does so before it refuses a turn.
    pub async fn fund(&self, amount: Usd) -> bool {
        let poor = |account: &Self| {
            let own = account.node.funds.is_none() && account.limit().is_enforced();
            own && account.node.left(true) < amount
        };
        if self.path().any(poor) {
            // Another account of the path would refuse it all the same.
            return false;
        }
        let mut came = false;
        for account in self.path() {
            if let Some(funds) = &account.node.funds {
                came |= funds.source.fund(amount).await;
            }
        }
        came
    }

    /// Whether this account, or one above it, gets its money in parts from elsewhere.
    pub fn is_funded(&self) -> bool {
        self.path().any(|account| account.node.funds.is_some())
    }
}

/// What an account has beside its words if it is funded.
#[derive(Debug)]
pub(super) struct Funds {
    /// Asserted, because it is called when nothing of the account is half done.
    source: AssertUnwindSafe<Arc<dyn Funding>>,
    granted: AtomicU64,
    taken: AtomicU64,
    elsewhere: AtomicU64,
}

impl Funds {
    // Relaxed, here and below: see `Purse::set_granted`.
    pub(super) fn granted(&self) -> Usd {
        Usd::from_nanos(self.granted.load(Ordering::Relaxed))
    }

    pub(super) fn taken(&self) -> Usd {
        Usd::from_nanos(self.taken.load(Ordering::Relaxed))
    }

    pub(super) fn elsewhere(&self) -> Usd {
        Usd::from_nanos(self.elsewhere.load(Ordering::Relaxed))
    }

    pub(super) fn lacks(&self, amount: Usd) -> Lack {
        self.source.lacks(amount)
    }
}
