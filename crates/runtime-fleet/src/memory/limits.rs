//! The limits of a [`MemoryState`](super::MemoryState): who may use how much of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::member::MemberId;
use crate::pace::{Division, PerMinute, Share, Want};
use crate::state::MemberReport;

/// The limits, by name.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<Arc<str>, Parts>);

/// The parts of the members of one limit.
#[derive(Debug, Default)]
struct Parts {
    members: BTreeMap<MemberId, Part>,
    /// Sums over the members, for each dimension.
    tallies: [Tally; 4],
    /// No member's time is over before.
    next_end: Option<Duration>,
    /// Until then, members of which nothing was heard yet may go by what an earlier backend gave them.
    settles: Duration,
}

/// What a member has of a limit.
#[derive(Debug)]
struct Part {
    /// The report that it was last told in.
    seq: u64,
    until: Duration,
    limits: PerMinute,
    applied: PerMinute,
    demand: PerMinute,
    given: PerMinute,
}

/// All that a part depends on, without a look at each member.
#[derive(Debug, Default)]
struct Tally {
    members: u64,
    /// How many members have a limit.
    limits: BTreeMap<u64, u64>,
    /// How many members want as much.
    demands: BTreeMap<u64, u64>,
    /// What all may use.
    used: u128,
}

impl Limits {
    /// Takes what a member tells of a limit, and gives it its part.
    pub(super) fn share(&mut self, want: &Want, report: &MemberReport, now: Duration) -> Share {
        let parts = self.0.entry(want.limit.clone()).or_default();
        parts.end(now);
        parts.begin(want, report, now);
        let given = match parts.members.get(&report.member) {
            Some(part) if !report.ttl.is_zero() && part.seq > report.seq => part.given,
            _ => {
                parts.remove(&report.member);
                if report.ttl.is_zero() {
                    PerMinute::default()
                } else {
                    parts.put(want, report, now)
                }
            }
        };
        Share { given, paused: None }
    }
}

impl Parts {
    /// Forgets the members whose time is over.
    fn end(&mut self, now: Duration) {
        if self.next_end.is_none_or(|end| end > now) {
            return;
        }
        let tallies = &mut self.tallies;
        self.members.retain(|_, part| {
            let stays = part.until > now;
            if !stays {
                part.leave(tallies);
            }
            stays
        });
        self.next_end = self.members.values().map(|part| part.until).min();
    }

    /// If nobody is known, and who comes goes by something all the same, then others may, too.
    fn begin(&mut self, want: &Want, report: &MemberReport, now: Duration) {
        if self.members.is_empty() {
            let goes_by_something = want.applied.iter().any(|units| *units > Some(0));
            self.settles = if goes_by_something { end(now, report.ttl) } else { Duration::ZERO };
        }
    }

    fn remove(&mut self, member: &MemberId) {
        if let Some(part) = self.members.remove(member) {
            part.leave(&mut self.tallies);
        }
    }

    /// Takes in a member that is not there, and gives it its part.
    fn put(&mut self, want: &Want, report: &MemberReport, now: Duration) -> PerMinute {
        let Want { limits, applied, demand, .. } = *want;
        let (seq, until) = (report.seq, end(now, report.ttl));
        let mut part = Part { seq, until, limits, applied, demand, given: PerMinute::default() };
        for (dimension, tally) in self.tallies.iter_mut().enumerate() {
            tally.add(limits[dimension], part.demand(dimension));
            let most = if now < self.settles { applied[dimension].unwrap_or(0) } else { u64::MAX };
            let given = tally.give(part.demand(dimension));
            part.given[dimension] = given.map(|given| given.min(most));
            tally.used += part.used(dimension);
        }
        self.next_end = Some(self.next_end.map_or(until, |end| end.min(until)));
        let given = part.given;
        self.members.insert(report.member.clone(), part);
        given
    }
}

/// When the time of a member is over. Ends are in steps of a sixteenth of it: all members are looked at for those
/// that are over, and so only that often, however many of them die.
fn end(now: Duration, ttl: Duration) -> Duration {
    let step = (ttl.as_nanos() / 16).max(1);
    let end = now.saturating_add(ttl).as_nanos().div_ceil(step).saturating_mul(step);
    Duration::from_nanos(u64::try_from(end).unwrap_or(u64::MAX))
}

impl Part {
    fn demand(&self, dimension: usize) -> u64 {
        self.demand[dimension].unwrap_or(0)
    }

    /// What it may use, or still goes by.
    fn used(&self, dimension: usize) -> u128 {
        u128::from(self.applied[dimension].max(self.given[dimension]).unwrap_or(0))
    }

    fn leave(&self, tallies: &mut [Tally; 4]) {
        for (dimension, tally) in tallies.iter_mut().enumerate() {
            tally.remove(self.limits[dimension], self.demand(dimension));
            tally.used -= self.used(dimension);
        }
    }
}

impl Tally {
    fn add(&mut self, limit: Option<u64>, demand: u64) {
        self.members += 1;
        *self.demands.entry(demand).or_default() += 1;
        if let Some(limit) = limit {
            *self.limits.entry(limit).or_default() += 1;
        }
    }

    fn remove(&mut self, limit: Option<u64>, demand: u64) {
        self.members -= 1;
        take_one(&mut self.demands, demand);
        if let Some(limit) = limit {
            take_one(&mut self.limits, limit);
        }
    }

    /// The fair part of a member that is counted, as far as the others do not use it still.
    fn give(&self, demand: u64) -> Option<u64> {
        let (limit, _) = self.limits.first_key_value()?;
        let demands = self.demands.iter().map(|(demand, count)| (*demand, *count));
        let fair = Division::of(*limit, self.members, demands).part(demand);
        let used = u64::try_from(self.used).unwrap_or(u64::MAX);
        Some(fair.min(limit.saturating_sub(used)))
    }
}

/// One member less has this value.
fn take_one(counts: &mut BTreeMap<u64, u64>, value: u64) {
    if let Some(count) = counts.get_mut(&value) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&value);
        }
    }
}
