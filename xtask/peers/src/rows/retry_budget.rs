//! The deposit of a success, and the withdrawal of a retry.

use runtime_resilience::RetryBudget;
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::measure::Work;
use crate::suite::Suite;

pub(super) fn add(suite: &mut Suite) {
    let ours = suite.ours("RetryBudget success", Work::alone(success()));
    let tower = suite.case("tower 0.5 TpsBudget deposit", Work::alone(deposit()));
    suite.ratio("retry budget, success", ours, tower, 0.2);

    let ours = suite.ours("RetryBudget success and withdraw", Work::alone(success_and_withdraw()));
    let tower =
        suite.case("tower 0.5 TpsBudget deposit and withdraw", Work::alone(deposit_and_withdraw()));
    suite.ratio("retry budget, success and withdraw", ours, tower, 0.2);

    let ours = suite.ours("RetryBudget success, two threads", Work::shared(success()));
    let tower = suite.case("tower 0.5 TpsBudget deposit, two threads", Work::shared(deposit()));
    suite.ratio("retry budget, success, two threads", ours, tower, 0.2);
}

fn success() -> impl Fn() + Send + Sync {
    let budget = RetryBudget::default();
    move || budget.succeeded()
}

/// One retry per success. Both budgets allow one retry per five, so most are refused.
fn success_and_withdraw() -> impl Fn() -> bool {
    let budget = RetryBudget::default();
    move || {
        budget.succeeded();
        budget.try_withdraw().is_ok()
    }
}

fn deposit() -> impl Fn() + Send + Sync {
    let budget = TpsBudget::default();
    move || budget.deposit()
}

fn deposit_and_withdraw() -> impl Fn() -> bool {
    let budget = TpsBudget::default();
    move || {
        budget.deposit();
        budget.withdraw()
    }
}
