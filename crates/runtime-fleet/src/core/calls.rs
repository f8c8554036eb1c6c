//! The calls of the backend that are due.

use std::time::Duration;

use super::{
    About, Asked, Call, Core, Due, Follower, Leaving, Opening, Part, Reading, Readings, Rhythm,
    Till,
};
use crate::config::Moment;
use crate::money::Booking;
use crate::state::MemberReport;

/// The most accounts of a report, and the most calls for accounts under way: a backend answers to as many in time.
const MOST: usize = 100;

/// Accounts that are due, each with its place.
type Accounts<'t> = Vec<((usize, &'t mut Till), &'t Reading)>;

/// At most this many, and whether others are left. All get their turn.
fn some<'t>(mut all: Accounts<'t>, most: usize, turn: &mut usize) -> (Accounts<'t>, bool) {
    let more = all.len() > most;
    if more {
        let first = all.partition_point(|((index, _), _)| index < turn);
        all.rotate_left(first);
        all.truncate(most);
        *turn = all.last().map_or(*turn, |((index, _), _)| index + 1);
    }
    (all, more)
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
        self.sync(readings, Duration::ZERO, now, due);
        if !self.more {
            self.leaving = Leaving::Telling { by };
        }
    }

    /// The accounts that had no place in the heartbeat's report.
    pub(super) fn go_on(&mut self, readings: &Readings, now: Moment, due: &mut Vec<Due>) {
        let Rhythm { ttl, keep, .. } = self.rhythm;
        let since = self.since;
        // What was told of in this heartbeat waits for the next one, whatever has become of it.
        let is_due = |till: &Till, reading: &Reading| {
            !till.is_told(since) && till.is_due(*reading, (ttl, keep), now)
        };
        let (bookings, told) = self.bookings(readings, ttl, now, is_due);
        let about = About::Sync {
            known: Vec::new(),
            bookings: told,
            limits: Vec::new(),
            routes: Vec::new(),
            last: false,
        };
        let report = MemberReport {
            member: self.member.clone(),
            seq: self.next_report(),
            ttl,
            breakers: Vec::new(),
            wants: Vec::new(),
            pauses: Vec::new(),
            bookings,
        };
        due.push(Due { call: Call::Sync(report), about, at: now });
    }

    fn next_report(&mut self) -> u64 {
        self.syncing = true;
        self.seq += 1;
        self.seq
    }

    /// Bookings of accounts that are due, and their places and numbers. Whether others are left is in `more`.
    fn bookings(
        &mut self,
        readings: &Readings,
        ttl: Duration,
        now: Moment,
        is_due: impl Fn(&Till, &Reading) -> bool,
    ) -> (Vec<Booking>, Vec<(usize, u64)>) {
        let all = self.tills.iter_mut().zip(&readings.accounts);
        let is_due =
            |till: &Till, reading: &Reading| till.opening == Opening::Done && is_due(till, reading);
        let all = all.filter(|((_, till), reading)| is_due(till, reading)).collect();
        let (some, more) = some(all, MOST, &mut self.turn);
        self.more = more;
        let booking = |((index, till), reading): ((usize, &mut Till), &Reading)| {
            let booking = till.booking(*reading, ttl, now);
            let place = (index, booking.seq);
            (booking, place)
        };
        some.into_iter().map(booking).unzip()
    }

    /// The heartbeat.
    pub(super) fn sync(
        &mut self,
        readings: &Readings,
        ttl: Duration,
        now: Moment,
        due: &mut Vec<Due>,
    ) {
        self.since = now;
        let Rhythm { ttl: usual, keep, .. } = self.rhythm;
        // Who leaves tells all that it has, once.
        let is_due = |till: &Till, reading: &Reading| {
            if ttl.is_zero() { !till.left } else { till.is_due(*reading, (usual, keep), now) }
        };
        let (bookings, told) = self.bookings(readings, ttl, now, is_due);
        // The member stays until all is told.
        let ttl = if self.more { usual } else { ttl };
        let wants = self.parts.iter_mut().zip(&readings.limiters);
        let want = |((limit, part), asked): ((usize, &mut Part), &Asked)| {
            Some((limit, part.want(*asked, now)?))
        };
        let (limits, wants) = wants.filter_map(want).unzip();
        for (own, is_used) in self.followers.values_mut().zip(&readings.breakers) {
            if *is_used {
                own.asked_for(now);
            }
        }
        let known = |(breaker, own): (usize, &Follower)| (breaker, own.generation());
        let about = About::Sync {
            known: self.followers.iter().map(known).collect(),
            bookings: told,
            limits,
            routes: self.pauses.followed(),
            last: ttl.is_zero(),
        };
        let report = MemberReport {
            member: self.member.clone(),
            seq: self.next_report(),
            ttl,
            breakers: self.followers.values().map(|follower| follower.name.clone()).collect(),
            wants,
            pauses: self.pauses.followed(),
            bookings,
        };
        due.push(Due { call: Call::Sync(report), about, at: now });
    }

    /// The calls beside the heartbeat.
    pub(super) fn others(&mut self, readings: &Readings, now: Moment, due: &mut Vec<Due>) {
        let ttl = self.rhythm.ttl;
        let all = self.tills.iter_mut().zip(&readings.accounts);
        let all = all.filter(|((_, till), _)| till.calls(now)).collect();
        let (some, _) = some(all, MOST.saturating_sub(self.asking), &mut self.turn);
        for ((index, till), reading) in some {
            self.asking += 1;
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
