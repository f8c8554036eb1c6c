//! The parts of a limit beside their full computation, and reports of many members.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{HOUR, report, sync};
use crate::pace::{PerMinute, UNIT, Want, fair_parts, rounded};
use crate::state::{MemberReport, SharedState};

/// Members of one limit report, leave and die in an order that follows from `seed`, and each gets the part that
/// follows from a look at all of them. It needs an empty place.
///
/// # Panics
///
/// If a member gets another part.
pub async fn parts_in_full<S: SharedState>(state: &S, seed: u64) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut members = Members::default();
    for step in 2..160 {
        let id = format!("m{}", dice.u8(..9));
        let mut report = asking(&id, step, &mut dice);
        match dice.u8(..12) {
            0 => report.ttl = Duration::ZERO,
            // It is over before the next call.
            1 => report.ttl = Duration::from_nanos(1),
            // It was overtaken, if the member is there.
            2 => report.seq = 1,
            _ => {}
        }
        if members.told.is_empty() && seed.is_multiple_of(2) {
            // Nothing was forgotten.
            report.wants[0].applied = [Some(0); 4];
        }
        let expected = in_full(&mut members, &report);
        let found = sync(state, report.clone()).await.share().given;
        assert_eq!(found, expected, "seed {seed}, step {step}: {report:?} among {members:?}");
        if report.ttl < HOUR {
            members.told.remove(&id);
        }
    }
}

#[derive(Debug, Default)]
struct Members {
    /// What they have told last, with what they were given then.
    told: BTreeMap<String, (u64, Want, PerMinute)>,
    /// The first of them went by something: the backend has forgotten others.
    settles: bool,
}

/// What the member of a report is given.
fn in_full(members: &mut Members, report: &MemberReport) -> PerMinute {
    let (id, want) = (report.member.as_str().to_owned(), report.wants[0].clone());
    if report.ttl.is_zero() {
        return PerMinute::default();
    }
    if let Some((seq, _, given)) = members.told.get(&id)
        && *seq > report.seq
    {
        return *given;
    }
    if members.told.is_empty() {
        members.settles = want.applied.iter().any(|units| *units > Some(0));
    }
    let (settles, members) = (members.settles, &mut members.told);
    let own_applied = want.applied;
    members.insert(id.clone(), (report.seq, want, PerMinute::default()));
    let given = std::array::from_fn(|of| {
        let limit = members.values().filter_map(|(_, want, _)| want.limits[of]).min()?;
        let demands = members.values().map(|(_, want, _)| want.demand[of].unwrap_or(0));
        let fair = fair_parts(limit, &demands.collect::<Vec<_>>());
        let own = members.keys().position(|other| *other == id)?;
        let others = members.iter().filter(|(other, _)| **other != id);
        let used = others.map(|(_, (_, want, given))| want.applied[of].max(given[of]).unwrap_or(0));
        let part = fair[own].min(limit.saturating_sub(used.sum()));
        Some(if settles { part.min(own_applied[of].unwrap_or(0)) } else { part })
    });
    if let Some(member) = members.get_mut(&id) {
        member.2 = given;
    }
    given
}

/// A report with a want of any kind.
fn asking(id: &str, seq: u64, dice: &mut fastrand::Rng) -> MemberReport {
    let number = |dice: &mut fastrand::Rng| match dice.u8(..4) {
        0 => None,
        1 => Some(dice.u64(..4)),
        2 => Some(50),
        _ => Some(dice.u64(..300)),
    };
    let limits = [Some(dice.u64(990..1_000)), Some(dice.u64(..12)), number(dice), None];
    let applied = [number(dice), Some(0), number(dice), None];
    let demand = std::array::from_fn(|_| number(dice));
    let mut report = report(id, seq);
    report.wants.push(Want { limit: "api".into(), limits, applied, demand });
    report
}

/// Members of any number and any demand have all of a limit but for less than a thousandth of a unit each, and never
/// more. Who wants something has an equal part of it, or what it wants. It needs an empty place.
///
/// # Panics
///
/// If they have less, or more.
pub async fn parts_add_up<S: SharedState>(state: &S, seed: u64) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let limit = dice.u64(1..=100 * UNIT);
    let demand = |dice: &mut fastrand::Rng| match dice.u8(..3) {
        0 => 0,
        1 => dice.u64(..2 * UNIT),
        _ => dice.u64(..limit),
    };
    let demands: Vec<_> = (0..dice.u8(1..=60)).map(|_| demand(&mut dice)).collect();
    let mut parts = vec![0; demands.len()];
    // The first has all in the first round, less in the second, and the others have the rest once it says so.
    for round in 1..=4 {
        for (index, demand) in demands.iter().enumerate() {
            let mut report = report(&format!("m{index}"), round);
            let [limits, applied, demand] =
                [limit, parts[index], *demand].map(|units| [Some(units), None, None, None]);
            report.wants.push(Want { limit: "api".into(), limits, applied, demand });
            let given = sync(state, report).await.share().given[0].unwrap();
            // It may go by what it had, if the answer is late.
            let used = parts.iter().sum::<u64>() + given.saturating_sub(parts[index]);
            assert!(used <= limit, "seed {seed}: {used} of {limit}, {demands:?}");
            parts[index] = given;
        }
    }
    let members = u64::try_from(parts.len()).unwrap();
    let sum: u64 = parts.iter().sum();
    assert!(sum + members > limit, "seed {seed}: {sum} of {limit}, {demands:?}");
    for (part, demand) in parts.iter().zip(&demands) {
        let least = *demand.min(&(limit / members));
        assert!(*part >= least, "seed {seed}: {part} of {limit} for {demand}, {demands:?}");
    }
}

/// Each of so many members reports what it wants of one limit, one after the other. What they want is told as
/// members tell it, and is another number in each round.
pub async fn members_report<S: SharedState>(state: &S, members: u64, round: u64) {
    for number in 0..members {
        let demand = rounded((number * 7_919 + round * 104_729) % 10_000);
        let requests = |count| [Some(count), None, None, None];
        let (limits, applied, demand) = (requests(1_000_000), requests(1), requests(demand));
        let mut report = report(&format!("m{number}"), round);
        report.wants.push(Want { limit: "api".into(), limits, applied, demand });
        sync(state, report).await;
    }
}
