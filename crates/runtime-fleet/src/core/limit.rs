//! [`Part`]: a member's side of a limit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::money::{KEPT, kept};
use super::refusal::Refusal;
use crate::config::{Moment, Policy};
use crate::pace::{PerMinute, Share, UNIT, Want, rounded};

/// How far back demand is looked at.
const WINDOW: Duration = Duration::from_secs(10);

const MINUTE: Duration = Duration::from_secs(60);

/// Two ends of a pause that are closer than this are the same.
const CLOSE: Duration = Duration::from_millis(50);

/// What the local limiter says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The limits of the whole fleet.
    pub(crate) limits: PerMinute,
    /// All that was ever asked for.
    pub(crate) units: [u64; 4],
    /// What waiting calls ask for.
    pub(crate) waiting: [u64; 4],
    /// Whether anybody has it.
    pub(crate) held: bool,
}

/// What the local limiter goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    Nothing,
    Share(PerMinute),
}

/// A member's side of a limit.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: Arc<str>,
    applied: Applied,
    /// When its time is over. `None` before the first share.
    until: Option<Moment>,
    samples: VecDeque<(Moment, [u64; 4])>,
    limits: PerMinute,
    paused_until: Moment,
    /// When somebody had the limiter last.
    held_at: Moment,
    pub(crate) refusal: Refusal,
}

impl Part {
    pub(crate) fn new(name: Arc<str>, limits: PerMinute) -> Self {
        Self {
            name,
            applied: Applied::Nothing,
            until: None,
            samples: VecDeque::new(),
            limits,
            paused_until: Duration::ZERO,
            held_at: Duration::ZERO,
            refusal: Refusal::default(),
        }
    }

    /// Whether it may be forgotten, if nobody has the limiter.
    pub(super) fn is_over(&self, keep: Duration, now: Moment) -> bool {
        now >= self.held_at.saturating_add(kept(keep)).max(self.paused_until)
    }

    /// Somebody asks for the limiter.
    pub(crate) const fn asked_for(&mut self, now: Moment) {
        self.held_at = now;
    }

    /// What the member wants of the limit: nothing, if nobody has had the limiter for a while.
    pub(crate) fn want(&mut self, asked: Asked, now: Moment) -> Option<Want> {
        if asked.held {
            self.asked_for(now);
        }
        if now >= self.held_at.saturating_add(KEPT) {
            (self.applied, self.until) = (Applied::Nothing, None);
            self.samples.clear();
            return None;
        }
        self.limits = asked.limits;
        let old = |(at, _): &(Moment, _)| at.saturating_add(WINDOW) < now;
        while self.samples.front().is_some_and(old) {
            self.samples.pop_front();
        }
        let (since, before) = *self.samples.front().unwrap_or(&(now, asked.units));
        self.samples.push_back((now, asked.units));
        let window = now.saturating_sub(since).max(Duration::from_secs(1));
        let per_minute = |index: usize| {
            let made = asked.units[index].saturating_sub(before[index]);
            // Calls that wait are made as soon as they may: within the window, if not before.
            let units = u128::from(made) + u128::from(asked.waiting[index]);
            let thousandths = units * u128::from(UNIT) * MINUTE.as_millis();
            u64::try_from(thousandths / window.as_millis().max(1)).unwrap_or(u64::MAX)
        };
        let applied = match self.applied {
            Applied::Nothing => self.limits.map(|limit| limit.map(|_| 0)),
            Applied::Share(share) => share,
        };
        let demand = std::array::from_fn(|index| Some(rounded(per_minute(index))));
        Some(Want { limit: self.name.clone(), limits: self.limits, applied, demand })
    }

    /// The member has a share, and perhaps a pause. `asked` is when it was asked for: its time counts from there.
    /// Returns the pause, if it is news.
    pub(crate) fn share(
        &mut self,
        share: &Share,
        asked: Moment,
        ttl: Duration,
        now: Moment,
    ) -> Option<Duration> {
        let until = asked.saturating_add(ttl);
        if self.until.is_none_or(|before| until >= before) {
            self.applied = Applied::Share(share.given);
            self.until = Some(until);
        }
        share.paused.filter(|wait| self.pause(*wait, now))
    }

    /// The fleet pauses. Returns whether that is news.
    pub(crate) fn pause(&mut self, wait: Duration, now: Moment) -> bool {
        let until = now.saturating_add(wait);
        let news = until > self.paused_until.saturating_add(CLOSE);
        self.paused_until = self.paused_until.max(until);
        news
    }

    /// Looks whether the time of the share is over, and what holds then. `away`: the policy, if the backend is
    /// away.
    pub(crate) fn expire(
        &mut self,
        away: Option<Policy>,
        expected: u32,
        ttl: Duration,
        now: Moment,
    ) {
        match (self.until, away) {
            (Some(until), _) if now < until => return,
            (None, None) => return,
            _ => {}
        }
        let whole = self.limits;
        let share = match (away, self.until, self.applied) {
            (Some(Policy::FailOpen), ..) => Applied::Share(whole),
            (Some(Policy::LocalShare), None, _) => Applied::Share(parts(whole, expected)),
            (Some(Policy::LocalShare), _, Applied::Share(share)) => Applied::Share(parts(share, 2)),
            _ => Applied::Nothing,
        };
        self.applied = share;
        self.until = Some(now.saturating_add(ttl));
    }

    pub(crate) const fn applied(&self) -> Applied {
        self.applied
    }

    /// When the time of its share is over.
    pub(crate) const fn until(&self) -> Option<Moment> {
        self.until
    }
}

/// A part of each number, at least a unit if there is one.
fn parts(whole: PerMinute, of: u32) -> PerMinute {
    whole.map(|limit| limit.map(|limit| (limit / u64::from(of.max(1))).max(limit.min(UNIT))))
}
