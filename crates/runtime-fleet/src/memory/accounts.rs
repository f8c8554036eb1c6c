//! The accounts of a [`MemoryState`](super::MemoryState), and what members hold of them.

use std::collections::BTreeMap;
use std::time::Duration;

use runtime_usage::Usd;

use crate::error::StateError;
use crate::member::{MemberId, SHORT};
use crate::money::{
    AccountLevel, AccountPath, AccountState, Booked, Booking, Holder, OnLoss, Rules,
};
use crate::state::Change;

/// All accounts and grants. Times are counted from the backend's beginning.
#[derive(Debug, Default)]
pub(super) struct Books {
    accounts: BTreeMap<AccountPath, Account>,
    grants: BTreeMap<(AccountPath, MemberId), Grant>,
}

#[derive(Debug)]
struct Account {
    rules: Rules,
    /// The spent amount whose marks were given to members.
    told: Usd,
    /// Marks that were given to members that are away, and that these have not said to have heard.
    owed: Vec<u16>,
    /// A member that was refused money, and until when others hear of that.
    short: Option<(MemberId, Duration)>,
}

/// What a member has of an account. All sums are totals since the member began.
///
/// Invariant: `counted` is zero unless `away`.
#[derive(Debug, Default)]
struct Grant {
    seq: u64,
    until: Duration,
    granted: Usd,
    spent: Usd,
    estimated: Usd,
    returned: Usd,
    /// What was taken from it for good.
    lost: Usd,
    /// Its time is over, and what it held was counted as spent or lost.
    away: bool,
    /// What counts as spent for it since it is away.
    counted: Usd,
    /// What was given back of its own estimates.
    corrected: Usd,
    /// The marks that it is to tell: of which account, and since which booking.
    marks: Vec<(u64, AccountPath, u16)>,
}

/// What grants come to in an account.
#[derive(Clone, Copy, Default)]
struct Sums {
    spent: Usd,
    estimated: Usd,
    granted: Usd,
    members: u32,
}

impl Account {
    /// Under these rules the spent amount may have reached other marks: the next member that books has them.
    fn change(&mut self, rules: Rules, spent: Usd) {
        let before: Vec<_> = self.rules.marks_between(Usd::ZERO, self.told).collect();
        let owed = |mark: &u16| self.owed.contains(mark) || !before.contains(mark);
        self.owed = rules.marks_between(Usd::ZERO, spent).filter(owed).collect();
        if rules.amount != self.rules.amount {
            self.told = spent;
        }
        self.rules = rules;
    }
}

impl Grant {
    /// What it holds and has not spent, if its time is not over.
    fn held(&self) -> Usd {
        let held = if self.away { Usd::ZERO } else { self.granted };
        [self.spent, self.returned, self.lost].into_iter().fold(held, Usd::saturating_sub)
    }

    /// A sum of its own, with what counts for it since it is away, and without what was given back.
    fn counted(&self, own: Usd) -> Usd {
        own.saturating_add(self.counted).saturating_sub(self.corrected)
    }

    /// What it has spent beyond all that it was granted.
    fn overdraft(&self) -> Usd {
        let used = self.spent.saturating_add(self.returned).saturating_add(self.lost);
        used.saturating_sub(self.granted)
    }

    fn expire(&mut self, on_loss: OnLoss) {
        let held = self.held();
        self.away = true;
        match on_loss {
            OnLoss::Spend => self.counted = held,
            OnLoss::Return => self.lost = self.lost.saturating_add(held),
        }
    }
}

impl Books {
    /// Opens an account if there is none.
    pub(super) fn open(&mut self, path: &AccountPath, rules: &Rules) -> Result<(), StateError> {
        rules.check(path)?;
        if self.accounts.contains_key(path) { Ok(()) } else { self.set(path, rules).map(drop) }
    }

    /// Opens an account, or changes its rules. Returns what is to be told.
    pub(super) fn set(
        &mut self,
        path: &AccountPath,
        rules: &Rules,
    ) -> Result<Option<Change>, StateError> {
        rules.check(path)?;
        if let Some(above) = path.above()
            && !self.accounts.contains_key(&above)
        {
            return Err(StateError::NoAccountAbove { account: path.clone(), above });
        }
        let spent = self.sums(path).spent;
        let (rules, told) = (rules.clone(), Usd::ZERO);
        match self.accounts.get_mut(path) {
            Some(account) if account.rules == rules => return Ok(None),
            Some(account) => account.change(rules, spent),
            None => {
                let account = Account { rules, told, owed: vec![], short: None };
                self.accounts.insert(path.clone(), account);
                return Ok(None);
            }
        }
        Ok(Some(Change::Rules { account: path.clone() }))
    }

    pub(super) fn read(
        &mut self,
        path: &AccountPath,
        now: Duration,
    ) -> Result<AccountState, StateError> {
        let root = path.path().last().unwrap_or_else(|| path.clone());
        self.collect(&root, now);
        self.state(path)
    }

    pub(super) fn all(&mut self, now: Duration) -> Vec<AccountState> {
        let paths: Vec<_> = self.accounts.keys().cloned().collect();
        paths.iter().filter_map(|path| self.read(path, now).ok()).collect()
    }

    /// Books, and says who is short of money if the grant does not fit.
    pub(super) fn book(
        &mut self,
        booking: &Booking,
        now: Duration,
    ) -> Result<(Booked, Option<Change>), StateError> {
        let Booking { account, member, seq, .. } = booking;
        booking.check()?;
        self.read(account, now)?;
        let key = (account.clone(), member.clone());
        let grant = self.grants.entry(key.clone()).or_default();
        grant.until = now.saturating_add(booking.ttl);
        let current = *seq >= grant.seq;
        if current {
            grant.seq = *seq;
            grant.granted = grant.granted.max(booking.granted);
            (grant.spent, grant.estimated) = (booking.spent, booking.estimated);
            grant.returned = booking.returned;
            (grant.away, grant.counted) = (false, Usd::ZERO);
            // What it has corrected itself is not given back a second time.
            grant.corrected = grant.corrected.min(grant.estimated);
            grant.marks.retain(|(told, ..)| *told > booking.heard);
        }
        let refused = if current { self.grant(&key, booking)? } else { None };
        let short = refused.map(|path| self.run_short(path, member, now));
        if current {
            self.give_marks(&key, *seq)?;
        }
        let answer = self.answer(&key, now)?;
        if booking.ttl.is_zero()
            && let Some(grant) = self.grants.get_mut(&key)
        {
            // Who says farewell tells what its last answer has.
            grant.marks.clear();
        }
        Ok((answer, short))
    }

    /// Grants what a booking asks for. Returns the account that has too little, if one has.
    fn grant(
        &mut self,
        key: &(AccountPath, MemberId),
        booking: &Booking,
    ) -> Result<Option<AccountPath>, StateError> {
        let mut room = (Usd::MAX, None);
        for path in key.0.path() {
            let state = self.state(&path)?;
            if state.rules.enforced && state.left() < room.0 {
                room = (state.left(), Some(path));
            }
        }
        let Some(grant) = self.grants.get_mut(key) else { return Ok(None) };
        let given = grant.granted.saturating_sub(booking.granted);
        let (least, most) = booking.asks();
        let (least, most) = (least.saturating_sub(given), most.saturating_sub(given));
        let room = (room.0.saturating_add(grant.overdraft()), room.1);
        if least > room.0 {
            return Ok(room.1);
        }
        grant.granted = grant.granted.saturating_add(most.min(room.0));
        Ok(None)
    }

    fn run_short(&mut self, path: AccountPath, member: &MemberId, now: Duration) -> Change {
        if let Some(account) = self.accounts.get_mut(&path) {
            account.short = Some((member.clone(), now.saturating_add(SHORT)));
        }
        Change::Short { account: path, member: member.clone() }
    }

    /// Gives the member the marks that the path has reached.
    fn give_marks(&mut self, key: &(AccountPath, MemberId), seq: u64) -> Result<(), StateError> {
        for path in key.0.path() {
            let spent = self.state(&path)?.spent;
            let Some(account) = self.accounts.get_mut(&path) else { continue };
            let mut marks = std::mem::take(&mut account.owed);
            marks.extend(account.rules.marks_between(account.told, spent));
            account.told = account.told.max(spent);
            if let Some(grant) = self.grants.get_mut(key) {
                grant.marks.extend(marks.into_iter().map(|mark| (seq, path.clone(), mark)));
            }
        }
        Ok(())
    }

    fn answer(&self, key: &(AccountPath, MemberId), now: Duration) -> Result<Booked, StateError> {
        let (path, member) = key;
        let no_account = || StateError::NoAccount { account: path.clone() };
        let grant = self.grants.get(key).ok_or_else(no_account)?;
        let marks = |path: &AccountPath| {
            let own = grant.marks.iter().filter(|(_, of, _)| of == path);
            own.map(|(.., mark)| *mark).collect()
        };
        let level =
            |path: AccountPath| Ok(AccountLevel { state: self.state(&path)?, marks: marks(&path) });
        let by_another = |(by, until): &(MemberId, Duration)| by != member && *until > now;
        let is_short = |path: &AccountPath| {
            let short = self.accounts.get(path).and_then(|account| account.short.as_ref());
            short.is_some_and(by_another)
        };
        Ok(Booked {
            granted: grant.granted,
            lost: grant.lost,
            path: path.path().map(level).collect::<Result<_, _>>()?,
            short: path.path().any(|path| is_short(&path)),
        })
    }

    pub(super) fn holders(
        &mut self,
        path: &AccountPath,
        now: Duration,
    ) -> Result<Vec<Holder>, StateError> {
        self.read(path, now)?;
        let own = self.grants.range(from(path)..).take_while(|((of, _), _)| of == path);
        let holder = |((_, member), grant): (&(AccountPath, MemberId), &Grant)| Holder {
            member: member.clone(),
            spent: grant.counted(grant.spent),
            estimated: grant.counted(grant.estimated),
            held: grant.held(),
            away: grant.away,
        };
        let has = |holder: &Holder| !holder.held.is_zero() || !holder.estimated.is_zero();
        Ok(own.map(holder).filter(has).collect())
    }

    pub(super) fn correct(
        &mut self,
        path: &AccountPath,
        member: &MemberId,
        over: Usd,
        now: Duration,
    ) -> Result<Usd, StateError> {
        self.read(path, now)?;
        let Some(grant) = self.grants.get_mut(&(path.clone(), member.clone())) else {
            return Ok(Usd::ZERO);
        };
        let counted = over.min(grant.counted);
        grant.counted = grant.counted.saturating_sub(counted);
        // It stays given back, should the member be heard of after all.
        grant.lost = grant.lost.saturating_add(counted);
        let own = over.saturating_sub(counted);
        let own = own.min(grant.estimated.saturating_sub(grant.corrected));
        grant.corrected = grant.corrected.saturating_add(own);
        Ok(counted.saturating_add(own))
    }

    /// Takes what members hold whose time is over, and the marks that they may not have told.
    fn collect(&mut self, root: &AccountPath, now: Duration) {
        let due = |path: &AccountPath, grant: &Grant| {
            path.is_within(root) && !grant.away && grant.until <= now
        };
        let mut owed = Vec::new();
        let of_tree = self.grants.range_mut(from(root)..);
        for (key, grant) in of_tree.take_while(|((path, _), _)| is_near(path, root)) {
            if due(&key.0, grant)
                && let Some(account) = self.accounts.get(&key.0)
            {
                grant.expire(account.rules.on_loss);
                owed.append(&mut grant.marks);
            }
        }
        for (_, path, mark) in owed {
            if let Some(account) = self.accounts.get_mut(&path) {
                account.owed.push(mark);
            }
        }
    }

    fn state(&self, path: &AccountPath) -> Result<AccountState, StateError> {
        let no_account = || StateError::NoAccount { account: path.clone() };
        let account = self.accounts.get(path).ok_or_else(no_account)?;
        let sums = self.sums(path);
        Ok(AccountState {
            account: path.clone(),
            rules: account.rules.clone(),
            spent: sums.spent,
            estimated: sums.estimated,
            granted: sums.granted,
            members: sums.members,
        })
    }

    /// What the grants of an account and of those below it come to.
    fn sums(&self, path: &AccountPath) -> Sums {
        let near = self.grants.range(from(path)..).take_while(|((of, _), _)| is_near(of, path));
        let within = near.filter(|((of, _), _)| of.is_within(path));
        within.fold(Sums::default(), |sums, (_, grant)| {
            let held = grant.held();
            Sums {
                spent: sums.spent.saturating_add(grant.counted(grant.spent)),
                estimated: sums.estimated.saturating_add(grant.counted(grant.estimated)),
                granted: sums.granted.saturating_add(held),
                members: sums.members + u32::from(!held.is_zero()),
            }
        })
    }
}

/// Before the first grant of an account with such a path, and of those below it.
fn from(path: &AccountPath) -> (AccountPath, MemberId) {
    (path.clone(), MemberId::new(""))
}

/// Whether it is one of them, or between them.
fn is_near(account: &AccountPath, path: &AccountPath) -> bool {
    account.as_str().starts_with(path.as_str())
}
