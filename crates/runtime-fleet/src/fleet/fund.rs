//! Accounts: opening one, and calls that wait for money.

use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use runtime_usage::{Account, FundFuture, Funding, Lack, Limit, Purse, Usd};

use super::apply;
use super::seats::AccountSeat;
use super::shared::Shared;
use crate::core::{Core, Leaving, Opening, Till};
use crate::error::StateError;
use crate::money::{AccountPath, OnLoss, Rules};

/// Opens an account, and waits until the backend has it, refuses it, or is known to be away.
pub(crate) async fn open(
    shared: &Arc<Shared>,
    path: AccountPath,
    limit: Limit,
    on_loss: OnLoss,
) -> Result<Account, StateError> {
    let mut place = add(shared, &path, &limit, on_loss);
    shared.wake();
    let account = poll_fn(|cx| {
        let mut core = shared.core();
        let Some(till) = core.tills.get(place) else {
            // Who opened it did not look for so long that it was forgotten.
            drop(core);
            place = add(shared, &path, &limit, on_loss);
            shared.wake();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let over = core.link.is_down() || core.leaving != Leaving::No;
        let rules = match till.opening {
            Opening::Done if till.is_known() => Some(till.rules.clone()),
            Opening::Refused => match shared.waiters().refused.get(&place) {
                Some(refused) => return Poll::Ready(Err(refused.clone())),
                None => None,
            },
            _ if over => None,
            _ => {
                shared.waiters().watch(cx.waker());
                return Poll::Pending;
            }
        };
        let account = give(shared, &mut core, place, rules);
        drop(core);
        if account.is_none() {
            // Both are forgotten together; should one be gone alone, it is looked for again.
            cx.waker().wake_by_ref();
        }
        account.map_or(Poll::Pending, |account| Poll::Ready(Ok(account)))
    })
    .await?;
    shared.wake();
    Ok(account)
}

/// The account at a place, by these rules if they are known.
fn give(
    shared: &Arc<Shared>,
    core: &mut Core,
    place: usize,
    rules: Option<Rules>,
) -> Option<Account> {
    let now = shared.now();
    let mut seats = shared.seats();
    let seat = seats.accounts.get_mut(place)?;
    // Nobody has the account yet: it can still become what the backend says.
    if let (Some(rules), None) = (rules, &seat.given) {
        let local = seat.purse.account().limit();
        if rules.enforced != local.is_enforced()
            || rules.strict != local.is_strict()
            || rules.amount != local.amount
        {
            let limit = by(&rules, local);
            seat.purse = purse(shared, place, &limit);
            seat.applied = core.tills.get(place).map(|till| core.cap(till, now));
            // The driver does not know this purse yet.
            seat.applied.into_iter().for_each(|may| apply::cap(&seat.purse, may));
        }
    }
    let account = seat.given.get_or_insert_with(|| seat.purse.account().clone()).clone();
    drop(seats);
    let till = core.tills.get_mut(place)?;
    till.given = true;
    till.rest.end(now);
    Some(account)
}

/// The place of an account, which is added if it is not there.
fn add(shared: &Arc<Shared>, path: &AccountPath, limit: &Limit, on_loss: OnLoss) -> usize {
    let now = shared.now();
    let rules = Rules::of(limit).on_loss(on_loss);
    let mut local = limit.clone().marks([]);
    local.name.get_or_insert_with(|| path.as_str().into());
    let mut core = shared.core();
    if let Some((place, till)) = core.tills.named(path.as_str()) {
        till.rest.end(now);
        if till.opening == Opening::Refused {
            // The account above may be there by now.
            till.opening = Opening::Needed;
        }
        return place;
    }
    let place = core.tills.next();
    let purse = purse(shared, place, &local);
    if path.above().is_some() {
        // An account above may refuse what this one does not.
        purse.set_granted(Usd::ZERO, Usd::ZERO);
    }
    let name: Arc<str> = path.as_str().into();
    shared.seats().accounts.push(name.clone(), AccountSeat { purse, applied: None, given: None });
    let holder = shared.member.holder(place);
    let mut till = Till::new(path.clone(), rules, holder, limit.per_turn);
    till.rest.end(now);
    core.add(now, |core| core.tills.push(name, till));
    place
}

fn purse(shared: &Arc<Shared>, index: usize, limit: &Limit) -> Purse {
    let source = Source { shared: Arc::downgrade(shared), account: index };
    Purse::new(limit.clone(), Arc::new(source))
}

/// A limit as the backend has it, with what only this process decides.
fn by(rules: &Rules, local: &Limit) -> Limit {
    let mut limit = match rules {
        Rules { enforced: false, .. } => Limit::recorded(rules.amount),
        Rules { strict: true, .. } => Limit::strict(rules.amount),
        _ => Limit::enforced(rules.amount),
    };
    limit.name.clone_from(&local.name);
    limit.unknown_price = local.unknown_price.clone();
    limit.per_turn = local.per_turn;
    limit.estimates_expire = local.estimates_expire;
    limit.marks([])
}

/// Where the money of an account comes from.
#[derive(Debug)]
struct Source {
    shared: Weak<Shared>,
    account: usize,
}

impl Funding for Source {
    fn lacks(&self, amount: Usd) -> Lack {
        let Some(shared) = self.shared.upgrade() else { return Lack::Away };
        let mut core = shared.core();
        let Some(till) = core.tills.get_mut(self.account) else { return Lack::Away };
        let lack = till.lacks(amount);
        let refused = till.refusal.is_there();
        let away = refused || core.link.is_down() || core.leaving != Leaving::No;
        if away { Lack::Away } else { lack }
    }

    fn fund(&self, amount: Usd) -> FundFuture {
        match self.shared.upgrade() {
            Some(shared) => Box::pin(Fund { shared, account: self.account, amount, asked: None }),
            None => Box::pin(ready(false)),
        }
    }
}

/// A call that waits for money.
struct Fund {
    shared: Arc<Shared>,
    account: usize,
    amount: Usd,
    /// Its number among those that wait.
    asked: Option<u64>,
}

impl Future for Fund {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        let Some(id) = this.asked else { return this.ask(cx.waker()) };
        let mut waiters = this.shared.waiters();
        match waiters.money.get_mut(&(this.account, id)) {
            Some(Ok(came)) => {
                let came = *came;
                waiters.money.remove(&(this.account, id));
                drop(waiters);
                this.asked = None;
                Poll::Ready(came)
            }
            Some(Err(waker)) => {
                let before = std::mem::replace(waker, cx.waker().clone());
                drop(waiters);
                drop(before);
                Poll::Pending
            }
            None => Poll::Ready(false),
        }
    }
}

impl Fund {
    fn ask(&mut self, waker: &Waker) -> Poll<bool> {
        let seat = |seat: &AccountSeat| seat.purse.clone();
        let purse = self.shared.seats().accounts.get(self.account).map(seat);
        let Some(purse) = purse else { return Poll::Ready(false) };
        if purse.idle() >= self.amount && !self.amount.is_zero() {
            // It has come meanwhile.
            return Poll::Ready(true);
        }
        let (now, waker) = (self.shared.now(), waker.clone());
        let mut core = self.shared.core();
        if core.link.is_down() || core.leaving != Leaving::No {
            return Poll::Ready(false);
        }
        let tick = self.shared.config.tick;
        let till = core.tills.get_mut(self.account);
        let Some(id) = till.and_then(|till| till.ask(self.amount, tick, now)) else {
            return Poll::Ready(false);
        };
        // Under the core's lock, so that no answer comes before.
        self.shared.waiters().money.insert((self.account, id), Err(waker));
        drop(core);
        self.asked = Some(id);
        self.shared.wake();
        Poll::Pending
    }
}

/// Gives up.
impl Drop for Fund {
    fn drop(&mut self) {
        if let Some(id) = self.asked {
            if let Some(till) = self.shared.core().tills.get_mut(self.account) {
                till.waiting.leave(id);
            }
            let slot = self.shared.waiters().money.remove(&(self.account, id));
            drop(slot);
        }
    }
}
