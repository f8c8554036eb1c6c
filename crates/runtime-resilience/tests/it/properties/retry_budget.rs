//! The budget against a count of what happened.

use proptest::prelude::*;
use runtime_resilience::{RetryBudget, RetryBudgetConfig};

proptest! {
    #[test]
    fn retries_are_bounded_by_reserve_and_successes(
        // True for a success.
        history in prop::collection::vec(any::<bool>(), 0..400),
        percent in 0..150_u32,
        reserve in 0..20_u32,
    ) {
        let budget = RetryBudget::new(RetryBudgetConfig::default().percent(percent).reserve(reserve));
        let (mut successes, mut retries) = (0_u32, 0_u32);
        for success in history {
            if success {
                budget.succeeded();
                successes += 1;
            } else if budget.try_withdraw().is_ok() {
                retries += 1;
            }
            prop_assert!(retries * 100 <= reserve * 100 + percent * successes);
            prop_assert!(budget.balance() <= reserve);
        }
        // And it always comes back.
        if percent > 0 && reserve > 0 {
            (0..100 * reserve).for_each(|_| budget.succeeded());
            prop_assert_eq!(budget.balance(), reserve);
        }
    }

    #[test]
    fn without_a_full_reserve_nothing_that_was_paid_for_is_lost(
        history in prop::collection::vec(any::<bool>(), 0..300),
        percent in 0..100_u32,
    ) {
        let budget = RetryBudget::new(RetryBudgetConfig::default().percent(percent).reserve(1_000));
        while budget.try_withdraw().is_ok() {}
        let (mut there, mut retries) = (0, 0);
        for success in history {
            if success {
                budget.succeeded();
                there += percent;
            } else {
                let enough = there >= 100;
                prop_assert_eq!(budget.try_withdraw().is_ok(), enough);
                if enough {
                    there -= 100;
                    retries += 1;
                }
            }
        }
        prop_assert_eq!(budget.balance(), there / 100);
        prop_assert!(retries <= 300);
    }
}
