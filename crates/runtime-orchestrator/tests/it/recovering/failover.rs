//! A retry budget belongs to the place that gets the load: what goes elsewhere, or is made smaller, draws
//! on none.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use runtime_events::ManualClock;
use runtime_orchestrator::{RecoveryConfig, Turn};
use runtime_resilience::{
    Backoff, FaultKind, JitterMode, RetryBudget, RetryBudgetConfig, Route, Routes,
};

use super::{SECOND, fault};
use crate::support::Fixture;

/// How many of `turns`, one every `pause`, are answered by default settings, where the first of two
/// providers fails each call with `kind`.
fn answered(kind: FaultKind, turns: u32, pause: Duration) -> u32 {
    let clock = ManualClock::skipping();
    let routes = Routes::ordered([Route::new("first", "m"), Route::new("second", "m")]);
    let routes = routes.with_clock(Arc::new(clock.clone()));
    let fixture = Fixture::new()
        .with(|o| o.time(clock.clone()).max_iterations(u32::MAX))
        .recovery(|_| RecoveryConfig::default().routes(routes));
    let session = fixture.orchestrator.session().expect("it is open");
    let turn = || {
        clock.advance(pause);
        let answer = session.blocking().run_turn_recovering(Turn::model("m"), |attempt| {
            if attempt.provider() == "first" { Err(fault(kind)) } else { Ok(()) }
        });
        u32::from(answer.is_ok())
    };
    (0..turns).map(|_| turn()).sum()
}

#[test]
fn healthy_second_route_answers_every_turn() {
    for kind in [FaultKind::RateLimit, FaultKind::Auth, FaultKind::Overload, FaultKind::Quota] {
        assert_eq!(answered(kind, 500, 10 * SECOND), 500, "{kind}, one in ten seconds");
        assert_eq!(answered(kind, 100, Duration::ZERO), 100, "{kind}, in a burst");
    }
}

#[test]
fn smaller_context_draws_on_no_budget() {
    let fixture = Fixture::new().with(|o| o.max_iterations(u32::MAX));
    let fixture = fixture.recovery(|_| RecoveryConfig::default());
    let session = fixture.orchestrator.session().expect("it is open");
    for turn in 0..500 {
        let answer = session.blocking().run_turn_recovering(Turn::model("m"), |attempt| {
            let sent = attempt.context_budget(1_000);
            if sent > 800 { Err(fault(FaultKind::ContextLength)) } else { Ok(sent) }
        });
        assert_eq!(answer.map(|answer| answer.value).unwrap(), 750, "turn {turn}");
    }
}

proptest! {
    /// Calls that a place gets beside the first of each turn, and that did not come from a place that is
    /// well, are retries; those are bounded by the place's own budget.
    #[test]
    fn retries_at_a_place_are_bounded_by_its_own_budget(
        fails in proptest::collection::vec((0..4_u8, 0..3_usize), 1..200),
        reserve in 0..6_u32,
        percent in 0..60_u32,
    ) {
        let clock = ManualClock::skipping();
        let budget = || RetryBudget::new(RetryBudgetConfig::default().reserve(reserve).percent(percent));
        // Breakers that never open, so that every retry is one of a place that is well.
        let route = |name: &'static str| Route::new(name, "m").retry_budget(budget());
        let routes = Routes::ordered([route("one"), route("two")]).with_clock(Arc::new(clock.clone()));
        for route in routes.iter() {
            route.breaker().metrics_only();
        }
        let fixture = Fixture::new().with(|o| o.time(clock.clone()).max_iterations(u32::MAX));
        let fixture = fixture.recovery(|_| {
            let backoff = Backoff::default().jitter(JitterMode::None);
            RecoveryConfig::default().routes(routes).backoff(backoff)
        });
        let (mut retries, mut successes) = ([0_u64; 2], [0_u64; 2]);
        for (kind, failures) in fails {
            let session = fixture.orchestrator.session().expect("it is open");
            let (mut left, mut last) = (failures, None);
            let _ = session.blocking().run_turn_recovering(Turn::model("m"), |attempt| {
                let place = usize::from(attempt.provider() == "two");
                if last == Some(place) {
                    retries[place] += 1;
                }
                last = Some(place);
                if left == 0 {
                    successes[place] += 1;
                    return Ok(());
                }
                left -= 1;
                let kinds = [FaultKind::Server, FaultKind::RateLimit, FaultKind::Malformed, FaultKind::Overload];
                Err(fault(kinds[usize::from(kind)]))
            });
        }
        for place in 0..2 {
            let bound = u64::from(reserve) * 100 + u64::from(percent) * successes[place];
            prop_assert!(retries[place] * 100 <= bound, "{retries:?} after {successes:?}");
        }
    }
}
