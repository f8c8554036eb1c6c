//! What follows from the answers of the backend, and from their absence.

use std::sync::Arc;
use std::time::Duration;

use runtime_resilience::chain_text;
use runtime_usage::Usd;

use super::{
    About, Answer, Applied, Cap, Core, Due, Followed, Kept, Leaving, Mark, News, Opening, Part,
    Reading, Refusal, Rhythm, Till, age,
};
use crate::config::{Moment, Policy};
use crate::error::StateError;
use crate::money::{AccountPath, Booked};
use crate::pace::Share;
use crate::probe::Probe;
use crate::state::View;

/// What the local accounts, breakers and limiters are to do, and what is to be told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// A call that waits for money finds out whether some came.
    Answered {
        account: usize,
        waiter: u64,
        came: bool,
    },
    Mark(Mark),
    Follow {
        breaker: usize,
        followed: Followed,
    },
    Paused {
        limit: usize,
        wait: Duration,
    },
    Rest {
        route: Arc<str>,
        wait: Duration,
    },
    News(News),
}

/// The calls for which there is enough by now: money has come, or was set free, since they began to wait.
pub(super) fn covered(
    tills: &mut Kept<Till>,
    readings: &[Reading],
) -> impl Iterator<Item = Effect> {
    tills
        .iter_mut()
        .zip(readings)
        .flat_map(|((account, till), reading)| answers(account, till.covered(*reading)))
}

/// What calls that wait for money of an account find out.
fn answers(account: usize, answered: Vec<(u64, bool)>) -> impl Iterator<Item = Effect> {
    answered.into_iter().map(move |(waiter, came)| Effect::Answered { account, waiter, came })
}

/// All calls that wait for money find out that there is nothing.
fn given_up(tills: &mut Kept<Till>) -> impl Iterator<Item = Effect> {
    tills.iter_mut().flat_map(|(account, till)| answers(account, till.waiting.give_up()))
}

/// The backend has no such account any more. One that has nothing to tell does not find out by itself.
fn forgotten(tills: &mut Kept<Till>, account: &AccountPath) {
    if let Some((_, till)) = tills.named(account.as_str())
        && till.opening == Opening::Done
    {
        till.opening = Opening::Needed;
    }
}

impl Core {
    /// What has followed since the last look, and whether a call was answered or the member has left.
    pub(crate) fn effects(&mut self) -> (Vec<Effect>, bool) {
        let news = std::mem::take(&mut self.news) || self.is_over();
        (std::mem::take(&mut self.effects), news)
    }

    /// What calls of an account may commit now, and what may still be granted.
    pub(crate) fn cap(&self, till: &Till, now: Moment) -> (Cap, Usd) {
        if self.is_over() {
            return (Cap::Granted(Usd::ZERO), Usd::ZERO);
        }
        let away = self.away(&till.refusal, |policies| policies.money);
        (till.cap(away, self.rhythm.ttl, self.rhythm.tick, now), till.elsewhere())
    }

    /// What each limiter goes by now.
    pub(crate) fn applied(&self) -> Vec<Applied> {
        let over = self.is_over();
        let applied = |part: &Part| if over { Applied::Nothing } else { part.applied() };
        self.parts.values().map(applied).collect()
    }

    /// Whether the member has left.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.leaving, Leaving::Over { .. })
    }

    /// Whether the local breaker at a place may let a probe through, and if not, whether that is the first refusal.
    pub(crate) fn may_probe(&mut self, place: usize, now: Moment) -> Result<(), bool> {
        // Nobody follows one that has been forgotten.
        let nothing = Refusal::default();
        let own = self.followers.get(place);
        let refusal = own.map_or(&nothing, |own| &own.refusal);
        let away = self.away(refusal, |policies| policies.breakers);
        // Each member probes for itself.
        let alone = away.is_some_and(|policy| policy != Policy::FailClosed);
        match self.followers.get_mut(place) {
            Some(own) => own.may_probe(alone, now),
            None if alone => Ok(()),
            None => Err(false),
        }
    }

    /// Nobody looks after the member any more.
    pub(crate) fn end(&mut self) {
        if !self.is_over() {
            self.leaving = Leaving::Over { told: false };
        }
        self.effects.extend(given_up(&mut self.tills));
    }

    pub(super) fn expire(&mut self, now: Moment) {
        let (down, Rhythm { expected, ttl, policies, .. }) = (self.is_away(), self.rhythm);
        for part in self.parts.values_mut() {
            let away = (down || part.refusal.is_there()).then_some(policies.limits);
            part.expire(away, expected, ttl, now);
        }
    }

    pub(super) fn follow(&mut self, breaker: usize, followed: Option<Followed>) {
        self.effects.extend(followed.map(|followed| Effect::Follow { breaker, followed }));
    }

    pub(super) fn paused(&mut self, name: &str, wait: Duration, now: Moment) {
        if let Some((limit, part)) = self.parts.named(name)
            && part.pause(wait, now)
        {
            self.effects.push(Effect::Paused { limit, wait });
        }
        if self.pauses.pushed(name, wait, now) {
            self.effects.push(Effect::Rest { route: name.into(), wait });
        }
    }

    pub(super) fn hear(&mut self, due: &Due, answer: Answer, now: Moment) {
        let late = now.saturating_sub(age::said(due.at, self.rhythm.tick, now));
        match (&due.about, answer) {
            (About::Sync { .. }, Answer::Sync(all)) => self.hear_all(due, all, late, now),
            (About::Account(index), Answer::Account(account)) => {
                let left = account.left();
                if let Some(till) = self.tills.get_mut(*index) {
                    till.opened(account.rules, left);
                }
            }
            (About::Booking(index, seq), Answer::Booked(booked)) => {
                self.hear_booked(*index, *seq, &booked, now);
            }
            (About::Breaker(index, known, call), Answer::Breaker(view)) => {
                let Some(own) = self.followers.get_mut(*index) else { return };
                let followed = own.told(view.after(late), (*known, *call), now);
                self.follow(*index, followed);
            }
            (About::Breaker(index, known, _), Answer::Probe(probe)) => {
                let Some(own) = self.followers.get_mut(*index) else { return };
                let followed = match probe {
                    Probe::Granted(lease) => {
                        own.granted(lease, due.at);
                        None
                    }
                    Probe::Refused(view) => own.refused(view.after(late), *known, now),
                };
                self.follow(*index, followed);
            }
            (About::Pause(name, until), Answer::Paused) => {
                self.pauses.told(name, *until, None);
            }
            // A backend that answers something else.
            _ => {}
        }
    }

    /// An answer that comes so late.
    fn hear_all(&mut self, due: &Due, view: View, late: Duration, now: Moment) {
        let About::Sync { known, limits, routes, last, bookings } = &due.about else { return };
        self.syncing = false;
        self.age.heard(view.at, now.saturating_sub(late));
        let news = self.uncounted.hears(("count", "members"), view.members.as_ref().err(), now);
        self.effects.extend(news.map(Effect::News));
        self.members = view.members.map_or(self.members, |members| members.max(1));
        if *last {
            self.leaving = Leaving::Over { told: true };
        }
        for (view, (index, known)) in view.breakers.into_iter().zip(known.iter().copied()) {
            let Some(own) = self.followers.get_mut(index) else { continue };
            let news = own.refusal.hears(("breaker", &own.name), view.as_ref().err(), now);
            let followed = view.ok().and_then(|view| own.view(view.after(late), Some(known), now));
            self.effects.extend(news.map(Effect::News));
            self.follow(index, followed);
        }
        for (share, limit) in view.shares.into_iter().zip(limits.iter().copied()) {
            let Some(part) = self.parts.get_mut(limit) else { continue };
            let news = part.refusal.hears(("limit", &part.name), share.as_ref().err(), now);
            self.effects.extend(news.map(Effect::News));
            let Ok(share) = share else { continue };
            let share = Share { paused: age::left(share.paused, late), ..share };
            if let Some(wait) = part.share(&share, due.at, self.rhythm.ttl, now) {
                self.effects.push(Effect::Paused { limit, wait });
            }
        }
        for (route, rest) in routes.iter().zip(view.pauses) {
            let rest = rest.map(|rest| age::left(rest, late));
            let (news, rest) = self.pauses.hear(route, rest, now);
            self.effects.extend(news.map(Effect::News));
            self.effects.extend(rest.map(|wait| Effect::Rest { route: route.clone(), wait }));
        }
        for ((index, seq), booked) in bookings.iter().zip(view.booked) {
            match booked {
                Ok(booked) => self.hear_booked(*index, *seq, &booked, now),
                Err(error) => self.refused(*index, *seq, &error, now),
            }
        }
    }

    fn hear_booked(&mut self, account: usize, seq: u64, booked: &Booked, now: Moment) {
        let with = (self.members, self.rhythm.tick);
        let Some(till) = self.tills.get_mut(account) else { return };
        let heard = till.heard(seq, booked, with, now);
        let news = till.refusal.hears(("account", till.account.as_str()), None, now);
        self.effects.extend(news.map(Effect::News));
        self.effects.extend(heard.marks.into_iter().map(Effect::Mark));
        self.effects.extend(answers(account, heard.answered));
    }

    /// The backend does not take a booking. That is a matter of this account alone.
    fn refused(&mut self, account: usize, seq: u64, error: &StateError, now: Moment) {
        let Rhythm { policies, expected, .. } = self.rhythm;
        let Some(till) = self.tills.get_mut(account) else { return };
        till.unheard(seq);
        if !matches!(error, StateError::NoAccount { .. }) {
            till.cut_off(policies.money, expected);
            let news = till.refusal.hears(("account", till.account.as_str()), Some(error), now);
            self.effects.extend(news.map(Effect::News));
            return self.effects.extend(answers(account, till.waiting.give_up()));
        }
        // There is no such account, or none any more: it is opened again.
        till.opening = Opening::Needed;
        // It may have forgotten others of the tree, which have nothing to tell.
        let root = till.account.root().to_owned();
        let of_tree = |till: &&mut Till| till.account.root() == root;
        self.tills.values_mut().filter(of_tree).for_each(Till::outdate);
    }

    pub(super) fn failed(&mut self, due: &Due, error: &StateError, now: Moment) {
        let (tills, followers) = (&mut self.tills, &mut self.followers);
        match &due.about {
            About::Sync { bookings, last, .. } => {
                self.syncing = false;
                for (index, seq) in bookings {
                    tills.get_mut(*index).into_iter().for_each(|till| till.unheard(*seq));
                }
                if let (true, Leaving::Telling { by }) = (*last, self.leaving) {
                    self.leaving = Leaving::Asked { by };
                }
            }
            About::Account(index) => {
                let Some(till) = tills.get_mut(*index) else { return };
                if error.is_unavailable() {
                    till.opening = Opening::Needed;
                    return self.cut_off(error, now);
                }
                till.opening = Opening::Refused;
                if till.given {
                    let account = ("account", till.account.as_str());
                    let news = till.refusal.hears(account, Some(error), now);
                    self.effects.extend(news.map(Effect::News));
                }
                self.effects.extend(answers(*index, till.waiting.give_up()));
                if let StateError::NoAccountAbove { above, .. } = error {
                    forgotten(tills, above);
                }
                return;
            }
            About::Booking(index, seq) if error.is_unavailable() => {
                tills.get_mut(*index).into_iter().for_each(|till| till.unheard(*seq));
            }
            About::Booking(index, seq) => return self.refused(*index, *seq, error, now),
            About::Breaker(index, _, call) => {
                let Some(own) = followers.get_mut(*index) else { return };
                own.unanswered(*call);
                if !error.is_unavailable() {
                    let news = own.refusal.hears(("breaker", &own.name), Some(error), now);
                    return self.effects.extend(news.map(Effect::News));
                }
            }
            About::Pause(name, until) => {
                self.pauses.told(name, *until, Some(error));
                if !error.is_unavailable() {
                    // The heartbeat hears why.
                    return;
                }
            }
        }
        self.cut_off(error, now);
    }

    /// The backend is away.
    fn cut_off(&mut self, error: &StateError, now: Moment) {
        let why = chain_text(error);
        let (spread, tick) = (self.spread.f64(), self.rhythm.tick);
        if self.link.failed(&why, tick, spread, now) {
            self.effects.push(Effect::News(News::Degraded { of: None, why }));
            let (policy, expected) = (self.rhythm.policies.money, self.rhythm.expected);
            self.tills.values_mut().for_each(|till| till.cut_off(policy, expected));
        }
        self.effects.extend(given_up(&mut self.tills));
    }
}
