//! Calls that wait for money.

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
