//! Loom models: every interleaving of a few calls, as far as the memory model lets them differ.
//!
//! `cargo xtask loom` runs them.

use loom::thread;

use std::sync::Arc;

use super::{Account, Charge, FundFuture, Funding, Lack, Limit, Purse, Reservation};
use crate::usd::Usd;

fn nanos(nanos: u64) -> Usd {
    Usd::from_nanos(nanos)
}

fn enforced(nanos: u64) -> Account {
    Account::new(Limit::enforced(Usd::from_nanos(nanos)).marks([100]))
}

/// Runs both at once. Both on threads of their own: loom does not interrupt the first one.
fn both<A: 'static, B: 'static>(
    one: impl FnOnce() -> A + 'static,
    other: impl FnOnce() -> B + 'static,
) -> (A, B) {
    let (one, other) = (thread::spawn(one), thread::spawn(other));
    (one.join().unwrap(), other.join().unwrap())
}

#[test]
fn concurrent_reservations_never_exceed_the_limit() {
    loom::model(|| {
        let account = enforced(10);
        let (one, other) = (account.clone(), account.clone());
        let hold = |account: &Account| account.reserve(nanos(6)).map(Reservation::into_owned);
        let (one, other) = both(move || hold(&one), move || hold(&other));
        assert!(one.is_ok() ^ other.is_ok());
        let taken = one.or(other).unwrap();
        assert_eq!(account.balance().left, nanos(4).into());
        taken.settle(nanos(4));
        assert_eq!(account.balance().left, nanos(6).into());
    });
}

#[test]
fn released_money_can_be_reserved_again() {
    loom::model(|| {
        let account = enforced(10);
        let (one, other) = (account.clone(), account.clone());
        let (_, other) = both(
            move || one.reserve(nanos(6)).map(Reservation::release).is_ok(),
            move || other.reserve(nanos(6)).map(|held| held.settle(nanos(3))).is_ok(),
        );
        let balance = account.balance();
        assert_eq!(balance.spent, if other { nanos(3) } else { Usd::ZERO });
        assert!(balance.reserved.is_zero());
    });
}

#[test]
fn reader_never_sees_more_spent_than_committed() {
    for (reserved, cost) in [(4, 1), (2, 5)] {
        loom::model(move || {
            let account = enforced(10);
            let (caller, reader) = (account.clone(), account.clone());
            let (_, reading) = both(
                move || caller.reserve(nanos(reserved)).unwrap().settle(nanos(cost)),
                move || reader.node.words.read(),
            );
            assert!(reading.spent <= reading.committed, "{reading:?}");
            let balance = account.balance();
            assert_eq!((balance.spent, balance.reserved), (nanos(cost), Usd::ZERO));
        });
    }
}

#[test]
fn mark_is_crossed_by_exactly_one_settlement() {
    loom::model(|| {
        let account = enforced(3);
        let (one, other) = (account.clone(), account.clone());
        let spend = |account: &Account| account.charge(nanos(2)).marks.len();
        let (one, other) = both(move || spend(&one), move || spend(&other));
        assert_eq!(one + other, 1);
        assert_eq!(account.balance().spent, nanos(4));
    });
}

#[test]
fn reservation_takes_the_whole_path_or_nothing() {
    loom::model(|| {
        let top = enforced(5);
        let child = || top.child(Limit::enforced(nanos(4)).marks([]));
        let (left, right) = (child(), child());
        let (one, other) = (left.clone(), right.clone());
        let spend = |account: &Account| account.reserve(nanos(3)).map(drop).is_ok();
        let (one, other) = both(move || spend(&one), move || spend(&other));
        assert!(one ^ other, "one of them fits, and neither hinders the other");
        let spent = |took: bool| if took { nanos(3) } else { Usd::ZERO };
        assert_eq!(left.balance().spent, spent(one));
        assert_eq!(right.balance().spent, spent(other));
        assert_eq!(top.balance().spent, nanos(3));
        for account in [&top, &left, &right] {
            assert!(account.balance().reserved.is_zero());
        }
    });
}

#[test]
fn estimate_given_back_can_be_reserved_once() {
    loom::model(|| {
        let account = enforced(10);
        account.charge(Charge::new(nanos(8)).estimated());
        let (one, other) = (account.clone(), account.clone());
        let (given, took) = both(
            move || one.correct(nanos(6)),
            move || other.reserve(nanos(5)).map(|held| held.settle(nanos(5))).is_ok(),
        );
        assert_eq!(given, nanos(6));
        let balance = account.balance();
        assert_eq!(balance.spent, if took { nanos(7) } else { nanos(2) });
        assert_eq!((balance.estimated, balance.reserved), (nanos(2), Usd::ZERO));
    });
}

#[test]
fn estimate_is_given_back_once() {
    loom::model(|| {
        let account = enforced(10);
        account.charge(Charge::new(nanos(8)).estimated());
        let (one, other) = (account.clone(), account.clone());
        let (one, other) = both(move || one.correct(nanos(6)), move || other.correct(nanos(6)));
        assert_eq!(one.saturating_add(other), nanos(8));
        assert_eq!(account.balance().spent, Usd::ZERO);
    });
}

#[derive(Debug)]
struct Nobody;

impl Funding for Nobody {
    fn lacks(&self, _: Usd) -> Lack {
        Lack::Unasked
    }

    fn fund(&self, _: Usd) -> FundFuture {
        Box::pin(std::future::ready(false))
    }
}

#[test]
fn money_is_taken_back_or_reserved() {
    loom::model(|| {
        let purse = Purse::new(Limit::enforced(nanos(10)), Arc::new(Nobody));
        purse.set_granted(nanos(6), nanos(0));
        let (account, taker) = (purse.account().clone(), purse.clone());
        let (held, taken) = both(
            move || account.reserve(nanos(4)).map(Reservation::into_owned).ok(),
            move || {
                taker.set_granted(nanos(8), nanos(0));
                taker.take_back(nanos(6))
            },
        );
        let held = held.as_ref().map(Reservation::amount).unwrap_or_default();
        assert!(held.saturating_add(taken) <= nanos(8));
        assert_eq!(held.saturating_add(taken).saturating_add(purse.idle()), nanos(8));
    });
}
