//! What a fleet shares of a rate limit.

use std::sync::Arc;
use std::time::Duration;

/// Thousandths of a unit a minute, of requests, input tokens, output tokens, and both tokens together. `None` if they
/// are not limited.
///
/// A part of a limit is seldom a whole number of units. What is left over would be used by nobody, and a limit with
/// fewer units than members would have none for some of them.
pub type PerMinute = [Option<u64>; 4];

/// A unit, in thousandths.
pub(crate) const UNIT: u64 = 1_000;

/// What a member wants of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a backend reads all of it")]
pub struct Want {
    /// Which limit.
    pub limit: Arc<str>,
    /// The limit of the whole fleet, as this member has it. Of all members' limits, the least holds.
    pub limits: PerMinute,
    /// What the member goes by now. Zero, or `None`, before its first share.
    pub applied: PerMinute,
    /// What it would use if it could, a minute.
    pub demand: PerMinute,
}

/// A member's part of a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends outside of this crate make it")]
pub struct Share {
    /// The most that the member may use from now on, until its time is over. `None` where nobody limits.
    pub given: PerMinute,
    /// What is left of a pause of the limit.
    pub paused: Option<Duration>,
}

/// The parts that members would have of a limit, if each went by its part at once: max-min fair by demand.
///
/// A member that wants less than an equal part of what is left gets what it wants, and the others have equal parts of the
/// rest. If all have what they want, what is left is split equally. A member counts as if it wanted at least a
/// quarter of an equal part, so that one that is new can begin. What cannot be divided is not used, which is less
/// than one for each member. No part is zero, while there is a limit: of more members than that, those who come first
/// have one each.
///
/// ```
/// use runtime_fleet::fair_parts;
///
/// assert_eq!(fair_parts(60, &[10, 100, 100]), [10, 25, 25]);
/// assert_eq!(fair_parts(60, &[10, 20, 0]), [18, 28, 13]);
/// assert_eq!(fair_parts(1, &[5, 5]), [1, 1]);
/// ```
pub fn fair_parts(limit: u64, demands: &[u64]) -> Vec<u64> {
    let members = u64::try_from(demands.len()).unwrap_or(u64::MAX);
    let mut sorted = demands.to_vec();
    sorted.sort_unstable();
    let division = Division::of(limit, members, sorted.into_iter().map(|demand| (demand, 1)));
    demands.iter().map(|demand| division.part(*demand)).collect()
}

/// How a limit is divided: all that a member's part depends on, beside its own demand.
pub(crate) struct Division {
    /// What a member wants at least.
    floor: u64,
    /// The water level: who wants more has this much.
    level: u64,
    /// What is left for each, if nobody wants more.
    spare: u64,
}

impl Division {
    /// `demands` are those of all `members`, the smallest first, with how many have each.
    pub(crate) fn of(limit: u64, members: u64, demands: impl Iterator<Item = (u64, u64)>) -> Self {
        let (mut left, mut behind) = (limit, members);
        let floor = limit / members.max(1) / 4;
        for (demand, count) in demands {
            let (want, equal) = (demand.max(floor), left / behind.max(1));
            if want > equal {
                return Self { floor, level: equal.max(limit.min(1)), spare: 0 };
            }
            (left, behind) = (left - want * count, behind - count);
        }
        Self { floor, level: u64::MAX, spare: left / members.max(1) }
    }

    pub(crate) fn part(&self, demand: u64) -> u64 {
        demand.max(self.floor).min(self.level).saturating_add(self.spare)
    }
}

/// A demand as it is told: no more than sixteen values from a number to its double, and none below the demand. What
/// a backend looks at grows with the values that there are.
pub(crate) fn rounded(demand: u64) -> u64 {
    let step = 1 << (u64::BITS - demand.leading_zeros()).saturating_sub(5);
    demand.div_ceil(step).saturating_mul(step)
}
