//! Accounts that a backend has forgotten, that are opened late, or whose rules change.

use std::pin::pin;
use std::time::Duration;

use runtime_events::AgentEventName;
use runtime_fleet::{AccountPath, Accounts as _, FleetConfig, Policy, Rules, SharedKind};
use runtime_usage::{Account, Limit, Usd};

use crate::support::{Line, TICK, World, cents, poll};

fn limit(cents: u64) -> Limit {
    Limit::enforced(Usd::from_cents(cents)).per_turn(Usd::from_cents(1))
}

/// Sets an account, as who administers it does.
fn set(world: &World, account: &str, limit: &Limit) {
    let (account, rules) = (AccountPath::new(account).unwrap(), Rules::of(limit));
    let set = pin!(world.backend.set(&account, &rules));
    poll(set).unwrap().unwrap();
}

#[test]
fn a_forgotten_tree_is_opened_again_by_who_has_it() {
    let mut world = World::new(1);
    // It holds nothing of the accounts above, and has nothing to tell of them.
    let _company = world.members[0].account("company", Limit::strict(cents(100)));
    let _team = world.members[0].account("company/team", limit(80));
    let search = world.members[0].account("company/team/search", limit(50));
    world.reserve(&search, cents(20)).unwrap().settle(cents(20));
    world.ticks(10);

    world.forget();
    world.ticks(20);
    assert_eq!(world.state("company").spent, cents(20), "totals are told again");
    world.reserve(&search, cents(30)).expect("30 of 50 are left").settle(cents(30));
    assert!(world.reserve(&search, cents(1)).is_none());
    world.ticks(2);
    assert_eq!(world.state("company").spent, cents(50));
}

#[test]
fn an_account_is_opened_once_the_one_above_is_there_again() {
    let mut world = World::new(1);
    set(&world, "company", &limit(100));
    let search = world.members[0].account("company/search", limit(50));
    world.reserve(&search, cents(20)).unwrap().settle(cents(20));
    world.ticks(2);

    world.forget();
    world.ticks(20);
    let calls = world.members[0].calls();
    world.ticks(4);
    assert!(world.members[0].calls() <= calls + 8, "it asks with each heartbeat, and not more");
    set(&world, "company", &limit(100));
    world.ticks(4);
    assert_eq!(world.state("company").spent, cents(20));

    // One that was opened while the backend was away, before the one above it was there.
    world.members[0].line(Line::Cut);
    world.ticks(1);
    let late = world.members[0].account("late/search", limit(50));
    world.members[0].line(Line::Up);
    world.ticks(20);
    assert!(world.reserve(&late, cents(1)).is_none(), "there is none above");
    set(&world, "late", &limit(100));
    world.ticks(4);
    assert!(world.reserve(&late, cents(1)).is_some());
}

#[test]
fn money_that_was_given_back_before_anybody_had_the_account_is_not_spent() {
    let mut world = World::new(2);
    set(&world, "company", &limit(100));
    let (mut one, fleet) = (None, world.members[0].fleet.clone());
    // Who opens it does not look for a while.
    let mut opening = pin!(fleet.account("company", limit(200)));
    assert!(poll(opening.as_mut()).is_none());
    world.ticks(4);
    let other = world.members[1].account("company", limit(100));
    while let Some(held) = world.reserve(&other, cents(1)) {
        held.settle(cents(1));
    }
    world.ticks(2);
    for _ in 0..4 {
        one = one.or_else(|| poll(opening.as_mut()));
        world.ticks(1);
    }
    let one = one.unwrap().unwrap();
    let spent = world.state("company").spent;
    assert_eq!(spent.saturating_add(world.state("company").granted), spent);
    assert!(one.reserve(Usd::from_nanos(1)).is_err(), "all of it was spent by the other one");
}

#[test]
fn marks_of_a_limit_that_was_raised_are_told_again() {
    let mut world = World::new(1);
    let account = world.members[0].account("company", limit(100));
    let spend = |world: &mut World, amount: u64| {
        for _ in 0..amount {
            world.reserve(&account, cents(1)).unwrap().settle(cents(1));
        }
        world.ticks(2);
        let told = world.members[0].told();
        told.iter().filter(|name| **name == AgentEventName::BudgetMark).count()
    };
    assert_eq!(spend(&mut world, 85), 1, "80 %");
    set(&world, "company", &limit(200));
    assert_eq!(spend(&mut world, 60), 0, "145 of 200");
    assert_eq!(spend(&mut world, 20), 1, "80 % of 200");
}

#[test]
fn a_mark_of_a_limit_that_was_lowered_below_what_is_spent_is_told() {
    for pushes in [true, false] {
        let mut world = World::empty(pushes);
        world.join(|config| config);
        let account = world.members[0].account("company", limit(100));
        world.reserve(&account, cents(60)).unwrap().settle(cents(60));
        world.ticks(4);
        assert_eq!(world.members[0].told(), [], "80 % are far");
        set(&world, "company", &limit(70));
        // Without a push, it hears of it when it tells what it holds again: after a third of its time.
        world.ticks(if pushes { 1 } else { 4 });
        assert_eq!(world.members[0].told(), [AgentEventName::BudgetMark], "60 of 70");
    }
}

#[test]
fn other_rules_are_heard_by_who_has_nothing_to_tell() {
    let mut world = World::new(1);
    let account = world.members[0].account("company", limit(100));
    world.ticks(4);
    set(&world, "company", &Limit::recorded(cents(100)));
    world.ticks(1);
    account.reserve(cents(500)).expect("nothing is refused any more").release();
    set(&world, "company", &limit(100));
    world.ticks(1);
    assert!(account.reserve(cents(500)).is_err());
}

#[test]
fn an_account_that_refuses_nothing_is_bound_by_the_one_above() {
    let recorded = || Limit::recorded(Usd::from_cents(1_000)).per_turn(Usd::from_cents(1));
    let spend = |world: &mut World, account: &Account| {
        let mut spent = 0;
        while spent < 500 && account.reserve(cents(1)).map(|held| held.settle(cents(1))).is_ok() {
            spent += 1;
        }
        world.ticks(4);
        spent
    };
    let mut world = World::new(1);
    set(&world, "company", &limit(100));
    let team = world.members[0].account("company/team", recorded());
    for _ in 0..500 {
        if let Some(held) = world.reserve(&team, cents(1)) {
            held.settle(cents(1));
        }
    }
    world.ticks(2);
    assert_eq!(world.state("company").spent, cents(100));

    // Without the backend, nobody knows what there is above.
    world.join(|config| config);
    world.members[1].line(Line::Cut);
    let team = world.members[1].account("company/team", recorded());
    assert_eq!(spend(&mut world, &team), 0);
    world.members[1].line(Line::Up);
    world.ticks(12);
    assert_eq!(spend(&mut world, &team), 0, "all is spent");

    set(&world, "free", &recorded());
    let team = world.members[0].account("free/team", recorded());
    assert_eq!(spend(&mut world, &team), 500, "none of the path refuses");
}

#[test]
fn a_member_that_starts_without_the_backend_has_one_part_of_several() {
    let mut world = World::empty(true);
    let share = |config: FleetConfig| config.policy(SharedKind::Money, Policy::LocalShare);
    world.join(|config| share(config).expected_members(5));
    world.members[0].line(Line::Cut);
    let account = world.members[0].account("company", limit(100));
    world.ticks(1);
    for _ in 0..20 {
        account.reserve(cents(1)).unwrap().settle(cents(1));
    }
    assert!(account.reserve(cents(1)).is_err());
}

#[test]
fn an_account_that_nobody_has_any_more_is_left_out_of_heartbeats() {
    let mut world = World::empty(true);
    world.join(|config| config.keep_unused(Duration::MAX));
    let _company = world.members[0].account("company", limit(1_000));
    let tenant = world.members[0].account("company/tenant", limit(500));
    world.reserve(&tenant, cents(20)).unwrap().settle(cents(20));
    world.ticks(4);
    assert_eq!(world.state("company/tenant").members, 1, "it holds a chunk");
    let before = world.bookings();
    world.ticks(8);
    assert!(world.bookings() > before, "it is told now and then, while somebody has it");

    let held = world.reserve(&tenant, cents(1)).unwrap();
    drop(tenant);
    world.ticks(200);
    assert_eq!(world.state("company/tenant").members, 1, "a call is under way");
    held.settle(cents(1));
    world.ticks(130);
    let state = world.state("company/tenant");
    assert_eq!((state.spent, state.granted, state.members), (cents(21), Usd::ZERO, 0));

    // Asked for again it is the same account, with the same totals, however long it has rested.
    for _ in 0..25 * 6 {
        world.clock.advance(TICK * 1_200);
        world.drive();
    }
    let again = world.members[0].account("company/tenant", limit(500));
    assert_eq!(again.balance().spent, cents(21));
    world.reserve(&again, cents(30)).unwrap().settle(cents(30));
    world.ticks(2);
    assert_eq!(world.state("company/tenant").spent, cents(51));
    assert_eq!(world.state("company").spent, cents(51));
}

#[test]
fn a_backend_that_forgets_learns_what_accounts_spent_that_nobody_has_any_more() {
    let mut world = World::new(1);
    let company = world.members[0].account("company", limit(100));
    let tenant = world.members[0].account("company/tenant", limit(50));
    world.reserve(&tenant, cents(20)).unwrap().settle(cents(20));
    drop(tenant);
    world.ticks(200);
    world.forget();
    world.ticks(20);
    assert_eq!(world.state("company").spent, cents(20));
    assert!(world.reserve(&company, cents(81)).is_none());
}

#[test]
fn who_rests_costs_next_to_no_bookings() {
    let mut world = World::new(1);
    let _company = world.members[0].account("company", limit(100_000));
    for tenant in 0..20 {
        let account = world.members[0].account(&format!("company/t{tenant}"), limit(100));
        world.reserve(&account, cents(1)).unwrap().settle(cents(1));
    }
    world.ticks(200);
    let before = world.bookings();
    world.ticks(2 * 600);
    let booked = world.bookings() - before;
    assert!(booked < 500, "{booked} bookings of 21 accounts in ten minutes, of which one is held");
    assert_eq!(world.state("company").spent, cents(20));
}
