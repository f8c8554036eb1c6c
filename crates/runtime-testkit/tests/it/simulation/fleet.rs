//! A fleet in a simulation.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use runtime_fleet::{FleetConfig, MemoryState};
use runtime_resilience::CircuitBreakerConfig;
use runtime_testkit::simulation::{LineTrouble, Simulation, World};

use super::SECOND;

/// How long it takes until one member of a fleet has heard that another one has opened a breaker.
fn hears_after(cut: bool) -> Duration {
    let second = Rc::new(Cell::new(None));
    let heard = Rc::clone(&second);
    let line = if cut { 0..3_000 } else { 0..0 };
    let (from, until) = (Duration::from_millis(line.start), Duration::from_millis(line.end));
    let world = World::new().line("backend", LineTrouble::Late(2 * SECOND), from..until);
    let ran = Simulation::new(1).world(world).run(async |sim| {
        let state = MemoryState::on(sim.outside());
        for number in 0..2 {
            let (state, heard) = (state.clone(), Rc::clone(&heard));
            sim.process(format!("node {number}"), move |sim| {
                let (state, heard) = (state.clone(), Rc::clone(&heard));
                async move {
                    let fleet = sim.fleet(state, FleetConfig::default());
                    let breaker = fleet
                        .breaker("api", CircuitBreakerConfig::default())
                        .expect("it is a name");
                    // Between two heartbeats.
                    sim.sleep(Duration::from_millis(2_300)).await;
                    let begun = sim.elapsed();
                    if number == 0 {
                        breaker.trip(Some(60 * SECOND));
                    }
                    while !breaker.is_open() {
                        sim.sleep(Duration::from_millis(1)).await;
                    }
                    if number == 1 {
                        heard.set(Some(sim.elapsed().saturating_sub(begun)));
                    }
                    let _ = fleet.shutdown().await;
                }
            });
        }
        Ok(())
    });
    ran.unwrap();
    second.get().unwrap()
}

#[test]
fn what_a_backend_pushes_comes_over_the_line() {
    assert!(hears_after(false) < Duration::from_millis(20), "{:?}", hears_after(false));
    assert!(hears_after(true) > Duration::from_millis(20), "{:?}", hears_after(true));
}
