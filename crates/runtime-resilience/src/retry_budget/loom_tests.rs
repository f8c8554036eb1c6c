//! Loom models: every interleaving of a few calls, as far as the memory model lets them differ.
//!
//! `cargo xtask loom` runs them.

use loom::thread;

use super::{RetryBudget, RetryBudgetConfig};

fn budget(reserve: u32, percent: u32) -> RetryBudget {
    RetryBudget::new(RetryBudgetConfig::default().reserve(reserve).percent(percent))
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
fn two_retries_never_share_one_place() {
    loom::model(|| {
        let budget = budget(1, 0);
        let (one, other) = (budget.clone(), budget.clone());
        let (one, other) =
            both(move || one.try_withdraw().is_ok(), move || other.try_withdraw().is_ok());
        assert!(one ^ other);
        assert_eq!(budget.balance(), 0);
    });
}

#[test]
fn no_success_is_lost_to_a_retry_at_the_same_time() {
    loom::model(|| {
        let budget = budget(3, 100);
        budget.try_withdraw().unwrap();
        let (one, other) = (budget.clone(), budget.clone());
        let (_, took) = both(move || one.succeeded(), move || other.try_withdraw().is_ok());
        assert!(took);
        assert_eq!(budget.balance(), 2);
    });
}

#[test]
fn two_successes_do_not_fill_it_beyond_its_reserve() {
    loom::model(|| {
        let budget = budget(2, 150);
        (0..2).for_each(|_| budget.try_withdraw().unwrap());
        let (one, other) = (budget.clone(), budget.clone());
        both(move || one.succeeded(), move || other.succeeded());
        assert_eq!(budget.balance(), 2);
        (0..2).for_each(|_| budget.try_withdraw().unwrap());
        assert!(budget.try_withdraw().is_err());
    });
}

#[test]
fn returned_retry_can_be_taken_by_another() {
    loom::model(|| {
        let budget = budget(1, 0);
        budget.try_withdraw().unwrap();
        let (one, other) = (budget.clone(), budget.clone());
        let (_, took) = both(move || one.give_back(), move || other.try_withdraw().is_ok());
        assert_eq!(budget.balance(), u32::from(!took));
    });
}
