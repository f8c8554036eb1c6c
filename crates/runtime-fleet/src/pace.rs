//! What a fleet shares of a rate limit.

use std::sync::Arc;
use std::time::Duration;

/// Units a minute of requests, input tokens, output tokens, and both tokens together. `None` if they are not
/// limited.
pub type PerMinute = [Option<u64>; 4];

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
/// Who wants less than an equal part of what is left gets what it wants, and the others share the rest equally. If
/// all have what they want, what is left is split equally. A member counts as if it wanted at least a quarter of
/// an equal part, so that one that is new can begin.
///
/// ```
/// use runtime_fleet::fair_parts;
///
/// assert_eq!(fair_parts(60, &[10, 100, 100]), [10, 25, 25]);
/// assert_eq!(fair_parts(60, &[10, 20, 0]), [18, 28, 13]);
/// ```
pub fn fair_parts(limit: u64, demands: &[u64]) -> Vec<u64> {
    let members = u64::try_from(demands.len()).unwrap_or(u64::MAX).max(1);
    let floor = limit / members / 4;
    let wants: Vec<_> = demands.iter().map(|demand| *demand.max(&floor)).collect();
    let mut order: Vec<_> = (0..wants.len()).collect();
    order.sort_by_key(|index| wants[*index]);

    let (mut parts, mut left, mut behind) = (vec![0; wants.len()], limit, members);
    for index in order {
        let part = wants[index].min(left / behind);
        parts[index] = part;
        (left, behind) = (left - part, behind - 1);
    }
    // What nobody asked for.
    for part in &mut parts {
        *part += left / members;
    }
    parts
}
