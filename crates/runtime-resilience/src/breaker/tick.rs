//! Time as a word can hold it: ticks of 10 ms since the breaker was made.

use std::time::Duration;

const PER_SECOND: u64 = 100;
const NANOS: u32 = 1_000_000_000 / 100;

/// A point in time or a duration, in whole ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(pub(super) u64);

impl Tick {
    pub(super) const ZERO: Self = Self(0);
    /// The maximum of 37 bits: 43 years. As a deadline, it never comes.
    pub(super) const NEVER: Self = Self((1 << 37) - 1);
    /// The last tick. Later times count as this one.
    const LAST: Self = Self(Self::NEVER.0 - 1);

    /// The last tick that has begun.
    pub(super) fn floor(age: Duration) -> Self {
        let ticks = age.as_secs().saturating_mul(PER_SECOND);
        Self(ticks.saturating_add(u64::from(age.subsec_nanos() / NANOS))).min(Self::LAST)
    }

    /// The first tick that is not earlier.
    pub(super) fn ceil(age: Duration) -> Self {
        let floor = Self::floor(age);
        let exact = age.subsec_nanos().is_multiple_of(NANOS);
        if exact { floor } else { Self(floor.0 + 1).min(Self::LAST) }
    }

    /// When a wait that begins at this age is over: never earlier than asked for, and less than a
    /// tick later. A wait that no tick can hold does not end.
    pub(super) fn after(age: Duration, wait: Duration) -> Self {
        match age.checked_add(wait) {
            Some(end) if Self::floor(wait) < Self::LAST => Self::ceil(end),
            _ => Self::NEVER,
        }
    }

    /// The age of the breaker at this tick.
    pub(super) fn age(self) -> Duration {
        if self == Self::NEVER { Duration::MAX } else { Duration::from_millis(self.0 * 10) }
    }
}

/// An age in nanoseconds, which stands still after 584 years.
pub(super) fn nanos(age: Duration) -> u64 {
    age.as_secs().saturating_mul(1_000_000_000).saturating_add(age.subsec_nanos().into())
}
