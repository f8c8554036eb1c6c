//! Money of members that are not heard of any more.

use std::time::Duration;

use super::{HOUR, Owner, cents, enforced, member, path, report, sums, sync};
use crate::error::StateError;
use crate::money::{Booked, Holder, OnLoss, Rules};
use crate::state::Accounts;
use runtime_usage::Usd;

/// An owner that holds 40 of 100 cents, has spent 10 of them, and is not heard of any more.
async fn dead(state: &dyn Accounts, on_loss: OnLoss) -> Owner<'_> {
    state.set(&path("c"), &enforced(100)).await.unwrap();
    state.set(&path("c/x"), &enforced(100).on_loss(on_loss)).await.unwrap();
    let mut owner = Owner::new(state, "c/x", "one");
    assert_eq!(owner.take(cents(40), cents(40)).await, cents(40));
    owner.next.spent = cents(10);
    owner.next.ttl = Duration::ZERO;
    let _ = owner.book().await;
    owner.next.ttl = HOUR;
    owner
}

/// What it held counts as spent, on an estimate, until it is heard of.
pub(super) async fn spent(state: &dyn Accounts) {
    let mut owner = dead(state, OnLoss::Spend).await;
    assert_eq!(sums(state, "c").await, [40, 30, 0]);
    assert_eq!(sums(state, "c/x").await, [40, 30, 0]);
    let mut other = Owner::new(state, "c", "two");
    assert_eq!(other.take(cents(70), cents(70)).await, Usd::ZERO, "60 are left");
    assert_eq!(other.take(cents(60), cents(60)).await, cents(60));

    owner.next.spent = cents(22);
    let booked = owner.book().await;
    assert_eq!((booked.granted, booked.lost), (cents(40), Usd::ZERO), "it goes on where it was");
    assert_eq!(sums(state, "c").await, [22, 0, 78]);

    // The last report of a member that leaves with a call under way.
    let mut last = report("one", 9);
    (owner.next.seq, owner.next.ttl, owner.next.returned) = (9, Duration::ZERO, cents(15));
    (last.ttl, last.bookings) = (Duration::ZERO, vec![owner.next.clone()]);
    let _ = sync(state, last).await;
    assert_eq!(sums(state, "c/x").await, [25, 3, 0]);
}

/// What it held is given back, and its owner loses it.
pub(super) async fn returned(state: &dyn Accounts) {
    let mut owner = dead(state, OnLoss::Return).await;
    assert_eq!(sums(state, "c").await, [10, 0, 0]);
    let mut other = Owner::new(state, "c", "two");
    assert_eq!(other.take(cents(90), cents(90)).await, cents(90));

    owner.next.spent = cents(15);
    let booked = owner.book().await;
    assert_eq!((booked.granted, booked.lost), (cents(40), cents(30)));
    assert_eq!(sums(state, "c").await, [15, 0, 90], "what it spent all the same counts");
    assert_eq!(owner.take(cents(1), cents(1)).await, cents(1), "spent already");
    assert_eq!(owner.take(cents(5), cents(5)).await, Usd::ZERO);
}

/// An estimate for a member that is over is corrected by who knows better.
pub(super) async fn corrected(state: &dyn Accounts) {
    let mut owner = dead(state, OnLoss::Spend).await;
    let (account, one) = (path("c/x"), member("one"));
    assert_eq!(state.correct(&account, &member("two"), cents(5)).await.unwrap(), Usd::ZERO);
    let mut running = Owner::new(state, "c/x", "running");
    assert_eq!(running.take(cents(2), cents(2)).await, cents(2));
    let holder = |id, [spent, estimated, held]: [u64; 3], away| Holder {
        member: member(id),
        spent: cents(spent),
        estimated: cents(estimated),
        held: cents(held),
        away,
    };
    let lost = |sums| holder("one", sums, true);
    let others = holder("running", [0, 0, 2], false);
    let holders = async || state.holders(&account).await.unwrap();
    assert_eq!(holders().await, [lost([40, 30, 0]), others.clone()]);
    assert_eq!(state.correct(&account, &one, cents(20)).await.unwrap(), cents(20));
    assert_eq!(holders().await, [lost([20, 10, 0]), others]);
    running.next.ttl = Duration::ZERO;
    running.next.returned = cents(2);
    let _ = running.book().await;
    assert_eq!(sums(state, "c").await, [20, 10, 0]);
    assert_eq!(state.correct(&account, &one, cents(20)).await.unwrap(), cents(10));
    assert_eq!(sums(state, "c").await, [10, 0, 0]);
    assert_eq!(holders().await, [], "there is nothing to correct");
    assert_eq!(state.holders(&path("c")).await.unwrap(), [], "those below are theirs");
    let absent = state.holders(&path("nobody")).await.unwrap_err();
    assert!(matches!(absent, StateError::NoAccount { .. }), "{absent:?}");
    let booked = owner.book().await;
    assert_eq!(booked.lost, cents(30), "it stays given back");
    assert_eq!(sums(state, "c").await, [10, 0, 0]);

    // Estimates of its own.
    state.set(&path("d"), &Rules { on_loss: OnLoss::Return, ..enforced(100) }).await.unwrap();
    let mut owner = Owner::new(state, "d", "one");
    let _ = owner.take(cents(40), cents(40)).await;
    (owner.next.spent, owner.next.estimated, owner.next.ttl) =
        (cents(12), cents(8), Duration::ZERO);
    let _ = owner.book().await;
    assert_eq!(state.correct(&path("d"), &one, cents(20)).await.unwrap(), cents(8));
    assert_eq!(sums(state, "d").await, [4, 0, 0]);
    // It was not over, and corrects them as well: they are given back once.
    (owner.next.spent, owner.next.estimated) = (cents(7), cents(3));
    let _ = owner.book().await;
    assert_eq!(sums(state, "d").await, [4, 0, 0]);
    (owner.next.spent, owner.next.estimated) = (cents(4), Usd::ZERO);
    let _ = owner.book().await;
    assert_eq!(sums(state, "d").await, [4, 0, 0]);
    owner.next.spent = cents(6);
    let _ = owner.book().await;
    assert_eq!(sums(state, "d").await, [6, 0, 0]);
}

/// A mark that a member has not said to have heard goes to the next one, if its time is over.
pub(super) async fn handed_on(state: &dyn Accounts) {
    state.set(&path("c"), &Rules { marks: vec![30], ..enforced(100) }).await.unwrap();
    state.set(&path("c/x"), &Rules { marks: vec![50, 60], ..enforced(50) }).await.unwrap();
    state.set(&path("c/y"), &enforced(50)).await.unwrap();
    let told = |booked: &Booked| -> Vec<Vec<u16>> {
        booked.path.iter().map(|level| level.marks.clone()).collect()
    };
    let mut one = Owner::new(state, "c/x", "one");
    let mut two = Owner::new(state, "c/x", "two");
    let mut three = Owner::new(state, "c/y", "three");
    for owner in [&mut one, &mut two, &mut three] {
        assert_eq!(owner.take(cents(5), cents(5)).await, cents(5));
        let _ = owner.book().await;
    }
    (one.next.spent, one.next.ttl) = (cents(30), Duration::from_nanos(1));
    assert_eq!(told(&one.unheard().await), [vec![50, 60], vec![30]]);

    assert_eq!(told(&three.book().await), [vec![], vec![30]], "of its own path");
    // A heartbeat that has nothing else to tell.
    two.next.seq += 1;
    let mut heartbeat = report("two", two.next.seq);
    heartbeat.bookings = vec![two.next.clone()];
    let view = sync(state, heartbeat).await;
    assert_eq!(told(view.booked[0].as_ref().unwrap()), [vec![50, 60], vec![]]);
    two.next.heard = two.next.seq;
    one.next.ttl = HOUR;
    for owner in [&mut one, &mut two, &mut three] {
        let marks = told(&owner.book().await).concat();
        assert_eq!(marks, [0; 0], "they were handed on, and heard");
    }
    (one.next.spent, one.next.ttl) = (cents(40), Duration::ZERO);
    state.set(&path("c/x"), &Rules { marks: vec![80], ..enforced(50) }).await.unwrap();
    assert_eq!(told(&one.book().await), [vec![80], vec![]]);
    assert_eq!(told(&two.book().await).concat(), [0; 0], "who says farewell tells it");
}

/// A backend that has forgotten a booking learns it from the next.
pub(super) async fn forgotten(state: &dyn Accounts) {
    state.set(&path("a"), &enforced(100)).await.unwrap();
    let mut owner = Owner::new(state, "a", "one");
    (owner.next.seq, owner.next.heard) = (7, 7);
    (owner.next.granted, owner.next.spent) = (cents(40), cents(30));
    let booked = owner.book().await;
    assert_eq!((booked.granted, sums(state, "a").await), (cents(40), [30, 0, 10]));
}
