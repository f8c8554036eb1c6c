//! Sums that are more than a fleet counts.

use runtime_events::AgentEventName;
use runtime_usage::{Limit, Usd};

use crate::support::{World, cents};

#[test]
fn a_sum_that_cannot_be_counted_is_a_matter_of_its_account_alone() {
    let mut world = World::new(1);
    let fleet = world.members[0].fleet.clone();
    let refused = world.until(fleet.account("odd", Limit::recorded(Usd::MAX))).unwrap_err();
    let expected = "`amount` of account `odd` is $18446744073.709551615; a fleet counts up to $9223372036.854775807";
    assert_eq!(refused.to_string(), expected);

    let company =
        world.members[0].account("company", Limit::enforced(cents(100)).per_turn(cents(1)));
    let team = world.members[0].account("team", Limit::recorded(cents(100)));
    world.ticks(2);
    let told = world.members[0].told();
    team.reserve(Usd::MAX).unwrap().settle(Usd::MAX);
    company.reserve(cents(1)).unwrap().settle(cents(1));
    world.ticks(12);
    assert_eq!(
        (world.state("company").spent, world.members[0].told()),
        (cents(1), vec![AgentEventName::FleetDegraded]),
        "{told:?}"
    );
    let status = world.members[0].fleet.status();
    assert_eq!(status.away, None);
    let why = status.accounts.iter().find_map(|held| held.refused.as_deref());
    assert!(
        why.is_some_and(|why| why.starts_with("`spent` of account `team` is $18446744073.")),
        "{why:?}"
    );
    assert!(!world.until(team.fund(cents(1))), "who waits finds out");
    assert!(world.reserve(&company, cents(1)).is_some());
}

#[test]
fn the_smallest_sums_are_granted_and_spent_to_the_last() {
    let nanos = Usd::from_nanos;
    for amount in 1..6 {
        for strict in [false, true] {
            let mut world = World::new(3);
            let limit = if strict { Limit::strict } else { Limit::enforced };
            let limit = limit(nanos(amount)).per_turn(nanos(1));
            let accounts: Vec<_> = world
                .members
                .iter_mut()
                .map(|member| member.account("company", limit.clone()))
                .collect();
            world.ticks(2);
            let mut spent = 0;
            for number in 0..12 {
                if let Some(reserved) = world.reserve(&accounts[number % 3], nanos(1)) {
                    reserved.settle(nanos(1));
                    spent += 1;
                }
            }
            world.ticks(2);
            let state = world.state("company");
            assert_eq!((spent, state.spent), (amount, nanos(amount)), "strict: {strict}");
        }
    }
}
