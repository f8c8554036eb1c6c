//! Faults applied to routes: nothing rests for longer than the longest rest, and a failure that
//! passes never takes the last route away.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use runtime_events::ManualClock;
use runtime_resilience::{Fault, FaultKind, FaultScope, Route, Routes, TimeoutPhase};

use crate::route::{route, trip};

/// The longest rest unless set.
const LONGEST: Duration = Duration::from_secs(3_600);
const MONTH: Duration = Duration::from_secs(31 * 24 * 3_600);

#[derive(Clone, Debug)]
struct Step {
    on: usize,
    fault: Fault,
    trips: bool,
    advance: Duration,
}

fn fault() -> impl Strategy<Value = Fault> {
    let kinds = vec![
        FaultKind::RateLimit,
        FaultKind::Quota,
        FaultKind::Overload,
        FaultKind::Server,
        FaultKind::Timeout(TimeoutPhase::Attempt),
        FaultKind::Network,
        FaultKind::Auth,
        FaultKind::Request,
        FaultKind::Local,
        FaultKind::Unknown,
    ];
    let asked = prop_oneof![
        2 => Just(None),
        1 => (0..100_000_u64).prop_map(|ms| Some(Duration::from_millis(ms))),
        1 => Just(Some(Duration::MAX)),
    ];
    let scope = prop::sample::select(FaultScope::ALL.to_vec());
    (prop::sample::select(kinds), asked, scope).prop_map(|(kind, asked, scope)| {
        let mut fault = Fault::of(kind);
        (fault.asked, fault.cools) = (asked, scope);
        fault
    })
}

fn step() -> impl Strategy<Value = Step> {
    let advance = (0..20_000_u64).prop_map(Duration::from_millis);
    (any::<usize>(), fault(), prop::bool::weighted(0.1), advance)
        .prop_map(|(on, fault, trips, advance)| Step { on, fault, trips, advance })
}

fn some_routes(clock: &ManualClock) -> Vec<Route> {
    let place = |provider, model, key: &str| route(provider, model, clock).key(key);
    vec![
        place("a", "big", "1"),
        place("a", "small", "1"),
        place("a", "big", "2"),
        place("b", "big", "1"),
    ]
}

/// How many routes can be taken.
fn there(routes: &Routes) -> usize {
    let stands = routes.snapshot();
    stands.iter().filter(|it| it.rests.is_none() && it.retry_after.is_none()).count()
}

proptest! {
    #[test]
    fn rests_are_bounded_and_spare_the_last_route(
        count in 1..5_usize,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let clock = ManualClock::new();
        let all = some_routes(&clock);
        let routes = Routes::ordered(all[..count].to_vec()).with_clock(Arc::new(clock.clone()));
        let mut quota = false;
        for Step { on, fault, trips, advance } in steps {
            let on = &all[on % count];
            quota |= fault.kind == FaultKind::Quota;
            if trips {
                trip(on);
            }
            let (before, stands) = (there(&routes), routes.snapshot());
            let rested = routes.apply(on, &fault);

            let resting: Vec<_> = routes.snapshot().iter().map(|it| it.rests).collect();
            for (before, after) in stands.iter().zip(&resting) {
                prop_assert!(before.rests <= *after, "a rest was cut short");
                // The told reset of a quota counts in full.
                let longest = if quota { MONTH } else { LONGEST };
                prop_assert!(after.is_none_or(|rest| rest <= longest));
            }
            if let Some(rested) = rested {
                let long = resting.iter().flatten().filter(|rest| **rest >= rested.rest).count();
                prop_assert!((1..=long).contains(&rested.routes), "{rested:?} {resting:?}");
                prop_assert!(rested.scope != FaultScope::Call);
            }
            let passes = fault.kind.may_pass() && fault.asked.is_none();
            if passes && before > 0 {
                prop_assert!(there(&routes) > 0, "{fault:?} took the last one");
            }
            if matches!(fault.kind, FaultKind::Quota | FaultKind::Auth) {
                prop_assert_eq!(rested.is_none(), fault.cools == FaultScope::Call);
            }
            clock.advance(advance);
        }
    }
}
