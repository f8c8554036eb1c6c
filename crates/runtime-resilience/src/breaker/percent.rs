//! A part of a whole that is neither nothing nor more than all.

/// From 1 to 100 percent.
///
/// ```
/// use runtime_resilience::Percent;
///
/// const TEN: Percent = Percent::new(10).unwrap();
/// assert_eq!(Percent::new(0), None);
/// assert_eq!(Percent::new(101), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

impl Percent {
    /// 50 %.
    pub const HALF: Self = Self(50);
    /// 100 %.
    pub const ALL: Self = Self(100);

    /// `None` unless it is from 1 to 100.
    pub const fn new(percent: u8) -> Option<Self> {
        if 1 <= percent && percent <= 100 { Some(Self(percent)) } else { None }
    }

    /// The number, from 1 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether `part` is at least this much of `whole`.
    pub(super) fn reached(self, part: u32, whole: u32) -> bool {
        u64::from(part) * 100 >= u64::from(self.0) * u64::from(whole)
    }

    pub(super) fn part(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}
