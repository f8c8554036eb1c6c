//! A process with more accounts than a backend answers to in time.

use runtime_usage::{Account, Limit, Usd};

use crate::support::{Line, TICK, World, cents};

const TENANTS: u64 = 350;
/// What a report has at most.
const MOST: u64 = 100;

#[test]
fn many_accounts_are_told_in_parts_that_are_answered_in_time() {
    let mut world = World::new(2);
    let limit = |dollars: u64| Limit::enforced(Usd::from_dollars(dollars)).per_turn(cents(1));
    world.members[0].account("company", limit(1_000));
    let accounts: Vec<Account> = (0..TENANTS)
        .map(|tenant| world.members[0].account(&format!("company/{tenant}"), limit(1)))
        .collect();
    world.ticks(2);
    for round in 1..=3 {
        for account in &accounts {
            let reserved = world.reserve(account, cents(1)).expect("each tenant has its money");
            reserved.settle(cents(1));
        }
        // With one heartbeat, all of them are told.
        world.ticks(1);
        world.drive();
        let spent = cents(TENANTS * round);
        assert_eq!(world.state("company").spent, spent, "round {round}");
        assert!(world.members[0].most() <= MOST, "{}", world.members[0].most());
    }
    // What is spent while they are told waits for the next heartbeat.
    let before = world.members[0].calls();
    let use_all = || {
        for account in &accounts {
            account.reserve(cents(1)).unwrap().settle(Usd::from_nanos(1));
        }
    };
    world.clock.advance(TICK);
    use_all();
    world.members[0].line(Line::Slow);
    world.drive();
    use_all();
    world.members[0].line(Line::Up);
    world.drive();
    let calls = world.members[0].calls() - before;
    assert_eq!(calls, TENANTS / MOST + 1, "one for each hundred");
    world.ticks(1);
    let before = world.members[0].calls();
    world.ticks(20);
    let calls = world.members[0].calls() - before;
    // Each is told again in a third of its time, in parts; and not more often.
    assert!((20..20 + 20 * 4).contains(&calls), "{calls}");
    let held = world.state("company").members;
    assert_eq!(u64::from(held), TENANTS + 1, "all are there still, and the company");

    // After an outage as well.
    world.members[0].line(Line::Cut);
    world.ticks(4);
    world.members[0].line(Line::Up);
    world.ticks(24);
    assert_eq!(world.state("company").estimated, Usd::ZERO);

    // And at the end.
    let spent = Usd::from_nanos(cents(TENANTS * 3).nanos() + 2 * TENANTS);
    let fleet = world.members[0].fleet.clone();
    world.until(fleet.shutdown()).unwrap();
    let company = world.state("company");
    assert_eq!((company.granted, company.spent), (Usd::ZERO, spent));
    assert!(world.members[0].most() <= MOST, "{}", world.members[0].most());
}
