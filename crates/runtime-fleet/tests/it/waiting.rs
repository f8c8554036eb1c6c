//! Calls that wait for money, and what is held ahead of them.

use std::sync::{Arc, Mutex};

use runtime_usage::Limit;

use crate::support::{World, cents, poll};

#[test]
fn who_asks_while_the_first_money_is_on_its_way_gets_it() {
    let mut world = World::new(1);
    let account = world.members[0].account("company", Limit::enforced(cents(10_000)));
    let lacks = Arc::new(Mutex::new(Box::pin({
        let account = account.clone();
        async move { account.fund(cents(2)).await }
    })));
    let mut first = Box::pin({
        let account = account.clone();
        async move { account.fund(cents(1)).await }
    });
    assert!(poll(first.as_mut()).is_none(), "it asks");
    world.members[0].meanwhile({
        let lacks = Arc::clone(&lacks);
        move || assert!(poll(lacks.lock().unwrap().as_mut()).is_none(), "it has not come")
    });
    world.members[0].drive();
    assert_eq!(Arc::strong_count(&lacks), 1, "it has asked");
    assert_eq!(poll(first.as_mut()), Some(true));
    assert_eq!(poll(lacks.lock().unwrap().as_mut()), Some(true));
    assert!(account.reserve(cents(2)).is_ok());
}

#[test]
fn who_asks_while_a_sibling_gives_back_waits_as_well() {
    [true, false].into_iter().for_each(waits_for_a_sibling);
}

fn waits_for_a_sibling(pushes: bool) {
    let mut world = World::empty(pushes);
    (0..2).for_each(|_| world.join(|config| config));
    let limit = Limit::enforced(cents(8)).per_turn(cents(1));
    let [one, two] = [0, 1].map(|member| world.members[member].account("company", limit.clone()));
    // It takes a cent ahead as well.
    world.reserve(&two, cents(5)).unwrap().release();
    world.reserve(&one, cents(2)).unwrap().settle(cents(2));
    // The sibling has 6 cents idle, and gives them back when it looks.
    let (mut first, mut second) = (Box::pin(one.fund(cents(3))), Box::pin(one.fund(cents(3))));
    assert!(poll(first.as_mut()).is_none());
    world.members[0].drive();
    assert!(poll(first.as_mut()).is_none(), "refused, and it waits for the sibling");
    assert!(poll(second.as_mut()).is_none(), "this one as well");
    assert!(world.until(first) && world.until(second));
}

#[test]
fn one_absurd_reservation_does_not_decide_what_is_held() {
    let mut world = World::new(2);
    let limit = || Limit::enforced(cents(10_000)).per_turn(cents(1));
    let account = world.members[0].account("company", limit());
    let _other = world.members[1].account("company", limit());
    world.ticks(10);
    world.reserve(&account, cents(6_000)).unwrap().release();
    for (ticks, most) in [(40, 1_300), (3_000, 40)] {
        for _ in 0..ticks {
            world.reserve(&account, cents(1)).unwrap().settle(cents(1));
            world.ticks(1);
        }
        let held = world.state("company").granted;
        assert!(held < cents(most), "{held} for turns of a cent");
    }
}

#[test]
fn what_is_idle_in_another_account_of_the_same_process_is_given_back() {
    let mut world = World::new(1);
    let limit = |amount| Limit::enforced(cents(amount)).per_turn(cents(1));
    let _company = world.members[0].account("company", limit(100));
    let one = world.members[0].account("company/one", limit(100));
    let two = world.members[0].account("company/two", limit(100));
    world.reserve(&one, cents(1)).unwrap().settle(cents(1));
    world.ticks(2);
    assert!(!world.state("company/one").granted.is_zero(), "it holds a chunk");
    let mut spent = 1;
    while let Some(held) = world.reserve(&two, cents(1)) {
        held.settle(cents(1));
        spent += 1;
    }
    assert_eq!(spent, 100, "all of the company's money");
}

#[test]
fn a_refusal_of_much_refuses_no_little() {
    let mut world = World::new(1);
    let account = world.members[0].account("company", Limit::enforced(cents(40)));
    assert!(world.reserve(&account, cents(41)).is_none());
    assert!(world.reserve(&account, cents(20)).is_some(), "40 are there");
    let calls = world.members[0].calls();
    for _ in 0..20 {
        assert!(world.reserve(&account, cents(21)).is_none());
    }
    assert!(world.members[0].calls() <= calls + 4, "what was refused is not asked for at once");
}
