//! [`Till`]: what a member holds of an account, asks for, and tells.

mod books;
mod cap;
mod opening;
mod path;
mod rest;
mod waiting;

use std::time::Duration;

use runtime_usage::{Lack, Usd};

pub(crate) use self::books::{Cap, Mark, Opening, Reading};
use self::books::{Heard, Sent, Told};
use self::path::{Path, less};
use self::rest::Rest;
pub(crate) use self::rest::{KEPT, kept};
use self::waiting::{Waiter, Waiting};
use super::refusal::Refusal;
use crate::config::Moment;
use crate::member::{MemberId, SHORT};
use crate::money::{AccountLevel, AccountPath, Booked, Booking, Rules};

/// The most heartbeats that a call waits for siblings to give back.
const PATIENCE: u32 = 2;

/// A member's side of an account.
#[derive(Debug)]
pub(crate) struct Till {
    pub(crate) account: AccountPath,
    pub(crate) rules: Rules,
    /// Who the member is to the backend, as a holder of this account. Taken up again, the account has another
    /// holder, whose totals begin anew.
    pub(crate) holder: MemberId,
    pub(crate) opening: Opening,
    /// Somebody has the account. Before, no money is taken: there may be another purse by then.
    pub(crate) given: bool,
    seq: u64,
    heard: u64,
    granted: Usd,
    lost: Usd,
    returned: Usd,
    /// What the last booking that was heard told.
    told: Told,
    /// The last booking that had no answer: nobody knows what became of it until a later one is heard.
    unheard: u64,
    /// Bookings without an answer yet.
    sent: Vec<Sent>,
    /// When the last booking was sent that was heard: the time of the grant counts from there.
    pub(crate) booked_at: Moment,
    pub(crate) waiting: Waiting,
    per_turn: Usd,
    /// The largest amount that a reservation lacked, of late, or what a turn is said to reserve.
    usual: Usd,
    /// A reservation was refused, and nobody waits: it is for the next one.
    lacked: Usd,
    /// The most that was reserved and spent in a heartbeat, of late.
    flow: Usd,
    /// What the last heartbeat read.
    last: Reading,
    ticks: u32,
    path: Path,
    short_until: Moment,
    /// The backend may know something else since the last booking.
    outdated: bool,
    /// Until then, this much is not asked for, nor more: there is less.
    dry: (Moment, Usd),
    /// What may be spent beyond all grants while the backend is away.
    extra: Usd,
    pub(crate) rest: Rest,
    /// The backend has heard that the member leaves the account.
    pub(crate) left: bool,
    /// The marks that this member has told. Answers of bookings that were under way together give the same.
    marked: Vec<Mark>,
    pub(crate) refusal: Refusal,
}

impl Till {
    pub(crate) fn new(account: AccountPath, rules: Rules, holder: MemberId, per_turn: Usd) -> Self {
        let path = Path::new(&account, &rules, rules.amount);
        Self {
            account,
            rules,
            holder,
            opening: Opening::Needed,
            given: false,
            seq: 0,
            heard: 0,
            granted: Usd::ZERO,
            lost: Usd::ZERO,
            returned: Usd::ZERO,
            told: Told::default(),
            unheard: 0,
            sent: Vec::new(),
            booked_at: Duration::ZERO,
            waiting: Waiting::default(),
            per_turn,
            usual: per_turn,
            lacked: Usd::ZERO,
            flow: Usd::ZERO,
            last: Reading::default(),
            ticks: 0,
            path,
            short_until: Duration::ZERO,
            outdated: false,
            dry: Default::default(),
            extra: Usd::ZERO,
            rest: Rest::default(),
            left: false,
            marked: Vec::new(),
            refusal: Refusal::default(),
        }
    }

    /// A call waits for what a reservation of `amount` lacks. `None`: there is no use in waiting.
    pub(crate) fn ask(&mut self, amount: Usd, tick: Duration, now: Moment) -> Option<u64> {
        // Who waits for siblings is not alone with that.
        self.rest.end(now);
        if amount < self.dry.1 {
            self.dry = Default::default();
        }
        let dry = now < self.dry.0 && self.waiting.is_empty();
        if dry || self.opening == Opening::Refused {
            return None;
        }
        self.note(amount);
        Some(self.waiting.join(amount, now.saturating_add(tick * PATIENCE)))
    }

    /// A reservation was refused, and nobody waits. Returns why, if the backend is there.
    pub(crate) fn lacks(&mut self, amount: Usd) -> Lack {
        self.note(amount);
        self.lacked = self.lacked.max(amount);
        self.path.lack(amount)
    }

    fn note(&mut self, amount: Usd) {
        self.usual = self.path.usual(self.usual, amount).max(self.per_turn);
    }

    /// Those who wait for what is idle: it came, or was set free, since they asked. A booking of theirs would ask
    /// for nothing.
    pub(crate) fn covered(&mut self, reading: Reading) -> Vec<(u64, bool)> {
        let asked = self.asked();
        let covered = |waiter: &Waiter| waiter.id >= asked && reading.covers(waiter.amount);
        self.waiting.answer(true, covered)
    }

    /// Another member is short of money.
    pub(crate) fn run_short(&mut self, now: Moment) {
        self.short_until = self.short_until.max(now.saturating_add(SHORT));
    }

    /// The backend may know something else of the account by now, such as other rules.
    pub(crate) const fn outdate(&mut self) {
        self.outdated = true;
    }

    pub(crate) fn is_short(&self, now: Moment) -> bool {
        now < self.short_until
    }

    /// A heartbeat begins. Returns the most that is to be taken out of the account, to be given back.
    pub(crate) fn tick(&mut self, reading: Reading, now: Moment) -> Usd {
        let used = |reading: Reading| reading.spent.saturating_add(reading.reserved);
        let growth = used(reading).saturating_sub(used(self.last));
        self.flow = growth.max(less(self.flow, 8));
        // Halved in a minute and a half.
        self.usual = less(self.usual, 256).max(self.per_turn);
        self.ticks = self.ticks.saturating_add(1);
        self.rest.look(reading.held || !self.waiting.is_empty(), now);
        let surplus = self.surplus(reading, now);
        self.last = reading;
        surplus
    }

    /// What is idle and not needed. Money that came since the last heartbeat is not: who waited for it has not
    /// reserved it yet.
    pub(crate) fn surplus(&self, reading: Reading, now: Moment) -> Usd {
        /// It is not known before how much is needed.
        const KNOWN: u32 = 8;
        let idle = reading.idle.min(self.last.idle);
        if !self.waiting.is_empty() {
            return Usd::ZERO;
        }
        if self.rest.rests {
            return idle;
        }
        if !self.path.enforced {
            return Usd::ZERO;
        }
        if self.path.strict || self.is_short(now) {
            return idle;
        }
        let chunk = self.path.chunk(self.usual, self.flow);
        let too_much = self.ticks > KNOWN && reading.idle > chunk.saturating_add(chunk);
        if too_much { idle.min(reading.idle.saturating_sub(chunk)) } else { Usd::ZERO }
    }

    /// This much was taken out of the account.
    pub(crate) fn took(&mut self, amount: Usd) {
        self.returned = self.returned.saturating_add(amount);
        self.last.idle = self.last.idle.saturating_sub(amount);
    }

    /// What calls lack, and what is taken beyond that.
    fn wants(&self, reading: Reading, now: Moment) -> (Usd, Usd) {
        if !self.path.enforced || !self.given || self.rest.rests {
            return (Usd::ZERO, Usd::ZERO);
        }
        // What calls have taken beyond what was granted comes first.
        let used = reading.spent.saturating_add(reading.reserved).saturating_add(self.returned);
        let debt = used.saturating_sub(self.granted.saturating_sub(self.lost));
        let lack = |amount: Usd| match amount {
            Usd::ZERO if debt.is_zero() => Usd::ZERO,
            amount => amount.saturating_add(debt).saturating_sub(reading.idle),
        };
        let all: Usd = self.waiting.amounts().sum();
        let first = self.waiting.amounts().min().unwrap_or_default();
        let chunk = self.path.chunk(self.usual, self.flow);
        let low = reading.idle.nanos() < chunk.nanos() / 2;
        let extra = if self.is_short(now) || self.path.is_near(chunk) || !low {
            Usd::ZERO
        } else {
            chunk.saturating_sub(reading.idle)
        };
        let lacked = if self.waiting.is_empty() { lack(self.lacked) } else { Usd::ZERO };
        (lack(first), lack(all).max(lacked).max(lack(all).saturating_add(extra)))
    }

    /// Whether a call of its own is due, beside the heartbeat: it is to be opened, calls wait that no booking under way asks
    /// for, or who opens the account does, or a sibling waits for what was taken out.
    pub(crate) fn calls(&self, now: Moment) -> bool {
        let waits = self.waiting.has(self.asked()) && now >= self.dry.0;
        let asks = waits || (!self.is_known() && self.sent.is_empty());
        let is_done = self.opening == Opening::Done;
        self.opening == Opening::Needed || is_done && asks || self.has_returned(now)
    }

    /// The waiters with smaller numbers are asked for by a booking under way.
    fn asked(&self) -> u64 {
        self.sent.iter().map(|sent| sent.asked).max().unwrap_or(0)
    }

    /// Whether something was taken out for a sibling that waits for it, and was not told yet.
    fn has_returned(&self, now: Moment) -> bool {
        let told = self.sent.iter().map(|sent| sent.told.returned).chain([self.told.returned]);
        let told = told.max().unwrap_or_default();
        self.opening == Opening::Done && self.is_short(now) && self.returned > told
    }

    /// Whether the heartbeat has something to tell or to ask.
    pub(crate) fn is_due(
        &self,
        reading: Reading,
        times: (Duration, Duration),
        now: Moment,
    ) -> bool {
        let news = self.told != self.telling(reading) || self.unheard > self.heard;
        // What nobody pushes, such as other rules, is heard with this one as well.
        let old = self.outdated || self.rest.is_due(self.booked_at, times, now);
        let wants = !self.wants(reading, now).1.is_zero();
        // Who has idle money near the limit hears with each heartbeat whether others lack it.
        let chunk = self.path.chunk(self.usual, self.flow);
        let idle = self.path.enforced && !reading.idle.is_zero() && self.path.is_near(chunk);
        news || wants || idle || old
    }

    /// Whether it may be forgotten, if nobody has the account: the backend has heard all of it, and a last time after
    /// all that while, and has back what was held. Or it never heard of it, and there is nothing to tell.
    pub(crate) fn is_over(&self, keep: Duration, now: Moment) -> bool {
        let Told { spent, returned, .. } = self.telling(self.last);
        let held = [spent, returned, self.lost].into_iter().fold(self.granted, Usd::saturating_sub);
        let quiet = self.sent.is_empty() && self.waiting.is_empty() && self.unheard <= self.heard;
        let heard = self.told == self.telling(self.last) && held.is_zero();
        let unknown = self.heard == 0 && spent.is_zero() && self.opening != Opening::UnderWay;
        let over = self.rest.is_over(self.booked_at, keep, now);
        quiet
            && if self.heard > 0 { heard && over } else { unknown && self.rest.is_time(keep, now) }
    }

    const fn telling(&self, reading: Reading) -> Told {
        let Reading { spent, estimated, .. } = reading;
        Told { spent, estimated, returned: self.returned }
    }

    /// The next booking.
    pub(crate) fn booking(&mut self, reading: Reading, ttl: Duration, now: Moment) -> Booking {
        self.seq += 1;
        let leaves = ttl.is_zero();
        let ttl = if self.rest.rests { Duration::ZERO } else { ttl };
        let (least, most) =
            if ttl.is_zero() { (Usd::ZERO, Usd::ZERO) } else { self.wants(reading, now) };
        (self.lacked, self.outdated) = (Usd::ZERO, false);
        let told = self.telling(reading);
        self.sent.push(Sent {
            seq: self.seq,
            at: now,
            told,
            asked: self.waiting.next(),
            rests: self.rest.rests,
            leaves,
        });
        Booking {
            account: self.account.clone(),
            member: self.holder.clone(),
            seq: self.seq,
            heard: self.heard,
            granted: self.granted,
            spent: told.spent,
            estimated: told.estimated,
            returned: told.returned,
            least,
            most,
            ttl,
        }
    }

    /// The booking with this number has no answer.
    pub(crate) fn unheard(&mut self, seq: u64) {
        self.sent.retain(|sent| sent.seq != seq);
        self.unheard = self.unheard.max(seq);
    }

    /// The booking with this number was answered.
    pub(crate) fn heard(
        &mut self,
        seq: u64,
        booked: &Booked,
        (members, tick): (u32, Duration),
        now: Moment,
    ) -> Heard {
        let Some(index) = self.sent.iter().position(|sent| sent.seq == seq) else {
            return Heard::default();
        };
        let sent = self.sent.swap_remove(index);
        if seq <= self.heard {
            // A later one was answered before.
            return Heard::default();
        }
        let came = booked.granted > self.granted;
        (self.heard, self.told, self.booked_at) = (seq, sent.told, sent.at);
        (self.rest.heard, self.left) = (sent.rests, sent.leaves);
        self.granted = self.granted.max(booked.granted);
        self.lost = self.lost.max(booked.lost);
        if booked.short {
            self.run_short(now);
        }
        let used = sent.told.spent.saturating_add(sent.told.returned).saturating_add(self.lost);
        self.path.learn(booked, self.granted.saturating_sub(used), members);
        if let Some(own) = booked.path.first() {
            self.rules.clone_from(&own.state.rules);
        }
        let mut heard = Heard { answered: Vec::new(), marks: self.mark(booked) };
        let asked = |waiter: &Waiter| waiter.id < sent.asked;
        if came || !self.path.enforced {
            heard.answered = self.waiting.answer(true, asked);
        } else {
            // Siblings that hold money give it back, and then it is asked for again.
            let patient = !self.path.others.is_zero();
            let least = self.waiting.amounts().min().unwrap_or_default();
            let over = |waiter: &Waiter| asked(waiter) && (!patient || now >= waiter.until);
            heard.answered = self.waiting.answer(false, over);
            if sent.asked > 0 && (!heard.answered.is_empty() || !self.waiting.is_empty()) {
                self.dry = (now.saturating_add(tick), least);
            }
        }
        heard
    }

    /// The marks of an answer that were not told yet. Under another limit a mark is another one.
    fn mark(&mut self, booked: &Booked) -> Vec<Mark> {
        let mut marks = Vec::new();
        for AccountLevel { state, marks: percents } in &booked.path {
            let (limit, spent) = (state.rules.amount, state.spent);
            for percent in percents.iter().copied() {
                let mark = Mark { account: state.account.clone(), percent, limit, spent };
                if !self.marked.iter().any(|told| told.is(&mark)) {
                    self.marked.push(mark.clone());
                    marks.push(mark);
                }
            }
        }
        marks
    }
}
