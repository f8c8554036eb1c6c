//! The rules of a limiter: pure, with the time as an argument.

use std::num::NonZeroU64;

use super::bucket::{Bucket, Full, Nanos, Rate, nanos, rate};
use super::demand::{DIMENSIONS, Demand, RateDimension, Units};
use super::limits::RateLimits;
use super::marks::Ordinal;
use super::snapshot::{RateQuota, RateSnapshot};

#[derive(Debug)]
pub(super) struct Core {
    limits: RateLimits,
    /// The limits that replies named: they lower the limits that are set, and replace missing ones.
    told: [Option<NonZeroU64>; 4],
    buckets: [Option<Bucket>; 4],
    /// The ordinal of the last call that was admitted.
    last: Ordinal,
    /// All tokens that calls ever took, of input and of output. They wrap, and are only ever
    /// subtracted.
    taken: [u64; 2],
    /// Nothing starts before.
    starts: Nanos,
    restart: Restart,
    part: Part,
    /// The units that refused calls asked for.
    refused: Units,
}

/// What of the limits the calls of this limiter may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    All,
    /// What others leave.
    Some([Option<Rate>; 4]),
    Nothing,
}

/// The progress of the first calls after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    /// There was no pause.
    Done,
    /// The first call finds out whether the provider is back.
    First,
    /// The waiting calls follow, one by one.
    Queue,
}

/// The units that an admitted call holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) demand: Demand,
    pub(super) sent: RateSent,
}

/// When a call was admitted: the headers of its reply have counted the calls until then.
#[derive(Clone, Copy, Debug)]
pub struct RateSent {
    ordinal: Ordinal,
    at: Nanos,
    /// All tokens that were taken until then.
    taken: [u64; 2],
}

/// Why a call is not admitted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) dimension: RateDimension,
    pub(super) full: Full,
}

/// When to ask again while there is no part of the limits.
const SOON: Nanos = 100_000_000;

impl Core {
    pub(super) fn new(limits: RateLimits, now: Nanos) -> Self {
        let mut core = Self {
            limits,
            told: [None; 4],
            buckets: [const { None }; 4],
            last: 0,
            taken: [0; 2],
            starts: 0,
            restart: Restart::Done,
            part: Part::All,
            refused: [0; 4],
        };
        core.limit(now);
        core
    }

    /// Takes the demand of every dimension or of none. `waiting` is whether other calls wait behind.
    #[inline]
    pub(super) fn admit(
        &mut self,
        demand: Demand,
        waiting: bool,
        now: Nanos,
    ) -> Result<RateSent, Refusal> {
        let units = demand.units();
        if !self.has_room(units, now) {
            self.check(units, [0; 4], now)?;
        }
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            if let Some(bucket) = bucket {
                bucket.take_now(units[index], self.last);
            }
        }
        self.count(demand.input, demand.output);
        if self.restart != Restart::Done {
            self.restarted(waiting, now);
        }
        self.last += 1;
        Ok(self.sent(now))
    }

    fn count(&mut self, input: u64, output: u64) {
        let [inputs, outputs] = self.taken;
        self.taken = [inputs.wrapping_add(input), outputs.wrapping_add(output)];
    }

    /// The units taken of each dimension since a call was sent.
    fn since(&self, sent: &RateSent) -> Units {
        let since = |index: usize| self.taken[index].wrapping_sub(sent.taken[index]);
        let [input, output] = [since(0), since(1)];
        [self.last.saturating_sub(sent.ordinal), input, output, input.saturating_add(output)]
    }

    /// Whether nothing speaks against `units`. Brings all buckets up to `now`.
    #[inline]
    fn has_room(&mut self, units: Units, now: Nanos) -> bool {
        let mut room = now >= self.starts && self.part != Part::Nothing;
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            room &= bucket.as_mut().is_none_or(|bucket| bucket.has_room(units[index], now));
        }
        room
    }

    /// Whether `units` would be admitted now, were `ahead` taken before them.
    #[inline(never)]
    pub(super) fn check(&self, units: Units, ahead: Units, now: Nanos) -> Result<(), Refusal> {
        self.refusal(units, ahead, now).map_or(Ok(()), Err)
    }

    /// Counts what a call asked for that was refused.
    #[cold]
    pub(super) fn refuse(&mut self, units: Units) {
        for (sum, units) in self.refused.iter_mut().zip(units) {
            *sum = sum.saturating_add(units);
        }
    }

    /// All that calls ever asked for that were admitted or refused.
    pub(super) fn asked(&self) -> Units {
        let [input, output] = self.taken;
        let admitted = [self.last, input, output, input.saturating_add(output)];
        std::array::from_fn(|index| admitted[index].saturating_add(self.refused[index]))
    }

    /// The dimension with the longest wait.
    fn refusal(&self, units: Units, ahead: Units, now: Nanos) -> Option<Refusal> {
        let closed = (self.part == Part::Nothing).then_some(SOON);
        let paused = self.starts.checked_sub(now).filter(|left| *left > 0);
        let paused = paused.max(closed).map(Full::For);
        let paused = paused.map(|full| Refusal { dimension: RateDimension::Pause, full });
        let refusal = |index: usize| {
            let full =
                self.buckets[index].as_ref()?.check(units[index], ahead[index], now).err()?;
            Some(Refusal { dimension: DIMENSIONS[index], full })
        };
        paused.into_iter().chain((0..4).filter_map(refusal)).max_by_key(|refusal| refusal.full)
    }

    /// In each dimension, gives back the excess of `hold` over `used`.
    #[inline]
    pub(super) fn give_back(&mut self, hold: &Hold, used: Demand) {
        let (had, used) = (hold.demand.units(), used.units());
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            if used[index] < had[index]
                && let Some(bucket) = bucket
            {
                bucket.give_back(had[index] - used[index], hold.sent.ordinal);
            }
        }
    }

    /// In each dimension, takes what `hold` lacks of `used`, even if there is not enough.
    #[cold]
    pub(super) fn take_more(&mut self, hold: &Hold, used: Demand, now: Nanos) {
        let (had, units) = (hold.demand.units(), used.units());
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            if units[index] > had[index]
                && let Some(bucket) = bucket
            {
                bucket.take(units[index] - had[index], self.last, now);
            }
        }
        let more = |used: u64, had: u64| used.saturating_sub(had);
        self.count(more(used.input, hold.demand.input), more(used.output, hold.demand.output));
    }

    /// Admits nothing until `until`. Only ever extends.
    pub(super) fn pause(&mut self, until: Nanos, now: Nanos) {
        if until > now && until > self.starts {
            self.starts = until;
            self.restart = Restart::First;
        }
    }

    /// Ends a pause.
    pub(super) fn resume(&mut self) {
        self.starts = 0;
    }

    /// The first call after a pause shows that the provider has enough for it, and no more than that.
    /// Units from before and during the pause are given up, and the other calls follow at their rate.
    #[cold]
    fn restarted(&mut self, waiting: bool, now: Nanos) {
        if self.restart == Restart::First {
            for bucket in self.buckets.iter_mut().flatten() {
                bucket.leave(0, self.last, now);
            }
            self.restart = Restart::Queue;
        }
        if waiting {
            self.starts = now.saturating_add(nanos(self.limits.restart_interval));
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

    /// Goes by a part of the limits; `None`: by nothing of them.
    pub(super) fn set_part(&mut self, part: Option<[Option<Rate>; 4]>, now: Nanos) {
        let begins = self.part == Part::Nothing;
        self.part = part.map_or(Part::Nothing, Part::Some);
        self.limit(now);
        let (true, Part::Some(part)) = (begins, self.part) else { return };
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            let whole = self.limits.per_minute[index].map(rate);
            if let Some(bucket) = bucket.as_mut().filter(|_| part[index] < whole) {
                bucket.begin(self.limits.burst, self.last, now);
            }
        }
    }

    /// Sets the buckets to the limits that are set and told.
    fn limit(&mut self, now: Nanos) {
        if self.part == Part::Nothing {
            // The next part sets them, and must find them as the last one left them.
            return;
        }
        let RateLimits { per_minute, burst, oversized_alone, .. } = self.limits;
        for (index, slot) in self.buckets.iter_mut().enumerate() {
            let (set, told) = (per_minute[index].map(rate), self.told[index].map(rate));
            // A part may be older than what is set.
            let part = if let Part::Some(part) = self.part { part[index] } else { None };
            let own = part.into_iter().chain(set).min();
            let Some(limit) = own.into_iter().chain(told).min() else {
                *slot = None;
                continue;
            };
            // A limit known only from a reply refuses nothing for good.
            let whole = set.filter(|_| !oversized_alone && own == Some(limit));
            match (slot, self.part) {
                (Some(bucket), Part::Some(_)) => bucket.part(limit, burst, whole, (self.last, now)),
                (slot, _) => {
                    let bucket = slot.get_or_insert_with(|| Bucket::new(self.last, now));
                    bucket.limit(limit, burst, whole, now);
                }
            }
        }
    }

    /// Learns from the headers of the reply to the call that was sent at `sent`.
    pub(super) fn observe(&mut self, snapshot: &RateSnapshot, sent: RateSent, now: Nanos) {
        for (told, quota) in self.told.iter_mut().zip(&snapshot.quotas) {
            *told = quota.limit.and_then(NonZeroU64::new).or(*told);
        }
        self.limit(now);
        let since = self.since(&sent);
        for (index, quota) in snapshot.quotas.iter().enumerate() {
            let (Some(bucket), RateQuota { remaining: Some(remaining), .. }) =
                (&mut self.buckets[index], quota)
            else {
                continue;
            };
            let calls = [sent.ordinal, self.last];
            bucket.told(*remaining, since[index], sent.at, calls, now);
        }
    }

    /// As a call that was admitted last and just now.
    pub(super) const fn sent(&self, now: Nanos) -> RateSent {
        RateSent { ordinal: self.last, at: now, taken: self.taken }
    }

    pub(super) const fn limits(&self) -> RateLimits {
        self.limits
    }

    pub(super) const fn starts(&self) -> Nanos {
        self.starts
    }

    /// The whole units left in each dimension.
    pub(super) fn left(&self, now: Nanos) -> [Option<u64>; 4] {
        self.buckets.each_ref().map(|bucket| bucket.as_ref().map(|bucket| bucket.left(now)))
    }

    pub(super) fn per_minute(&self, index: usize) -> Option<NonZeroU64> {
        self.buckets[index].as_ref().map(Bucket::per_minute)
    }
}
