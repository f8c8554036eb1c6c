//! Eight threads on one breaker: no outcome, no place and no transition is lost.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use runtime_resilience::{CircuitBreaker, CircuitBreakerConfig, CircuitState, Transition};

use crate::support::{WAIT, breaker, count, half_open, threshold};

const THREADS: u32 = 8;
const ROUNDS: u32 = 2_000;

fn on_all_threads(f: impl Fn(u32) + Sync) {
    thread::scope(|scope| {
        let f = &f;
        for thread in 0..THREADS {
            scope.spawn(move || f(thread));
        }
    });
}

#[test]
fn every_failure_counts() {
    let (breaker, _, heard) = breaker(threshold(THREADS * ROUNDS + 1));
    on_all_threads(|_| {
        for _ in 0..ROUNDS {
            breaker.try_acquire().unwrap().failure();
        }
    });
    assert_eq!(breaker.state(), CircuitState::Closed, "one failure is missing");
    breaker.record_failure();
    assert_eq!(breaker.state(), CircuitState::Open, "and it was the last");
    assert_eq!(heard.all().len(), 1);
}

#[test]
fn every_success_of_a_probe_counts_and_no_place_is_lost() {
    let places = 3;
    let config = CircuitBreakerConfig::default()
        .half_open_max_probes(count(places))
        .successes_to_close(count(THREADS * ROUNDS + 1));
    let (breaker, _, _) = half_open(config);
    let (admitted, running, most) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    on_all_threads(|thread| {
        for round in 0..ROUNDS {
            // Relaxed throughout: the scope's end orders the last reads after everything.
            let Ok(probe) = breaker.try_acquire() else { continue };
            most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            thread::yield_now();
            running.fetch_sub(1, Ordering::Relaxed);
            if (thread + round) % 3 == 0 {
                drop(probe);
            } else {
                admitted.fetch_add(1, Ordering::Relaxed);
                probe.success();
            }
        }
    });
    assert!(most.load(Ordering::Relaxed) <= places);

    let left = THREADS * ROUNDS + 1 - admitted.load(Ordering::Relaxed);
    for _ in 0..left {
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        breaker.try_acquire().unwrap().success();
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn places_are_free_again_after_any_mixture_of_outcomes() {
    let places = 5;
    let config = CircuitBreakerConfig::default()
        .half_open_max_probes(count(places))
        .successes_to_close(count(u32::MAX));
    let (breaker, _, _) = half_open(config);
    on_all_threads(|thread| {
        for round in 0..ROUNDS {
            match (breaker.try_acquire(), (thread + round) % 3) {
                (Ok(probe), 0) => probe.success(),
                (Ok(probe), 1) => probe.cancel(),
                (probe, _) => drop(probe),
            }
        }
    });
    let held: Vec<_> = (0..places).map(|_| breaker.try_acquire().unwrap()).collect();
    assert!(breaker.try_acquire().is_err());
    drop(held);
}

#[test]
fn each_transition_is_heard_once_and_they_form_one_chain() {
    let (breaker, clock, heard) = breaker(threshold(2).successes_to_close(count(2)));
    on_all_threads(|thread| {
        for round in 0..ROUNDS {
            clock.advance(WAIT / 50);
            use_once(&breaker, thread + round);
        }
    });

    let mut heard: Vec<Transition> = heard.all();
    heard.sort_by_key(|transition| transition.generation);
    assert!(heard.len() > 2, "the test must see some");
    let mut state = CircuitState::Closed;
    for (generation, transition) in (1..).zip(&heard) {
        assert_eq!((transition.from, transition.generation), (state, generation));
        state = transition.to;
    }
}

fn use_once(breaker: &CircuitBreaker, turn: u32) {
    if let Ok(permit) = breaker.try_acquire() {
        match turn % 7 {
            0 => drop(permit),
            1 | 2 => permit.success(),
            _ => permit.failure(),
        }
    }
}
