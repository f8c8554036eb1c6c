//! Accounts of a fleet: chunks, exact sums, losses, marks, and a backend that is away.

use runtime_events::AgentEventName;
use runtime_events::payload::MarkCrossed;
use runtime_fleet::{Accounts as _, FleetError, OnLoss, Policy, Rules, SharedKind, StateError};
use runtime_usage::{Account, Charge, Limit, Reservation, Usd};

use crate::support::{Line, TICK, TTL, World, cents, poll};

fn limit(cents: u64) -> Limit {
    Limit::enforced(Usd::from_cents(cents)).per_turn(Usd::from_cents(1))
}

/// The account of every member.
fn accounts(world: &mut World, path: &str, limit: &Limit) -> Vec<Account> {
    let accounts = world.members.iter_mut().map(|member| member.account(path, limit.clone()));
    let accounts = accounts.collect();
    world.drive();
    accounts
}

#[test]
fn turns_of_a_member_with_money_call_nobody() {
    let mut world = World::new(3);
    let accounts = accounts(&mut world, "company", &limit(10_000));
    world.ticks(4);
    let (before, mut most) = (world.members[0].calls(), 0);
    for _ in 0..40 {
        let at_first = world.members[0].calls();
        for account in &accounts {
            for _ in 0..2 {
                account.reserve(cents(1)).expect("it has money").settle(cents(1));
            }
        }
        assert_eq!(world.members[0].calls(), at_first, "a turn calls nobody");
        world.ticks(1);
        most = most.max(world.members[0].calls() - at_first);
    }
    assert_eq!(most, 1, "one call at each heartbeat");
    assert_eq!(world.members[0].calls() - before, 40, "two a second");
    assert_eq!(world.state("company").spent, cents(3 * 40 * 2));
}

#[test]
fn strict_turns_take_exact_sums_in_one_call_each() {
    let mut world = World::new(1);
    let account = accounts(&mut world, "company", &Limit::strict(cents(100))).remove(0);
    world.ticks(1);
    assert_eq!(world.state("company").granted, Usd::ZERO, "nothing ahead");
    for spent in 1..=9 {
        let before = world.members[0].calls();
        world.reserve(&account, cents(3)).unwrap().settle(cents(3));
        assert_eq!(world.members[0].calls() - before, 1);
        world.ticks(1);
        let state = world.state("company");
        assert_eq!((state.spent, state.granted), (cents(3 * spent), Usd::ZERO));
    }
    assert!(account.limit().is_strict());
}

#[test]
fn strict_money_that_was_not_spent_goes_back() {
    let mut world = World::new(2);
    let accounts = accounts(&mut world, "company", &Limit::strict(cents(10)));
    world.reserve(&accounts[0], cents(8)).unwrap().settle(cents(2));
    assert_eq!(world.state("company").granted, cents(8));
    world.reserve(&accounts[1], cents(8)).expect("the first gives back 6").settle(cents(8));
    assert!(world.reserve(&accounts[1], Usd::from_nanos(1)).is_none(), "not a nano-dollar over");
    world.ticks(4);
    assert_eq!(world.state("company").spent, cents(10));
}

#[test]
fn near_the_limit_members_give_back_what_others_need() {
    for pushes in [true, false] {
        let mut world = World::empty(pushes);
        (0..3).for_each(|_| world.join(|config| config));
        let accounts = accounts(&mut world, "company", &limit(100));
        world.ticks(4);
        assert!(world.state("company").granted > Usd::ZERO, "chunks are held");
        // One member spends all of it, down to the last cent.
        for _ in 0..100 {
            let held = world.reserve(&accounts[0], cents(1)).expect("siblings give back");
            held.settle(cents(1));
        }
        assert!(world.reserve(&accounts[0], cents(1)).is_none());
        world.ticks(2);
        assert_eq!(world.state("company").spent, cents(100));
        assert_eq!(world.state("company").granted, Usd::ZERO);
    }
}

#[test]
fn a_refusal_names_the_account_of_the_path_that_has_too_little() {
    let mut world = World::new(1);
    let _company = accounts(&mut world, "company", &limit(10));
    let team = accounts(&mut world, "company/team", &limit(1_000)).remove(0);
    world.reserve(&team, cents(4)).unwrap().settle(cents(4));
    world.ticks(2);
    assert!(world.reserve(&team, cents(9)).is_none());
    let refused = team.reserve(cents(9)).unwrap_err().to_string();
    assert!(refused.starts_with("budget `company` refused: $0.09 requested, "), "{refused}");
    assert!(refused.contains(" of $0.10 left"), "{refused}");
}

#[test]
fn what_is_held_for_nothing_goes_back() {
    let mut world = World::new(1);
    let account = accounts(&mut world, "company", &limit(100_000)).remove(0);
    for _ in 0..3 {
        world.reserve(&account, cents(300)).unwrap().settle(cents(300));
        world.ticks(1);
    }
    assert!(world.state("company").granted >= cents(600));
    world.ticks(100);
    let held = world.state("company").granted;
    assert!(held <= cents(1_200) && held >= cents(300), "a chunk is kept: {held}");
}

#[test]
fn what_the_backend_has_counts() {
    let mut world = World::new(1);
    let rules = Rules { strict: true, ..Rules::of(&Limit::enforced(cents(7))) };
    let path = "company".parse().unwrap();
    poll(std::pin::pin!(world.backend.set(&path, &rules))).unwrap().unwrap();
    let account = accounts(&mut world, "company", &Limit::recorded(cents(500))).remove(0);
    let limit = account.limit();
    assert!(limit.is_strict() && limit.amount == cents(7), "{limit:?}");
    assert!(world.reserve(&account, cents(8)).is_none());
    assert_eq!(limit.name.as_deref(), Some("company"));

    // Recorded accounts are booked, and refuse nothing.
    let free = world.members[0].account("free", Limit::recorded(cents(1)));
    free.reserve(cents(50)).unwrap().settle(cents(50));
    world.ticks(2);
    assert_eq!(world.state("free").spent, cents(50));
}

#[test]
fn refusals_to_open_say_why() {
    let mut world = World::new(1);
    let fleet = world.members[0].fleet.clone();
    let below = world.until(fleet.account("company/search", limit(5)));
    let Err(FleetError::State(StateError::NoAccountAbove { .. })) = below else {
        panic!("there is no account above: {below:?}")
    };
    let bad = world.until(fleet.account("company//search", limit(5)));
    assert!(bad.unwrap_err().to_string().contains("company//search"));
    let _ = accounts(&mut world, "company", &limit(5));
    let account = world.until(fleet.account("company/search", limit(5))).unwrap();
    let again = world.until(fleet.account("company/search", limit(50))).unwrap();
    assert!(account.is(&again));
    assert_eq!(account.limit().amount, cents(5));
}

#[test]
fn marks_are_told_once_in_the_fleet() {
    let mut world = World::new(3);
    let accounts = accounts(&mut world, "company", &limit(100).marks([50, 80, 100]));
    for round in 0..33 {
        if round == 20 {
            // Answers are lost, and with them what they told.
            world.members.iter().for_each(|member| member.line(Line::Deaf));
            world.ticks(4);
            world.members.iter().for_each(|member| member.line(Line::Up));
            world.ticks(20);
        }
        for account in &accounts {
            world.reserve(account, cents(1)).unwrap().settle(cents(1));
        }
        world.ticks(1);
    }
    world.reserve(&accounts[0], cents(1)).unwrap().settle(cents(1));
    world.ticks(3);
    let mut marks = Vec::new();
    for member in &world.members {
        let events = member.events.events();
        let told = events.iter().filter(|event| event.event == AgentEventName::BudgetMark);
        marks.extend(told.map(|event| MarkCrossed::of(event).percent.unwrap()));
    }
    marks.sort_unstable();
    assert_eq!(marks, [50, 80, 100]);
}

#[test]
fn a_dead_members_money_counts_as_spent_until_it_is_heard_of() {
    let mut world = World::new(2);
    let accounts = accounts(&mut world, "company", &limit(100));
    world.ticks(2);
    let held = accounts[0].reserve(cents(1)).unwrap();
    let granted = world.state("company").granted;
    world.members[0].line(Line::Cut);
    world.ticks(12);
    let state = world.state("company");
    assert!(state.estimated > Usd::ZERO && state.spent == state.estimated, "{state:?}");
    assert!(state.granted < granted);
    held.settle(Charge::new(cents(1)));
    world.members[0].line(Line::Up);
    world.ticks(12);
    let state = world.state("company");
    assert_eq!((state.spent, state.estimated), (cents(1), Usd::ZERO), "it knows better");
}

#[test]
fn money_that_others_may_get_is_not_used_after_its_time() {
    let mut world = World::new(1);
    let fleet = world.members[0].fleet.clone();
    let opened = fleet.account_on_loss("company", limit(100), OnLoss::Return);
    let account = world.until(opened).unwrap();
    world.ticks(2);
    assert!(account.reserve(cents(1)).map(Reservation::release).is_ok());
    world.members[0].line(Line::Cut);
    let mut alive = 0;
    while account.reserve(cents(1)).map(Reservation::release).is_ok() {
        world.ticks(1);
        alive += 1;
        assert!(TICK * alive < TTL, "the backend may have given it to others");
    }
    assert!(alive > 6, "and until then it is used");
    world.ticks(4);
    assert_eq!(world.state("company").granted, Usd::ZERO);
    world.members[0].line(Line::Up);
    world.ticks(12);
    world.reserve(&account, cents(1)).expect("it gets other money").release();
}

#[test]
fn money_fails_closed_when_what_is_held_is_used_up() {
    let mut world = World::new(1);
    let account = accounts(&mut world, "company", &limit(1_000)).remove(0);
    world.ticks(2);
    world.members[0].line(Line::Cut);
    let held = world.members[0].fleet.status().accounts[0].idle;
    assert!(held >= cents(2));
    let mut spent = Usd::ZERO;
    while let Some(reserved) = world.reserve(&account, cents(1)) {
        reserved.settle(cents(1));
        spent = spent.saturating_add(cents(1));
        world.ticks(1);
    }
    assert_eq!(spent, held, "what it holds, and no more");
    let refused = account.reserve(cents(1)).unwrap_err();
    assert!(refused.away && refused.to_string().contains("cannot be reached"), "{refused}");
    assert_eq!(world.members[0].told(), [AgentEventName::FleetDegraded], "once");
    assert!(world.members[0].fleet.status().away.unwrap().contains("the line is cut"));

    world.members[0].line(Line::Up);
    world.ticks(12);
    assert_eq!(world.members[0].told(), [AgentEventName::FleetRecovered]);
    world.reserve(&account, cents(1)).unwrap().release();
    world.ticks(2);
    assert_eq!(world.state("company").spent, spent);
}

#[test]
fn declared_policies_spend_more_while_the_backend_is_away() {
    let part = |policy| {
        let mut world = World::empty(true);
        world.join(|config| config.policy(SharedKind::Money, policy));
        world.join(|config| config);
        let accounts = accounts(&mut world, "company", &limit(1_000));
        world.ticks(2);
        world.members[0].line(Line::Cut);
        // Nobody gives back what was not granted, however long that takes.
        world.ticks(60);
        let mut spent = 0;
        while spent < 3_000 && accounts[0].reserve(cents(1)).map(|r| r.settle(cents(1))).is_ok() {
            spent += 1;
        }
        world.members[0].line(Line::Up);
        world.ticks(12);
        assert_eq!(world.state("company").spent, cents(spent), "all of it is booked");
        spent
    };
    let shared = part(Policy::LocalShare);
    assert!((400..=510).contains(&shared), "its half of what was left: {shared}");
    assert_eq!(part(Policy::FailOpen), 3_000);
}

#[test]
fn a_member_that_starts_without_the_backend_is_as_any_other_later() {
    let mut world = World::new(1);
    world.members[0].line(Line::Cut);
    let account = accounts(&mut world, "company", &limit(100)).remove(0);
    assert!(world.reserve(&account, cents(1)).is_none());
    world.ticks(30);
    assert_eq!(world.members[0].told(), [AgentEventName::FleetDegraded]);
    world.members[0].line(Line::Up);
    world.ticks(12);
    assert_eq!(world.members[0].told(), [AgentEventName::FleetRecovered]);
    world.reserve(&account, cents(1)).unwrap().settle(cents(1));
    world.ticks(1);
    assert_eq!(world.state("company").spent, cents(1));
}

#[test]
fn a_silent_backend_is_noticed_in_time() {
    let mut world = World::new(1);
    let account = accounts(&mut world, "company", &Limit::strict(cents(100))).remove(0);
    world.ticks(2);
    world.members[0].line(Line::Stalled);
    let waits = account.fund(cents(1));
    let before = world.clock.elapsed();
    assert!(!world.until(waits));
    let took = world.clock.elapsed().checked_sub(before).unwrap();
    assert!(took <= TICK * 5, "two seconds, and a heartbeat: {took:?}");
    assert_eq!(world.members[0].told(), [AgentEventName::FleetDegraded]);
}

#[test]
fn a_member_that_leaves_leaves_nothing() {
    let mut world = World::new(2);
    let accounts = accounts(&mut world, "company", &limit(100));
    world.ticks(2);
    accounts[0].reserve(cents(1)).unwrap().settle(cents(1));
    let held = accounts[0].reserve(cents(1)).unwrap();
    let fleet = world.members[0].fleet.clone();
    world.until(fleet.shutdown()).unwrap();
    let state = world.state("company");
    assert_eq!((state.spent, state.estimated), (cents(2), cents(1)), "a call is under way");
    assert!(accounts[0].reserve(cents(1)).is_err());
    drop(held);
    world.ticks(1);
    assert_eq!(world.members[1].fleet.status().members, 1);

    let fleet = world.members[1].fleet.clone();
    world.members[1].line(Line::Cut);
    let left = world.until(fleet.shutdown());
    assert!(left.unwrap_err().to_string().contains("m1-"), "it says who was not heard");
}

#[test]
fn corrected_estimates_are_corrected_in_the_backend() {
    let mut world = World::new(1);
    let account = accounts(&mut world, "company", &limit(100)).remove(0);
    drop(world.reserve(&account, cents(4)).unwrap());
    world.ticks(1);
    assert_eq!(
        (world.state("company").spent, world.state("company").estimated),
        (cents(4), cents(4))
    );
    account.correct(cents(3));
    world.ticks(1);
    assert_eq!(
        (world.state("company").spent, world.state("company").estimated),
        (cents(1), cents(1))
    );
}

#[test]
fn a_mark_that_two_answers_give_is_told_once() {
    let mut world = World::new(1);
    let account = accounts(&mut world, "company", &limit(1_000).marks([1])).remove(0);
    world.ticks(1);
    account.charge(cents(20));
    world.members[0].line(Line::Slow);
    world.ticks(1);
    // Another booking goes while the heartbeat's is under way.
    let mut more = std::pin::pin!(account.fund(cents(100)));
    assert!(poll(more.as_mut()).is_none());
    world.drive();
    world.members[0].line(Line::Up);
    world.drive();
    assert_eq!(poll(more.as_mut()), Some(true));
    world.ticks(2);
    assert_eq!(world.members[0].told(), [AgentEventName::BudgetMark]);
}

#[test]
fn money_that_others_got_is_not_spent_twice() {
    let mut world = World::new(2);
    let open = |world: &mut World, of: usize| {
        let fleet = world.members[of].fleet.clone();
        let opened = fleet.account_on_loss("company", limit(20), OnLoss::Return);
        world.until(opened).unwrap()
    };
    let (one, two) = (open(&mut world, 0), open(&mut world, 1));
    world.ticks(2);
    assert!(world.members[0].fleet.status().accounts[0].idle > Usd::ZERO, "it holds some");
    world.members[0].line(Line::Cut);
    world.ticks(14);
    world.reserve(&two, cents(20)).expect("all of it").settle(cents(20));
    world.members[0].line(Line::Up);
    world.ticks(14);
    assert!(world.reserve(&one, cents(1)).is_none());
    assert_eq!(one.balance().spent, Usd::ZERO);
}
