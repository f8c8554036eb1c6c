//! What a limiter decides: pure, all in one step, and with the time as an argument.

use std::num::NonZeroU64;

use super::bucket::{Bucket, Full, Nanos, Ordinal};
use super::demand::{DIMENSIONS, RateDimension, Units};
use super::limits::RateLimits;
use super::snapshot::{Quota, RateSnapshot};

#[derive(Debug)]
pub(super) struct Core {
    limits: RateLimits,
    /// What replies named as limits: they lower what is set, and stand in where nothing is.
    told: [Option<NonZeroU64>; 4],
    buckets: [Option<Bucket>; 4],
    /// The ordinal of the last call that was admitted.
    last: Ordinal,
    /// All that calls ever took. Wraps, and is only ever subtracted.
    taken: Units,
    /// Nothing starts before.
    starts: Nanos,
    restart: Restart,
}

/// How far the first calls after a pause have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    /// No pause is to be got over.
    Done,
    /// The first call is to find out whether the provider is back.
    First,
    /// Those who waited follow, one by one.
    Queue,
}

/// What an admitted call holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) units: Units,
    pub(super) sent: Sent,
}

/// The moment at which a call was let through, to tell which calls its reply's headers have counted.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    ordinal: Ordinal,
    at: Nanos,
    /// All that was taken until then.
    taken: Units,
}

/// Why a call is not admitted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) dimension: RateDimension,
    pub(super) full: Full,
}

impl Core {
    pub(super) fn new(limits: RateLimits, now: Nanos) -> Self {
        let mut core = Self {
            limits,
            told: [None; 4],
            buckets: [const { None }; 4],
            last: 0,
            taken: [0; 4],
            starts: 0,
            restart: Restart::Done,
        };
        core.limit(now);
        core
    }

    /// Takes `units` of every dimension, or of none. `waiting` says whether others wait behind.
    pub(super) fn admit(
        &mut self,
        units: Units,
        waiting: bool,
        now: Nanos,
    ) -> Result<Hold, Refusal> {
        self.check(units, [0; 4], now)?;
        for (bucket, units) in self.buckets.iter_mut().zip(units) {
            if let Some(bucket) = bucket {
                bucket.take(units, self.last, now);
            }
        }
        for (taken, units) in self.taken.iter_mut().zip(units) {
            *taken = taken.wrapping_add(units);
        }
        if self.restart != Restart::Done {
            self.restarted(waiting, now);
        }
        self.last += 1;
        Ok(Hold { units, sent: self.sent(now) })
    }

    /// Whether `units` would be admitted now, were `ahead` taken before them.
    pub(super) fn check(&self, units: Units, ahead: Units, now: Nanos) -> Result<(), Refusal> {
        let mut refusal = None;
        if now < self.starts {
            let full = Full::For(self.starts - now);
            refusal = Some(Refusal { dimension: RateDimension::Pause, full });
        }
        for (index, bucket) in self.buckets.iter().enumerate() {
            let Some(bucket) = bucket else { continue };
            // A limit that only a reply named refuses nothing for good.
            let told = self.limits.per_minute[index] != Some(bucket.per_minute());
            let alone = told || self.limits.oversized_alone;
            if let Err(full) = bucket.check(units[index], ahead[index], alone, now)
                && refusal.is_none_or(|refusal| refusal.full < full)
            {
                refusal = Some(Refusal { dimension: DIMENSIONS[index], full });
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// Gives back what `hold` has more than `used`.
    pub(super) fn give_back(&mut self, hold: &Hold, used: Units) {
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            if let Some(bucket) = bucket
                && let unused @ 1.. = hold.units[index].saturating_sub(used[index])
            {
                bucket.give_back(unused, hold.sent.ordinal);
            }
        }
    }

    /// Takes what `hold` has less than `used`, whether it is there or not.
    pub(super) fn debit(&mut self, hold: &Hold, used: Units, now: Nanos) {
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            let more = used[index].saturating_sub(hold.units[index]);
            self.taken[index] = self.taken[index].wrapping_add(more);
            if let Some(bucket) = bucket
                && more > 0
            {
                bucket.take(more, self.last, now);
            }
        }
    }

    /// Admits nothing until `until`. Only ever extends.
    pub(super) fn pause(&mut self, until: Nanos, now: Nanos) {
        if until > now && until > self.starts {
            self.starts = until;
            self.restart = Restart::First;
        }
    }

    /// The first call after a pause finds the provider with enough for it; that there is more is not
    /// known. What had come in before and during the pause is given up, and the others follow at
    /// their rate.
    fn restarted(&mut self, waiting: bool, now: Nanos) {
        if self.restart == Restart::First {
            for bucket in self.buckets.iter_mut().flatten() {
                bucket.leave(0, self.last, now);
            }
            self.restart = Restart::Queue;
        }
        if waiting {
            let interval = u64::try_from(self.limits.restart_interval.as_nanos());
            self.starts = now.saturating_add(interval.unwrap_or(u64::MAX));
        } else {
            self.restart = Restart::Done;
        }
    }

    pub(super) fn set_limits(&mut self, limits: RateLimits, now: Nanos) {
        self.limits = limits;
        self.limit(now);
    }

    pub(super) fn set_limit(&mut self, index: usize, limit: Option<NonZeroU64>, now: Nanos) {
        self.limits.per_minute[index] = limit;
        self.limit(now);
    }

    /// Brings the buckets in line with what is set and what was told.
    fn limit(&mut self, now: Nanos) {
        for (index, slot) in self.buckets.iter_mut().enumerate() {
            let (set, told) = (self.limits.per_minute[index], self.told[index]);
            let Some(limit) = set.into_iter().chain(told).min() else {
                *slot = None;
                continue;
            };
            match slot {
                Some(bucket) => bucket.limit(limit, self.limits.burst, now),
                None => *slot = Some(Bucket::new(limit, self.limits.burst, self.last, now)),
            }
        }
    }

    /// Learns from the headers of the reply to the call that was sent at `sent`.
    pub(super) fn observe(&mut self, snapshot: &RateSnapshot, sent: Sent, now: Nanos) {
        for (told, quota) in self.told.iter_mut().zip(&snapshot.quotas) {
            *told = quota.limit.and_then(NonZeroU64::new).or(*told);
        }
        self.limit(now);
        for (index, quota) in snapshot.quotas.iter().enumerate() {
            let (Some(bucket), Quota { remaining: Some(remaining), .. }) =
                (&mut self.buckets[index], quota)
            else {
                continue;
            };
            let since = self.taken[index].wrapping_sub(sent.taken[index]);
            bucket.told(*remaining, since, sent.at, sent.ordinal, now);
        }
    }

    /// As a call that was admitted last and just now.
    pub(super) const fn sent(&self, now: Nanos) -> Sent {
        Sent { ordinal: self.last, at: now, taken: self.taken }
    }

    pub(super) const fn limits(&self) -> RateLimits {
        self.limits
    }

    pub(super) const fn starts(&self) -> Nanos {
        self.starts
    }

    pub(super) fn left(&self, index: usize, now: Nanos) -> Option<u64> {
        self.buckets[index].as_ref().map(|bucket| bucket.left(now))
    }

    pub(super) fn per_minute(&self, index: usize) -> Option<NonZeroU64> {
        self.buckets[index].as_ref().map(Bucket::per_minute)
    }
}
