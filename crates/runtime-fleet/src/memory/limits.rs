//! The limits of a [`MemoryState`](super::MemoryState): who may use how much of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::member::MemberId;
use crate::pace::{PerMinute, Share, Want, fair_parts};
use crate::state::Report;

/// The parts of the members, by limit.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<Arc<str>, BTreeMap<MemberId, Part>>);

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

impl Limits {
    /// Takes what a member tells of a limit, and gives it its part.
    pub(super) fn share(&mut self, want: &Want, report: &Report, now: Duration) -> Share {
        let parts = self.0.entry(want.limit.clone()).or_default();
        parts.retain(|_, part| part.until > now);
        if report.ttl.is_zero() {
            parts.remove(&report.member);
            return Share::default();
        }
        if let Some(part) = parts.get(&report.member)
            && part.seq > report.seq
        {
            return Share { given: part.given, paused: None };
        }
        let Want { limits, applied, demand, .. } = *want;
        let (seq, until) = (report.seq, now.saturating_add(report.ttl));
        let part = Part { seq, until, limits, applied, demand, given: [Some(0); 4] };
        parts.insert(report.member.clone(), part);
        let given = std::array::from_fn(|dimension| give(parts, &report.member, dimension));
        if let Some(part) = parts.get_mut(&report.member) {
            part.given = given;
        }
        Share { given, paused: None }
    }
}

/// A member's fair part of a dimension, as far as the others do not use it still.
fn give(parts: &BTreeMap<MemberId, Part>, member: &MemberId, dimension: usize) -> Option<u64> {
    let limit = parts.values().filter_map(|part| part.limits[dimension]).min()?;
    let number = |units: PerMinute| units[dimension].unwrap_or(0);
    let demands: Vec<_> = parts.values().map(|part| number(part.demand)).collect();
    let fair = fair_parts(limit, &demands);
    let own = parts.keys().position(|other| other == member).map(|index| fair[index])?;
    let others = parts.iter().filter(|(other, _)| *other != member);
    let used = others.map(|(_, part)| number(part.applied).max(number(part.given)));
    let used = used.fold(0, u64::saturating_add);
    Some(own.min(limit.saturating_sub(used)))
}
