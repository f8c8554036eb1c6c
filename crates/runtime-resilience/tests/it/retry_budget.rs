//! What retries may cost.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use runtime_resilience::{RetryBudget, RetryBudgetConfig};

fn withdrawn(budget: &RetryBudget) -> u32 {
    let mut count = 0;
    while budget.try_withdraw().is_ok() {
        count += 1;
    }
    count
}

#[test]
fn a_storm_of_failures_gets_its_reserve_and_no_more() {
    let budget = RetryBudget::default();
    assert_eq!(budget.balance(), 10);
    assert_eq!(withdrawn(&budget), 10);
    let error = budget.try_withdraw().unwrap_err();
    assert_eq!(
        error.to_string(),
        "retry budget is used up: it allows 20 retries for 100 successes"
    );
    assert_eq!(error.percent, 20);
}

#[test]
fn used_up_budget_refills() {
    // aws-sdk-go-v2 #3550: retries were off until the process was restarted.
    let budget = RetryBudget::percent(30);
    withdrawn(&budget);
    for round in 1..=100 {
        (0..10).for_each(|_| budget.succeeded());
        assert_eq!(withdrawn(&budget), 3, "{round}");
    }
}

#[test]
fn full_budget_holds_one_reserve_and_does_not_overflow() {
    let budget = RetryBudget::new(RetryBudgetConfig::default().percent(100).reserve(3));
    (0..10_000).for_each(|_| budget.succeeded());
    budget.give_back();
    assert_eq!(withdrawn(&budget), 3);
    let budget = RetryBudget::new(RetryBudgetConfig::default().percent(u32::MAX).reserve(u32::MAX));
    assert!(budget.try_withdraw().is_ok());
    budget.succeeded();
    assert_eq!(budget.balance(), u32::MAX);
}

#[test]
fn part_of_a_retry_admits_none() {
    let budget = RetryBudget::new(RetryBudgetConfig::default().reserve(1));
    withdrawn(&budget);
    (0..4).for_each(|_| budget.succeeded());
    assert_eq!((budget.balance(), withdrawn(&budget)), (0, 0));
    budget.succeeded();
    assert_eq!((budget.balance(), withdrawn(&budget)), (1, 1));
}

#[test]
fn empty_budget_admits_no_retry() {
    let budget = RetryBudget::new(RetryBudgetConfig::default().reserve(0));
    (0..100).for_each(|_| budget.succeeded());
    budget.give_back();
    assert!(budget.try_withdraw().is_err());
    let budget = RetryBudget::percent(0);
    assert_eq!(withdrawn(&budget), 10);
    (0..100).for_each(|_| budget.succeeded());
    assert!(budget.try_withdraw().is_err());
}

#[test]
fn unused_retry_returns() {
    let budget = RetryBudget::new(RetryBudgetConfig::default().reserve(5));
    budget.try_withdraw().unwrap();
    assert_eq!(budget.balance(), 4);
    budget.give_back();
    assert_eq!(budget.balance(), 5);
    assert_eq!(budget.config(), RetryBudgetConfig::default().reserve(5));
}

#[test]
fn threads_share_one_budget() {
    // tower's `TpsBudget` checks and then acts: together, threads overdraw it.
    let budget = RetryBudget::new(RetryBudgetConfig::default().reserve(100));
    let taken = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    budget.succeeded();
                    if budget.clone().try_withdraw().is_ok() {
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let taken = taken.into_inner();
    assert!((100..=100 + 8_000 / 5).contains(&taken), "{taken}");
}
