//! The calls of the backend that are due.

use std::time::Duration;

use super::{
    About, Asked, Call, Core, Due, Follower, Leaving, Opening, Part, Reading, Readings, Rhythm,
    Till,
};
use crate::config::Moment;
use crate::state::MemberReport;

/// The most accounts of a report, and the most calls for accounts under way: a backend answers to as many in time.
const MOST: usize = 100;

/// Accounts that are due, each with its place.
type Accounts<'t> = Vec<((usize, &'t mut Till), &'t Reading)>;

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// When the last heartbeat began.
    since: Moment,
    /// The last report was full, and accounts are left to be told.
    pub(super) more: bool,
    /// Where those begin that come next.
    at: usize,
    /// Calls for accounts that are under way.
    pub(super) asking: usize,
}

impl Turn {
    /// At most this many, so that all get their turn; and whether others are left.
    fn some<'t>(&mut self, mut all: Accounts<'t>, most: usize) -> (Accounts<'t>, bool) {
        let more = all.len() > most;
        if more {
            let first = all.partition_point(|((index, _), _)| *index < self.at);
            all.rotate_left(first);
            all.truncate(most);
            self.at = all.last().map_or(self.at, |((index, _), _)| index + 1);
        }
        (all, more)
    }
}

impl Core {
    pub(super) fn farewell(
        &mut self,
        readings: &Readings,
        by: Moment,
        now: Moment,
        due: &mut Vec<Due>,
    ) {
        self.followers.values_mut().for_each(Follower::leave);
        self.breaker_calls(now, due);
        self.sync(readings, (Duration::ZERO, false), now, due);
        if !self.turn.more {
            self.leaving = Leaving::Telling { by };
        }
    }

    /// The heartbeat; or what it `goes_on` with, which is accounts that had no place in its report.
    pub(super) fn sync(
        &mut self,
        readings: &Readings,
        (ttl, goes_on): (Duration, bool),
        now: Moment,
        due: &mut Vec<Due>,
    ) {
        if !goes_on {
            self.turn.since = now;
        }
        let Rhythm { ttl: usual, keep, .. } = self.rhythm;
        let since = self.turn.since;
        let is_due = |till: &Till, reading: &Reading| {
            if ttl.is_zero() {
                // Who leaves tells all that it has, once.
                return !till.left;
            }
            // What was told of in this heartbeat waits for the next one, whatever has become of it.
            let is_told = goes_on && till.booked_at >= since;
            !is_told && till.is_due(*reading, (usual, keep), now)
        };
        let all = self.tills.iter_mut().zip(&readings.accounts);
        let all = all
            .filter(|((_, till), reading)| till.opening == Opening::Done && is_due(till, reading));
        let (some, more) = self.turn.some(all.collect(), MOST);
        self.turn.more = more;
        let (mut told, mut bookings) = (Vec::new(), Vec::new());
        for ((index, till), reading) in some {
            let booking = till.booking(*reading, ttl, now);
            told.push((index, booking.seq));
            bookings.push(booking);
        }
        // The member stays until all is told.
        let ttl = if more { usual } else { ttl };
        self.syncing = true;
        self.seq += 1;
        let mut report = MemberReport {
            member: self.member.clone(),
            seq: self.seq,
            ttl,
            breakers: Vec::new(),
            wants: Vec::new(),
            pauses: Vec::new(),
            bookings,
        };
        let (mut known, mut limits) = (Vec::new(), Vec::new());
        if !goes_on {
            let wants = self.parts.iter_mut().zip(&readings.limiters);
            let want = |((limit, part), asked): ((usize, &mut Part), &Asked)| {
                Some((limit, part.want(*asked, now)?))
            };
            (limits, report.wants) = wants.filter_map(want).unzip();
            for ((place, own), is_used) in self.followers.iter_mut().zip(&readings.breakers) {
                if *is_used {
                    own.asked_for(now);
                }
                known.push((place, own.generation()));
                report.breakers.push(own.name.clone());
            }
            report.pauses = self.pauses.followed();
        }
        let routes = report.pauses.clone();
        let about = About::Sync { known, limits, routes, bookings: told, last: ttl.is_zero() };
        due.push(Due { call: Call::Sync(report), about, at: now });
    }

    /// The calls beside the heartbeat.
    pub(super) fn others(&mut self, readings: &Readings, now: Moment, due: &mut Vec<Due>) {
        let ttl = self.rhythm.ttl;
        let all = self.tills.iter_mut().zip(&readings.accounts);
        let all = all.filter(|((_, till), _)| till.calls(now)).collect();
        let (some, _) = self.turn.some(all, MOST.saturating_sub(self.turn.asking));
        for ((index, till), reading) in some {
            self.turn.asking += 1;
            if till.opening == Opening::Needed {
                till.opening = Opening::UnderWay;
                let call = Call::OpenAccount(till.account.clone(), till.rules.clone());
                due.push(Due { call, about: About::Account(index), at: now });
            } else {
                let booking = till.booking(*reading, ttl, now);
                let about = About::Booking(index, booking.seq);
                due.push(Due { call: Call::Book(booking), about, at: now });
            }
        }
        self.breaker_calls(now, due);
        for (name, until) in self.pauses.calls(now) {
            let about = About::Pause(name.clone(), until);
            let call = Call::Pause(name, until.saturating_sub(now));
            due.push(Due { call, about, at: now });
        }
    }

    fn breaker_calls(&mut self, now: Moment, due: &mut Vec<Due>) {
        for (index, follower) in self.followers.iter_mut() {
            if let Some(call) = follower.call(now) {
                let about = About::Breaker(index, follower.generation(), follower.last_call());
                due.push(Due { call: Call::Breaker(follower.name.clone(), call), about, at: now });
            }
        }
    }
}
