//! Accounts whose money comes in parts.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::future::{Future, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use runtime_usage::{
    Account, Charge, FundFuture, Funding, Lack, Limit, Purse, Reservation, SignedUsd, Usd,
};

const fn cents(cents: u64) -> Usd {
    Usd::from_cents(cents)
}

/// A source that notes what it is asked for.
#[derive(Debug, Default)]
struct Source {
    lacked: Mutex<Vec<Usd>>,
    funded: Mutex<Vec<Usd>>,
    lack: Option<Lack>,
}

impl Funding for Source {
    fn lacks(&self, amount: Usd) -> Lack {
        self.lacked.lock().unwrap().push(amount);
        self.lack.clone().unwrap_or(Lack::Unasked)
    }

    fn fund(&self, amount: Usd) -> FundFuture {
        self.funded.lock().unwrap().push(amount);
        Box::pin(ready(true))
    }
}

fn purse(source: &Arc<Source>) -> Purse {
    Purse::new(Limit::enforced(cents(500)).named("company").wrap_up(cents(9)), source.clone())
}

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it was to be ready"),
    }
}

#[test]
fn a_funded_account_has_what_it_was_granted() {
    let source = Arc::new(Source::default());
    let purse = purse(&source);
    let run = purse.account().child(Limit::enforced(cents(100)));
    let refused = run.reserve(cents(4)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "budget `company` refused: $0.04 requested, $0.00 of $0.00 left"
    );
    assert_eq!(*source.lacked.lock().unwrap(), [cents(4)]);
    assert!(run.is_funded() && !Account::new(Limit::enforced(cents(1))).is_funded());

    purse.set_granted(cents(10), cents(400));
    let held = run.reserve(cents(6)).unwrap();
    assert_eq!((purse.idle(), held.available()), (cents(4), cents(10)), "the granted money alone");
    assert_eq!(run.available(), cents(94), "the account's own limit");
    assert_eq!(purse.account().available(), cents(404), "with what may come");
    let refused = run.reserve(cents(5)).unwrap_err();
    assert_eq!((refused.left, refused.limit), (SignedUsd::from(cents(404)), cents(410)));
    held.settle(cents(7));
    let balance = purse.account().balance();
    assert_eq!((balance.limit, balance.spent, balance.reserved), (cents(410), cents(7), Usd::ZERO));
    assert_eq!(balance.left, cents(403).into());

    assert!(
        now(run.fund(cents(5))) && !now(Account::new(Limit::enforced(cents(1))).fund(cents(5)))
    );
    assert!(!now(run.fund(cents(95))), "its own limit would refuse it");
    assert_eq!(*source.funded.lock().unwrap(), [cents(5)]);
}

#[test]
fn money_that_was_taken_back_is_neither_left_nor_reserved() {
    let purse = purse(&Arc::default());
    purse.set_granted(cents(50), cents(100));
    let held = purse.account().reserve(cents(20)).unwrap();
    assert_eq!(purse.take_back(cents(10)), cents(10));
    assert_eq!(purse.take_back(Usd::MAX), cents(20), "what is reserved stays");
    assert_eq!(purse.take_back(Usd::MAX), Usd::ZERO);
    let balance = purse.account().balance();
    assert_eq!(
        (balance.limit, balance.reserved, balance.left),
        (cents(120), cents(20), cents(100).into())
    );
    assert!(purse.account().reserve(cents(1)).is_err());
    held.settle(cents(15));
    assert_eq!(purse.idle(), cents(5));
    purse.set_granted(cents(60), Usd::ZERO);
    assert_eq!((purse.idle(), purse.account().balance().limit), (cents(15), cents(30)));
}

#[test]
fn a_remainder_counts_on_what_may_come() {
    let purse = purse(&Arc::default());
    purse.set_granted(cents(10), cents(40));
    let rest = purse.account().remainder(Limit::enforced(cents(100)));
    assert_eq!(rest.limit().amount, cents(50));
    assert!(rest.reserve(cents(11)).is_err(), "it has not come yet");
}

#[test]
fn a_refusal_says_that_the_source_is_away() {
    let purse = purse(&Arc::new(Source { lack: Some(Lack::Away), ..Source::default() }));
    let refused = purse.account().reserve(cents(1)).unwrap_err();
    assert!(refused.away);
    assert!(refused.to_string().ends_with(", and where its money comes from cannot be reached"));
    purse.lift(Usd::ZERO, Usd::ZERO);
    assert!(purse.account().reserve(cents(1)).is_ok());
}

#[test]
fn a_refusal_names_the_account_that_has_too_little() {
    let account = "company".into();
    let (limit, left, held) = (cents(500), cents(2), cents(30));
    let lack = Some(Lack::Short { account, limit, left, held });
    let purse = purse(&Arc::new(Source { lack, ..Source::default() }));
    let refused = purse.account().reserve(cents(3)).unwrap_err();
    assert_eq!((refused.spent, refused.away), (cents(468), false));
    assert_eq!(
        refused.to_string(),
        "budget `company` refused: $0.03 requested, $0.02 of $5.00 left, $0.30 reserved by others"
    );
}

#[test]
fn a_recorded_account_refuses_nothing_and_is_told_the_same() {
    let purse = Purse::new(Limit::recorded(cents(5)), Arc::new(Source::default()));
    purse.account().reserve(cents(9)).unwrap().settle(cents(9));
    purse.lift(cents(9), cents(1));
    assert_eq!(purse.account().balance().left, cents(1).into());
    assert!(purse.account().reserve(cents(100)).is_ok());
}

#[test]
fn corrected_estimates_are_left_again() {
    let purse = purse(&Arc::default());
    purse.set_granted(cents(10), Usd::ZERO);
    purse.account().charge(Charge::new(cents(10)).estimated());
    assert_eq!(purse.account().correct(cents(4)), cents(4));
    assert_eq!(purse.take_back(Usd::MAX), cents(4));
}

/// What is taken back and what is reserved together are never more than what was granted.
#[test]
fn what_is_taken_back_no_call_has_reserved() {
    let purse = purse(&Arc::default());
    purse.set_granted(cents(1_000), Usd::ZERO);
    let taken = AtomicU64::new(0);
    let held: Vec<Reservation<'_>> = thread::scope(|scope| {
        let take = || {
            for _ in 0..500 {
                // Relaxed: a sum that is read when all threads are done.
                taken.fetch_add(purse.take_back(cents(1)).nanos(), Ordering::Relaxed);
            }
        };
        let reserve = || -> Vec<_> {
            (0..500).filter_map(|_| purse.account().reserve(cents(1)).ok()).collect()
        };
        for _ in 0..2 {
            scope.spawn(take);
        }
        let holders: Vec<_> = (0..2).map(|_| scope.spawn(reserve)).collect();
        holders.into_iter().flat_map(|holder| holder.join().unwrap()).collect()
    });
    let held: Usd = held.iter().map(Reservation::amount).sum();
    let taken = Usd::from_nanos(taken.into_inner());
    assert_eq!(held.saturating_add(taken), cents(1_000), "all of it, and no more");
}

#[test]
fn a_purse_counts_who_has_its_account() {
    let purse = purse(&Arc::default());
    assert_eq!(purse.handles(), 1);
    let (clone, below) =
        (purse.account().clone(), purse.account().child(Limit::recorded(cents(1))));
    assert_eq!(purse.handles(), 3);
    drop((clone, below));
    assert_eq!(purse.handles(), 1);
}
