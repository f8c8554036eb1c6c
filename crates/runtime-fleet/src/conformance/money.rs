//! Money: grants within the path, books that agree, marks that are told once.

use super::{HOUR, Owner, all, booking, cents, enforced, member, path, report, sums, sync};
use crate::BoxFuture;
use crate::error::StateError;
use crate::money::{Booking, LARGEST_SUM, Rules};
use crate::state::Accounts;
use runtime_usage::Usd;

/// An account is opened once, below one that is there; who administers it changes its rules.
pub(super) async fn opening(state: &dyn Accounts) {
    let below = state.open_account(&path("company/search"), &enforced(10)).await;
    assert!(matches!(below, Err(StateError::NoAccountAbove { .. })), "{below:?}");
    assert_eq!(state.account(&path("company")).await.unwrap(), None);

    let opened = state.open_account(&path("company"), &enforced(100)).await.unwrap();
    assert_eq!((opened.rules.clone(), opened.spent), (enforced(100), Usd::ZERO));
    let again = state.open_account(&path("company"), &enforced(5)).await.unwrap();
    assert_eq!(again, opened, "what is in the database counts");
    let search = state.open_account(&path("company/search"), &enforced(10)).await.unwrap();
    assert_eq!(search.account, path("company/search"));

    let changed = Rules { strict: true, marks: vec![50], ..enforced(200) };
    assert_eq!(state.set(&path("company"), &changed).await.unwrap().rules, changed);
    let all = state.accounts().await.unwrap();
    let all: Vec<_> = all.iter().map(|state| state.account.as_str()).collect();
    assert_eq!(all, ["company", "company/search"]);

    let mut nobody = Owner::new(state, "nobody", "one");
    nobody.next.seq = 1;
    let refused = state.book(&nobody.next).await;
    assert!(matches!(refused, Err(StateError::NoAccount { .. })), "{refused:?}");
    let mut told = report("one", 1);
    told.bookings = vec![nobody.next, Owner::new(state, "company", "one").next];
    let view = sync(state, told).await;
    assert!(
        matches!(view.booked[0], Err(StateError::NoAccount { .. })) && view.booked[1].is_ok(),
        "one that is missing harms no other"
    );
}

/// A grant is what is left, up to the most, or nothing.
pub(super) async fn grants(state: &dyn Accounts) {
    state.set(&path("a"), &enforced(100)).await.unwrap();
    let (mut one, mut two) = (Owner::new(state, "a", "one"), Owner::new(state, "a", "two"));
    assert_eq!(one.take(cents(10), cents(60)).await, cents(60));
    assert_eq!(two.take(cents(50), cents(60)).await, Usd::ZERO, "40 are left");
    assert_eq!(two.take(cents(30), cents(60)).await, cents(40));
    assert_eq!(sums(state, "a").await, [0, 0, 100]);

    one.next.spent = cents(25);
    one.next.estimated = cents(5);
    one.next.returned = cents(15);
    let booked = one.book().await;
    assert_eq!((booked.granted, booked.lost), (cents(60), Usd::ZERO));
    assert_eq!(sums(state, "a").await, [25, 5, 60]);
    assert_eq!(state.account(&path("a")).await.unwrap().unwrap().members, 2);
    assert_eq!(two.take(cents(15), cents(15)).await, cents(15));

    // A correction gives back what was spent, to the member.
    one.next.spent = cents(20);
    one.next.estimated = Usd::ZERO;
    let _ = one.book().await;
    assert_eq!(sums(state, "a").await, [20, 0, 80]);

    state.set(&path("free"), &Rules { enforced: false, ..enforced(1) }).await.unwrap();
    let mut free = Owner::new(state, "free", "one");
    assert_eq!(
        free.take(cents(70), cents(70)).await,
        cents(70),
        "a recorded account refuses nothing"
    );
}

/// Money is granted on the whole path, or not at all.
pub(super) async fn trees(state: &dyn Accounts) {
    for (account, amount) in [("c", 100), ("c/x", 80), ("c/y", 80), ("cx", 5)] {
        state.set(&path(account), &enforced(amount)).await.unwrap();
    }
    let (mut x, mut y) = (Owner::new(state, "c/x", "one"), Owner::new(state, "c/y", "one"));
    assert_eq!(x.take(cents(70), cents(70)).await, cents(70));
    assert_eq!(y.take(cents(40), cents(80)).await, Usd::ZERO, "30 are left in `c`");
    assert_eq!(sums(state, "c/y").await, [0, 0, 0]);
    assert_eq!(y.take(cents(20), cents(80)).await, cents(30));

    (x.next.spent, y.next.spent) = (cents(50), cents(5));
    let booked = x.book().await;
    let path: Vec<_> = booked.path.iter().map(|level| level.state.account.as_str()).collect();
    assert_eq!(path, ["c/x", "c"], "from the bottom to the top");
    let _ = y.book().await;
    assert_eq!(sums(state, "c").await, [55, 0, 45]);
    assert_eq!(sums(state, "c/x").await, [50, 0, 20]);
    assert_eq!(sums(state, "cx").await, [0, 0, 0], "another tree");
}

/// A booking that is lost, comes twice or comes late does no harm.
pub(super) async fn repetitions(state: &dyn Accounts) {
    state.set(&path("a"), &enforced(100)).await.unwrap();
    let mut one = Owner::new(state, "a", "one");
    (one.next.least, one.next.most, one.next.spent) = (cents(10), cents(30), Usd::ZERO);
    let early = one.next.clone();
    let _ = one.unheard().await;
    assert_eq!(one.take(cents(10), cents(30)).await, cents(30), "the first grant, once");
    assert_eq!(sums(state, "a").await, [0, 0, 30]);

    one.next.spent = cents(12);
    let _ = one.book().await;
    let again = state.book(&one.next).await.unwrap();
    assert_eq!((again.granted, sums(state, "a").await), (cents(30), [12, 0, 18]));
    let _ = state.book(&Booking { seq: 1, ..early }).await.unwrap();
    assert_eq!(sums(state, "a").await, [12, 0, 18], "a late one changes nothing");
}

/// What is spent beyond a grant counts, and the next grant pays for it.
pub(super) async fn beyond(state: &dyn Accounts) {
    state.set(&path("a"), &enforced(100)).await.unwrap();
    let mut one = Owner::new(state, "a", "one");
    let _ = one.take(cents(10), cents(10)).await;
    one.next.spent = cents(25);
    let _ = one.book().await;
    assert_eq!(sums(state, "a").await, [25, 0, 0]);
    assert_eq!(one.take(cents(90), cents(100)).await, cents(90), "15 of them are spent already");
    assert_eq!(sums(state, "a").await, [25, 0, 75]);

    // More than any account has is refused as any other sum.
    state.set(&path("b"), &enforced(100)).await.unwrap();
    let mut two = Owner::new(state, "b", "two");
    assert_eq!(two.take(cents(10), cents(10)).await, cents(10));
    assert_eq!(two.take(Usd::MAX, Usd::MAX).await, Usd::ZERO);
    assert_eq!(two.take(cents(10), Usd::MAX).await, cents(90));
}

/// A sum that cannot be counted is refused, by its name and that of the account, and costs nobody else.
pub(super) async fn too_large(state: &dyn Accounts) {
    let more = LARGEST_SUM.saturating_add(Usd::from_nanos(1));
    let is_named = |error: StateError, sum: &str| {
        let text = error.to_string();
        assert!(matches!(error, StateError::TooLarge { .. }), "{text}");
        assert!(
            text.contains(sum) && text.contains("`c`") && text.contains(&more.to_string()),
            "{text}"
        );
    };
    let rules = Rules { amount: more, enforced: false, ..enforced(0) };
    is_named(state.open_account(&path("c"), &rules).await.unwrap_err(), "amount");
    is_named(state.set(&path("c"), &rules).await.unwrap_err(), "amount");
    assert_eq!(state.account(&path("c")).await.unwrap(), None);
    for (account, amount) in [("c", LARGEST_SUM), ("d", cents(100))] {
        state.set(&path(account), &Rules { amount, ..rules.clone() }).await.unwrap();
    }
    is_named(state.set(&path("c"), &rules).await.unwrap_err(), "amount");

    let odd = || booking("c", "odd");
    let odds = [
        ("granted", Booking { granted: more, ..odd() }),
        ("spent", Booking { spent: more, ..odd() }),
        ("estimated", Booking { estimated: more, ..odd() }),
        ("returned", Booking { returned: more, ..odd() }),
    ];
    for (seq, (sum, odd)) in (1..).zip(odds) {
        let odd = Booking { seq, ..odd };
        is_named(state.book(&odd).await.unwrap_err(), sum);
        let mut told = report("odd", seq);
        told.bookings = vec![odd, Booking { seq, spent: cents(seq), ..booking("d", "odd") }];
        let mut view = sync(state, told).await;
        assert!(view.booked.pop().unwrap().is_ok(), "one that is refused harms no other");
        is_named(view.booked.pop().unwrap().unwrap_err(), sum);
        assert_eq!(sums(state, "d").await, [seq, 0, 0]);
    }

    // What is counted of several members may be more than a number has.
    state.set(&path("c/x"), &enforced(100)).await.unwrap();
    let mut most = ["one", "two", "three"].map(|id| Owner::new(state, "c", id));
    for owner in &mut most {
        (owner.next.spent, owner.next.estimated) = (LARGEST_SUM, LARGEST_SUM);
        let _ = owner.book().await;
    }
    let mut other = Owner::new(state, "c/x", "other");
    assert_eq!(other.take(cents(7), cents(7)).await, cents(7));
    other.next.spent = cents(5);
    let told = other.book().await.path;
    let spent = |level: usize| told[level].state.spent;
    assert_eq!((spent(0), spent(1)), (cents(5), Usd::MAX), "the most that can be told");
    assert_eq!(state.accounts().await.unwrap().len(), 3);
    for owner in &mut most {
        (owner.next.spent, owner.next.estimated) = (Usd::ZERO, Usd::ZERO);
        let _ = owner.book().await;
    }
    assert_eq!(sums(state, "c").await, [5, 0, 2], "nothing was lost");
    // It is given no more than can be counted.
    let mut greedy = Owner::new(state, "c", "greedy");
    assert_eq!(greedy.take(Usd::MAX, Usd::MAX).await, LARGEST_SUM);
    assert_eq!(greedy.take(cents(1), Usd::MAX).await, Usd::ZERO);
    (greedy.next.spent, greedy.next.returned) = (LARGEST_SUM, LARGEST_SUM);
    let _ = greedy.book().await;
}

/// Each mark is given to one member, until it has heard it.
pub(super) async fn marks(state: &dyn Accounts) {
    state.set(&path("c"), &Rules { marks: vec![30, 100], ..enforced(100) }).await.unwrap();
    state.set(&path("c/x"), &Rules { marks: vec![50, 80], ..enforced(50) }).await.unwrap();
    let (mut one, mut two) = (Owner::new(state, "c/x", "one"), Owner::new(state, "c/x", "two"));
    let _ = one.take(cents(40), cents(40)).await;
    let _ = two.take(cents(10), cents(10)).await;
    let told = |booked: &crate::money::Booked| -> Vec<Vec<u16>> {
        booked.path.iter().map(|level| level.marks.clone()).collect()
    };
    one.next.spent = cents(25);
    assert_eq!(told(&one.unheard().await), [vec![50], vec![]]);
    two.next.spent = cents(5);
    assert_eq!(told(&two.book().await), [vec![], vec![30]], "the other one's is not told twice");
    one.next.spent = cents(40);
    assert_eq!(
        told(&one.book().await),
        [vec![50, 80], vec![]],
        "what was not heard, and what is new"
    );
    one.next.spent = cents(30);
    let _ = one.book().await;
    one.next.spent = cents(40);
    let marks = told(&one.book().await).concat();
    assert_eq!(marks, [0; 0], "reached again after a correction");
}

/// A mark that is reached by a change of the rules is given to the next one that books.
pub(super) async fn marks_of_other_rules(state: &dyn Accounts) {
    let rules = |cents, marks: &[u16]| Rules { marks: marks.to_vec(), ..enforced(cents) };
    state.set(&path("c"), &rules(100, &[50, 80, 100])).await.unwrap();
    state.set(&path("c/x"), &enforced(100)).await.unwrap();
    let (mut one, mut two) = (Owner::new(state, "c/x", "one"), Owner::new(state, "c/x", "two"));
    let _ = two.take(cents(1), cents(1)).await;
    let _ = one.take(cents(60), cents(60)).await;
    one.next.spent = cents(55);
    assert_eq!(one.book().await.path[1].marks, [50]);

    let set = async |cents, marks: &[u16]| {
        state.set(&path("c"), &rules(cents, marks)).await.unwrap();
    };
    set(60, &[50, 80, 100]).await;
    assert_eq!(two.book().await.path[1].marks, [80], "lowered: 55 of 60");
    set(60, &[10, 50, 80, 100]).await;
    assert_eq!(two.book().await.path[1].marks, [10], "one more is asked for");
    set(60, &[10, 50, 80, 100]).await;
    assert_eq!(two.book().await.path[1].marks, [0; 0], "the same rules");
    set(50, &[100]).await;
    set(200, &[100]).await;
    assert_eq!(two.book().await.path[1].marks, [0; 0], "raised before anybody told it");
    (two.next.granted, two.next.spent) = (cents(150), cents(145));
    assert_eq!(two.book().await.path[1].marks, [100]);
}

/// A member that is refused makes the others give back.
pub(super) async fn short(state: &dyn Accounts) {
    for account in ["c", "c/x", "c/y", "d"] {
        state.set(&path(account), &enforced(100)).await.unwrap();
    }
    let (mut x, mut y) = (Owner::new(state, "c/x", "one"), Owner::new(state, "c/y", "two"));
    let mut d = Owner::new(state, "d", "one");
    let _ = x.take(cents(90), cents(90)).await;
    assert!(!x.book().await.short);
    assert_eq!(y.take(cents(20), cents(20)).await, Usd::ZERO);
    assert!(x.book().await.short, "`c` is short, which is above `c/x`");
    assert!(!y.book().await.short, "it is short itself");
    assert!(!d.book().await.short);
    x.next.returned = cents(50);
    let _ = x.book().await;
    assert_eq!(y.take(cents(20), cents(20)).await, cents(20));
}

/// Many that ask at once get no more than there is.
pub(super) async fn no_more_than_there_is(state: &dyn Accounts) {
    state.set(&path("c"), &enforced(100)).await.unwrap();
    state.set(&path("c/x"), &enforced(90)).await.unwrap();
    let mut bookings = Vec::new();
    for n in 0..32 {
        let account = path(if n % 2 == 0 { "c" } else { "c/x" });
        let next = Owner::new(state, "c", "").next;
        let (least, most, ttl) = (cents(7), cents(7), HOUR);
        let member = member(&format!("m{n}"));
        bookings.push(Booking { account, member, seq: 1, least, most, ttl, ..next });
    }
    let booked =
        bookings.iter().map(|booking| state.book(booking)).collect::<Vec<BoxFuture<'_, _>>>();
    let granted: Usd = all(booked).await.into_iter().map(|booked| booked.unwrap().granted).sum();
    assert_eq!(granted, cents(98), "14 times 7");
    assert_eq!(sums(state, "c").await, [0, 0, 98]);
}
