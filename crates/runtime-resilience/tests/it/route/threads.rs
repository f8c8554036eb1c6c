//! Eight threads on the same routes.

use std::sync::{Arc, Barrier};
use std::thread;

use runtime_events::ManualClock;
use runtime_resilience::Routes;

use super::{abc, demand, first, secs, tried, trip};
use crate::support::{WAIT, count};

const THREADS: usize = 8;
const ROUNDS: usize = 2_000;

#[test]
fn concurrent_turns_are_spread_exactly_and_leases_return() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let routes = Routes::weighted([a.weight(count(2)), b, c]);
    let counts: Vec<[usize; 3]> = thread::scope(|scope| {
        let work = || {
            let mut counts = [0; 3];
            for _ in 0..ROUNDS {
                let lease = first(&routes).unwrap();
                counts[usize::from(lease.route().provider().as_bytes()[0] - b'a')] += 1;
            }
            counts
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let sum = |i: usize| counts.iter().map(|counts| counts[i]).sum::<usize>();
    let quarter = THREADS * ROUNDS / 4;
    assert_eq!([sum(0), sum(1), sum(2)], [2 * quarter, quarter, quarter]);
    assert!(routes.snapshot().iter().all(|it| it.in_flight == 0));
}

#[test]
fn concurrent_selections_give_one_probe() {
    let clock = ManualClock::new();
    let [a, b, _] = abc(&clock);
    let routes = Routes::ordered([a.clone(), b]).with_clock(Arc::new(clock.clone()));
    for _ in 0..100 {
        trip(&a);
        clock.advance(WAIT);
        let barrier = Barrier::new(THREADS);
        let probes: Vec<bool> = thread::scope(|scope| {
            let work = || {
                barrier.wait();
                let lease = first(&routes).unwrap();
                // All hold their leases until all have asked.
                barrier.wait();
                if lease.is_probe() {
                    lease.route().breaker().try_acquire().unwrap().success();
                }
                lease.is_probe()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(probes.iter().filter(|probe| **probe).count(), 1);
    }
}

#[test]
fn every_route_returns_after_concurrent_failures() {
    let clock = ManualClock::new();
    let all = abc(&clock);
    let routes = Routes::least_loaded(all.clone()).with_clock(Arc::new(clock.clone()));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (routes, clock, all) = (&routes, &clock, &all);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    clock.advance(WAIT / 50);
                    let turn = tried(&all.iter().take((thread + round) % 4).collect::<Vec<_>>());
                    let Ok(lease) = routes.select(&turn, demand()) else { continue };
                    assert!(!turn.contains(lease.route()));
                    let Ok(permit) = lease.route().breaker().try_acquire() else { continue };
                    match (thread + round) % 5 {
                        0 => permit.failure(),
                        1 => {
                            let scope = runtime_resilience::FaultScope::Model;
                            routes.rest(lease.route(), scope, secs(1));
                        }
                        _ => permit.success(),
                    }
                }
            });
        }
    });
    clock.advance(secs(3_600));
    for snapshot in routes.snapshot() {
        assert_eq!((snapshot.in_flight, snapshot.rests, snapshot.retry_after), (0, None, None));
    }
    assert!(first(&routes).is_ok());
}
