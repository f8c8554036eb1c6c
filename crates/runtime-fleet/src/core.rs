//! The rules of a member: what it tells the backend, when, and what follows from the answers.
//!
//! Nothing here reads a clock, waits, locks or calls. [`Core::poll`] takes what the local accounts, breakers and
//! limiters say, and returns the calls that are due. Each call is answered once, by [`Core::answered`]. What the
//! local ones are to do is in [`Core::effects`].

mod age;
mod calls;
mod effects;
mod kept;
mod limit;
mod link;
mod money;
mod pauses;
mod probe;
mod refusal;
mod unused;

use std::sync::Arc;
use std::time::Duration;

use runtime_usage::Usd;

use self::age::Age;
use self::calls::Turn;
pub(crate) use self::effects::Effect;
pub(crate) use self::kept::Kept;
pub(crate) use self::limit::{Applied, Asked, Part};
use self::link::Link;
pub(crate) use self::money::{Cap, Mark, Opening, Reading, Till};
use self::pauses::Pauses;
pub(crate) use self::probe::{BreakerCall, Followed, Follower};
pub(crate) use self::refusal::{News, Refusal};
pub(crate) use self::unused::Unused;
use crate::config::{Moment, Policies, Policy};
use crate::error::StateError;
use crate::member::MemberId;
use crate::money::{AccountPath, AccountState, Booked, Booking, Rules};
use crate::probe::{BreakerView, Probe};
use crate::state::{Change, MemberReport, View};

/// The settings that the rules read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    pub(crate) tick: Duration,
    pub(crate) ttl: Duration,
    pub(crate) expected: u32,
    pub(crate) keep: Duration,
    pub(crate) policies: Policies,
}

/// What the local accounts, limiters and breakers say, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    pub(crate) accounts: Vec<Reading>,
    pub(crate) limiters: Vec<Asked>,
    /// Whether each breaker is of use: somebody has it, or it is not closed.
    pub(crate) breakers: Vec<bool>,
}

/// A call of the backend.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Sync(MemberReport),
    OpenAccount(AccountPath, Rules),
    Book(Booking),
    Breaker(Arc<str>, BreakerCall),
    Pause(Arc<str>, Duration),
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Sync(View),
    Account(AccountState),
    Booked(Booked),
    Breaker(BreakerView),
    Probe(Probe),
    Paused,
}

/// What a call is about, until it is answered.
#[derive(Clone, Debug)]
pub(crate) enum About {
    /// The places of the breakers, and their generations that were known; the places of the limits that are wanted;
    /// the routes that are followed; and the places and numbers of the bookings.
    Sync {
        known: Vec<(usize, u64)>,
        limits: Vec<usize>,
        routes: Vec<Arc<str>>,
        bookings: Vec<(usize, u64)>,
        last: bool,
    },
    Account(usize),
    Booking(usize, u64),
    /// Which, the generation that was known, and the number of the call.
    Breaker(usize, u64, u64),
    /// Its name, and its end.
    Pause(Arc<str>, Moment),
}

/// A call that is due.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) call: Call,
    pub(crate) about: About,
    /// When it was made.
    pub(crate) at: Moment,
}

/// How far the member's end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    No,
    /// It is to be told.
    Asked {
        by: Moment,
    },
    /// The last report is under way.
    Telling {
        by: Moment,
    },
    /// The backend has heard it, or it cannot.
    Over {
        told: bool,
    },
}

/// The member.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) member: MemberId,
    rhythm: Rhythm,
    pub(crate) link: Link,
    age: Age,
    pub(crate) tills: Kept<Till>,
    pub(crate) followers: Kept<Follower>,
    pub(crate) parts: Kept<Part>,
    pub(crate) pauses: Pauses,
    /// How many members there are, as last heard.
    pub(crate) members: u32,
    pub(crate) uncounted: Refusal,
    seq: u64,
    next_sync: Moment,
    syncing: bool,
    turn: Turn,
    pub(crate) leaving: Leaving,
    effects: Vec<Effect>,
    /// A call was answered.
    news: bool,
    /// For the waits between tries.
    spread: fastrand::Rng,
    /// All calls so far.
    pub(crate) calls: u64,
}

impl Core {
    pub(crate) fn new(member: MemberId, rhythm: Rhythm, seed: u64) -> Self {
        Self {
            member,
            rhythm,
            link: Link::new(),
            age: Age::default(),
            tills: Kept::default(),
            followers: Kept::default(),
            parts: Kept::default(),
            pauses: Pauses::default(),
            members: 1,
            uncounted: Refusal::default(),
            seq: 0,
            next_sync: Duration::ZERO,
            syncing: false,
            turn: Turn::default(),
            leaving: Leaving::No,
            effects: Vec::new(),
            news: false,
            spread: fastrand::Rng::with_seed(seed),
            calls: 0,
        }
    }

    fn is_away(&self) -> bool {
        self.link.is_down() || self.is_over()
    }

    /// The policy that holds for a thing of a kind, if the backend is away or refuses to share it.
    fn away(&self, refusal: &Refusal, of: impl Fn(&Policies) -> Policy) -> Option<Policy> {
        (self.is_away() || refusal.is_there()).then(|| of(&self.rhythm.policies))
    }

    /// Adds what is followed. It is told at once.
    pub(crate) fn add(&mut self, now: Moment, add: impl FnOnce(&mut Self)) {
        add(self);
        self.next_sync = self.next_sync.min(now);
    }

    /// Whether what an account has idle is looked at now, since a heartbeat is due, a sibling is short or the
    /// member leaves. Returns how much is to be taken out of each account.
    pub(crate) fn surplus(&mut self, readings: &Readings, now: Moment) -> Vec<(usize, Usd)> {
        let leaves = matches!(self.leaving, Leaving::Asked { .. });
        let (ticks, away, policy) =
            (self.sync_is_due(now), self.is_away(), self.rhythm.policies.money);
        let readings = readings.accounts.iter().copied();
        let look = |((index, till), mut reading): ((usize, &mut Till), Reading)| {
            let away = (away || till.refusal.is_there()).then_some(policy);
            // Only what was granted can be given back.
            reading.idle = reading.idle.saturating_sub(till.beyond(away));
            let surplus = match () {
                () if leaves => reading.idle,
                () if ticks => till.tick(reading, now),
                () if till.is_short(now) => till.surplus(reading, now),
                () => Usd::ZERO,
            };
            (!surplus.is_zero()).then_some((index, surplus))
        };
        self.tills.iter_mut().zip(readings).filter_map(look).collect()
    }

    pub(crate) fn sync_is_due(&self, now: Moment) -> bool {
        !self.syncing && now >= self.next_sync && self.link.may_try(now)
    }

    /// The calls that are due. Readings were made since [`surplus`](Self::surplus).
    pub(crate) fn poll(&mut self, readings: &Readings, now: Moment) -> Vec<Due> {
        let mut due = Vec::new();
        self.effects.extend(effects::covered(&mut self.tills, &readings.accounts));
        match self.leaving {
            Leaving::Over { .. } => return due,
            Leaving::Asked { by } | Leaving::Telling { by } if now >= by => {
                self.leaving = Leaving::Over { told: false };
                return due;
            }
            Leaving::Asked { by } if !self.syncing && self.link.may_try(now) => {
                self.farewell(readings, by, now, &mut due);
            }
            Leaving::No if self.sync_is_due(now) => {
                let ttl = self.rhythm.ttl;
                self.next_sync = now.saturating_add(self.rhythm.tick);
                self.tills.values_mut().for_each(Till::try_again);
                self.pauses.try_again();
                self.sync(readings, (ttl, false), now, &mut due);
            }
            Leaving::No if self.turn.more && !self.syncing && !self.is_away() => {
                self.sync(readings, (self.rhythm.ttl, true), now, &mut due);
            }
            _ => {}
        }
        if !self.link.is_down() && self.leaving == Leaving::No {
            self.others(readings, now, &mut due);
        }
        self.expire(now);
        self.calls += due.len() as u64;
        due
    }

    /// When [`poll`](Self::poll) has something to do, if nothing happens before. Never, if the member has left.
    pub(crate) fn next(&self, now: Moment) -> Option<Moment> {
        let sync = if self.syncing { None } else { Some(self.next_sync) };
        let sync = sync.map(|at| at.max(self.link.retry_at().unwrap_or_default()));
        let leaving = match self.leaving {
            Leaving::Asked { by } | Leaving::Telling { by } => Some(by),
            Leaving::No => None,
            Leaving::Over { .. } => return None,
        };
        let breakers = self.followers.values().filter_map(Follower::next);
        let parts = self.parts.values().filter_map(Part::until);
        let Rhythm { ttl, tick, .. } = self.rhythm;
        let fences = self.tills.values().filter_map(|till| till.fence(ttl, tick));
        let all = sync.into_iter().chain(leaving).chain(breakers).chain(parts).chain(fences);
        let at_the_latest = now.saturating_add(tick);
        // What is over already was looked at by this poll.
        Some(all.filter(|at| *at > now).fold(at_the_latest, Moment::min))
    }

    /// The member is to leave, within this time.
    pub(crate) fn leave(&mut self, within: Duration, now: Moment) {
        if self.leaving == Leaving::No {
            self.leaving = Leaving::Asked { by: now.saturating_add(within) };
        }
    }

    /// The backend pushes a change.
    pub(crate) fn pushed(&mut self, change: Change, now: Moment) {
        match change {
            Change::Breaker { name, view, at } => {
                let Some(age) = self.age.of(at, now) else { return };
                let view = view.after(age);
                let Some((breaker, own)) = self.followers.named(&name) else { return };
                let followed = own.view(view, None, now);
                self.follow(breaker, followed);
            }
            Change::Pause { name, wait, at } => {
                let age = self.age.of(at, now);
                if let Some(wait) = age.and_then(|age| age::left(Some(wait), age)) {
                    self.paused(&name, wait, now);
                }
            }
            Change::Short { account, member } => {
                // Other accounts of this process as well: who is short is one account's holder.
                let other =
                    |till: &&mut Till| till.holder != member && till.account.is_within(&account);
                self.tills.values_mut().filter(other).for_each(|till| till.run_short(now));
            }
            Change::Rules { account } => {
                let within = |till: &&mut Till| till.account.is_within(&account);
                self.tills.values_mut().filter(within).for_each(Till::outdate);
                self.next_sync = self.next_sync.min(now);
            }
            Change::Connected => self.link.try_now(now),
        }
    }

    /// A call had this answer, or none.
    pub(crate) fn answered(&mut self, due: &Due, answer: Result<Answer, StateError>, now: Moment) {
        self.news = true;
        if let About::Account(_) | About::Booking(..) = due.about {
            self.turn.asking = self.turn.asking.saturating_sub(1);
        }
        match answer {
            Ok(answer) => {
                if let Some(away) = self.link.answered(now) {
                    self.effects.push(Effect::News(News::Recovered { of: None, away }));
                    self.next_sync = self.next_sync.min(now);
                }
                self.hear(due, answer, now);
            }
            Err(error) => self.failed(due, &error, now),
        }
    }
}
