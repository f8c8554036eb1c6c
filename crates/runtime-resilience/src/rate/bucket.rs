//! One dimension of a limiter: the generic cell rate algorithm, in whole numbers.
//!
//! A bucket holds a *debt*: each admitted unit adds to what is owed, time takes from it, and units that
//! fit below the brim are admitted. That is the algorithm's theoretical arrival time, counted from now
//! and in parts of a unit: a minute of parts is a thousandth of it, so a nanosecond takes away exactly as
//! many parts as the limit allows thousandths a minute, and nothing is ever rounded.
//!
//! # Giving back
//!
//! A call that used less than it took must leave the bucket as if it had taken only its use. Taking
//! the rest from the present debt would return too much: a bucket that was empty meanwhile has drained
//! nothing in that time. The most that can be returned is the least debt since the call was admitted,
//! and so the bucket keeps these low marks, each higher than the one before it. When a call gives back,
//! the marks since its admission fall by the same amount: they are then the marks without it.

use std::num::NonZeroU64;
use std::time::Duration;

use super::marks::{Marks, Ordinal};

/// Nanoseconds since the limiter was made.
pub(super) type Nanos = u64;

/// Thousandths of a unit a minute.
pub(super) type Rate = NonZeroU64;

const THOUSAND: NonZeroU64 = NonZeroU64::MIN.saturating_add(999);

/// Parts of a unit: nanoseconds of a minute, for each thousandth.
const UNIT: u128 = 60_000_000_000 * THOUSAND.get() as u128;

/// The rate of a limit. One that is too large to be counted is as good as none.
pub(super) const fn rate(per_minute: NonZeroU64) -> Rate {
    per_minute.saturating_mul(THOUSAND)
}

/// Cut at 584 years.
#[inline]
pub(super) fn nanos(time: Duration) -> Nanos {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()))
}

/// Cost in parts of a unit. It cannot overflow: both factors have at most 64 bits.
fn parts(units: u64) -> u128 {
    u128::from(units) * UNIT
}

/// The parts that come in during `time`.
fn inflow(rate: Rate, time: Nanos) -> u128 {
    u128::from(rate.get()) * u128::from(time)
}

/// What a bucket of this rate holds: at least a unit.
fn brim(rate: Rate, burst: Duration) -> u128 {
    inflow(rate, nanos(burst)).max(UNIT)
}

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    rate: Rate,
    /// At least a unit.
    brim: u128,
    /// The largest demand that may go when nothing is owed, even if it is larger than the bucket.
    largest: u128,
    owed: u128,
    /// The time of `owed`.
    at: Nanos,
    /// The bucket was empty after the calls up to this one had been admitted: they have nothing to
    /// give back.
    forgiven: Ordinal,
    /// The least that was owed since calls were admitted.
    marks: Marks,
}

/// Why a bucket does not admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Full {
    /// It will, after this long.
    For(Nanos),
    /// It never will: the demand is larger than the bucket.
    Forever,
}

impl Bucket {
    /// A bucket without debt, from which the calls up to `last` took nothing.
    pub(super) fn new(last: Ordinal, now: Nanos) -> Self {
        Self {
            rate: Rate::MIN,
            brim: UNIT,
            largest: 0,
            owed: 0,
            at: now,
            forgiven: last,
            marks: Marks::default(),
        }
    }

    /// Sets its rate and its size. The debt stays. `whole` is the rate that says how large a demand may be:
    /// none is too large without it.
    pub(super) fn limit(&mut self, rate: Rate, burst: Duration, whole: Option<Rate>, now: Nanos) {
        self.drain(now);
        self.rate = rate;
        self.brim = brim(rate, burst);
        self.largest = whole.map_or(u128::MAX, |whole| brim(whole, burst));
    }

    /// As [`limit`](Self::limit), with as much room as before, if the bucket is large enough for it: there is
    /// more only as time goes by.
    pub(super) fn part(
        &mut self,
        rate: Rate,
        burst: Duration,
        whole: Option<Rate>,
        (last, now): (Ordinal, Nanos),
    ) {
        let before = self.brim;
        self.limit(rate, burst, whole, now);
        match self.brim.checked_sub(before) {
            Some(more) => self.owe(more, last),
            None => self.owed = self.owed.saturating_sub(before - self.brim),
        }
    }

    /// Has no more room than comes in during a burst, though it may be less than a unit.
    pub(super) fn begin(&mut self, burst: Duration, of: Ordinal, now: Nanos) {
        let burst = inflow(self.rate, nanos(burst));
        if burst < self.brim {
            self.leave(burst, of, now);
        }
    }

    /// Units a minute, rounded down, and at least one.
    pub(super) fn per_minute(&self) -> NonZeroU64 {
        NonZeroU64::new(self.rate.get() / THOUSAND).unwrap_or(NonZeroU64::MIN)
    }

    /// Whether `units` fit at `now`. Brings what is owed up to then, so that taking them has little to do.
    #[inline]
    pub(super) fn has_room(&mut self, units: u64, now: Nanos) -> bool {
        self.drain(now);
        self.owed.saturating_add(parts(units)) <= self.brim
    }

    /// Whether `units` could be taken now, were `ahead` taken before them.
    #[inline]
    pub(super) fn check(&self, units: u64, ahead: u64, now: Nanos) -> Result<(), Full> {
        let owed = self.owed_at(now).saturating_add(parts(ahead));
        if owed.saturating_add(parts(units)) <= self.brim { Ok(()) } else { self.full(owed, units) }
    }

    #[cold]
    fn full(&self, owed: u128, units: u64) -> Result<(), Full> {
        let room = match self.brim.checked_sub(parts(units)) {
            Some(room) => room,
            None if parts(units) <= self.largest => 0,
            None => return Err(Full::Forever),
        };
        if owed <= room { Ok(()) } else { Err(Full::For(self.time_for(owed - room))) }
    }

    /// Takes `units` after the call `last` was admitted, whether they fit or not.
    pub(super) fn take(&mut self, units: u64, last: Ordinal, now: Nanos) {
        self.drain(now);
        self.take_now(units, last);
    }

    /// As [`take`](Self::take), at the time of what is owed.
    #[inline]
    pub(super) fn take_now(&mut self, units: u64, last: Ordinal) {
        self.owe(parts(units), last);
    }

    #[inline]
    fn owe(&mut self, parts: u128, last: Ordinal) {
        if self.owed == 0 {
            self.forgiven = last;
            self.marks.clear();
        } else {
            self.marks.mark(last, self.owed);
        }
        self.owed = self.owed.saturating_add(parts);
    }

    /// Gives back `units` that the call `of` took and did not use.
    ///
    /// Needs no time: the result is the same before and after the time that passed.
    #[inline]
    pub(super) fn give_back(&mut self, units: u64, of: Ordinal) {
        if of <= self.forgiven {
            return;
        }
        self.owed -= self.marks.give_back(parts(units), of, self.owed);
    }

    /// Leaves at most this many parts, and nothing to give back for the calls up to `of`: the provider
    /// has counted them.
    pub(super) fn leave(&mut self, left: u128, of: Ordinal, now: Nanos) {
        self.drain(now);
        let owed = self.brim.saturating_sub(left);
        self.marks.mark(of, self.owed.saturating_sub(owed));
        self.owed = self.owed.max(owed);
    }

    /// A provider had `remaining` when the call `of` reached it, at `at` or soon after; since then
    /// calls up to `last` took `since`, and a part came in.
    pub(super) fn told(
        &mut self,
        remaining: u64,
        since: u64,
        at: Nanos,
        [of, last]: [Ordinal; 2],
        now: Nanos,
    ) {
        let there = parts(remaining).saturating_add(inflow(self.rate, now.saturating_sub(at)));
        match there.checked_sub(parts(since)) {
            Some(left) => self.leave(left, of, now),
            // More was taken than there was: the excess cannot be given back.
            None => self.leave(0, last, now),
        }
    }

    /// The whole units that are left.
    pub(super) fn left(&self, now: Nanos) -> u64 {
        let left = self.brim.saturating_sub(self.owed_at(now)) / UNIT;
        u64::try_from(left).unwrap_or(u64::MAX)
    }

    #[inline]
    fn owed_at(&self, now: Nanos) -> u128 {
        // An earlier reading counts as the last one.
        self.owed.saturating_sub(inflow(self.rate, now.saturating_sub(self.at)))
    }

    #[inline]
    fn drain(&mut self, now: Nanos) {
        self.owed = self.owed_at(now);
        self.at = self.at.max(now);
    }

    /// The time in which this many parts come in, rounded up.
    fn time_for(&self, parts: u128) -> Nanos {
        let time = parts.div_ceil(u128::from(self.rate.get()));
        u64::try_from(time).unwrap_or(u64::MAX)
    }
}
