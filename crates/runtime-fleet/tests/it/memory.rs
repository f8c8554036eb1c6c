//! The backend in memory does what the suite says.

use futures_util::FutureExt as _;
use proptest::prelude::*;
use runtime_fleet::{MemoryState, conformance, fair_parts};

#[test]
fn memory_state_passes_the_suite() {
    conformance::run(|| async { MemoryState::new() }).now_or_never().expect("it never waits");
}

#[test]
fn memory_state_is_fair_to_many() {
    let state = MemoryState::new();
    let states = vec![state; 3];
    conformance::one_probe_each_time(&states).now_or_never().expect("it never waits");
    conformance::parts_of_a_whole(&states).now_or_never().expect("it never waits");
    conformance::one_dollar(&states, || {}).now_or_never().expect("it never waits");
}

proptest! {
    #[test]
    fn parts_are_those_of_a_look_at_all_members(seed in any::<u64>()) {
        let state = MemoryState::new();
        conformance::parts_in_full(&state, seed).now_or_never().expect("it never waits");
    }

    #[test]
    fn parts_add_up_to_the_limit(seed in any::<u64>()) {
        let state = MemoryState::new();
        conformance::parts_add_up(&state, seed).now_or_never().expect("it never waits");
    }

    /// The level is the highest with which all parts together are within the limit, and each has its part of what is
    /// left then.
    #[test]
    fn fair_parts_are_a_water_level(
        limit in prop_oneof![0..40_u64, 0..2_000_u64],
        demands in proptest::collection::vec(0..200_u64, 1..20),
    ) {
        let members = demands.len() as u64;
        let wants: Vec<_> = demands.iter().map(|demand| *demand.max(&(limit / members / 4))).collect();
        let sum = |level: u64| wants.iter().map(|want| *want.min(&level)).sum::<u64>();
        let highest = (0..=200 + limit).rev().find(|level| sum(*level) <= limit).unwrap_or(0);
        let spare = (limit - sum(highest)) / members;
        let all_have_it = sum(u64::MAX) <= limit;
        let level = if limit == 0 { 0 } else { highest.max(1) };
        let expected = wants.iter().map(|want| want.min(&level) + if all_have_it { spare } else { 0 });
        prop_assert_eq!(fair_parts(limit, &demands), expected.collect::<Vec<_>>());
    }
}
