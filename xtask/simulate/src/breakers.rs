//! Tasks that share a breaker, and end their calls in each way, late ones too.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use runtime_events::Sleeper;
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, CircuitState, Transition, TransitionListener,
};
use runtime_testkit::simulation::{Broken, Ran, Sim, Simulation};

use crate::draw::{millis, one_of, seconds};

/// Counts the generations.
#[derive(Default)]
struct Generations(AtomicU32);

impl Generations {
    fn now(&self) -> u32 {
        // Relaxed: a simulation has one thread.
        self.0.load(Ordering::Relaxed)
    }
}

impl TransitionListener for Generations {
    fn on_transition(&self, _: &str, _: Transition) {
        // Relaxed: as above.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generations")
    }
}

struct Shared {
    breaker: CircuitBreaker,
    generations: Arc<Generations>,
    /// The probes that are under way, and the most that may be.
    probes: Cell<u32>,
    most: u32,
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    simulation.run(async |sim| {
        let mut rng = sim.rng("plan");
        let most = one_of(&mut rng, &[1, 1, 2, 3]);
        let some = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let config = CircuitBreakerConfig::default()
            .failure_threshold(some(rng.u32(1..4)))
            .recovery_timeout(seconds(&mut rng, 2..10))
            .half_open_max_probes(some(most))
            .successes_to_close(some(rng.u32(1..3)))
            .half_open_lease(Duration::MAX);
        let generations = Arc::new(Generations::default());
        let (time, listener) = (Arc::new(sim.time()), Arc::clone(&generations));
        let breaker = CircuitBreaker::with_listener("api", config, time, listener);
        let shared = Rc::new(Shared { breaker, generations, probes: Cell::new(0), most });
        for number in 0..rng.usize(1..8) {
            sim.spawn(format!("caller {number}"), caller(sim.clone(), Rc::clone(&shared), number));
        }
        let time = sim.time();
        sim.at_end("the breaker is not stuck", move || {
            // Past every cool-down.
            time.park(Duration::from_secs(3_600));
            for _ in 0..2 {
                shared.breaker.try_acquire().map_err(|error| error.to_string())?.success();
            }
            let state = shared.breaker.state();
            if state == CircuitState::Closed { Ok(()) } else { Err(format!("it is {state}")) }
        });
        Ok(())
    })
}

async fn caller(sim: Sim, shared: Rc<Shared>, number: usize) {
    let mut rng = sim.rng(&format!("caller {number}"));
    // How many of a hundred calls fail.
    let failing = one_of(&mut rng, &[0, 30, 60, 100]);
    for _ in 0..rng.usize(1..12) {
        sim.sleep(millis(&mut rng, 0..6_000)).await;
        let Ok(permit) = shared.breaker.try_acquire() else { continue };
        let (generations, began) = (&shared.generations, shared.generations.now());
        let is_probe = shared.breaker.state() == CircuitState::HalfOpen;
        if is_probe {
            shared.probes.set(shared.probes.get() + 1);
            // Those of an earlier generation are not counted by the breaker any more, but by us.
            if shared.breaker.snapshot().probes > shared.most {
                sim.fail("more probes than places");
            }
        }
        sim.sleep(millis(&mut rng, 0..9_000)).await;
        let before = generations.now();
        match rng.u8(..10) {
            0 | 1 => drop(permit),
            _ if rng.u8(..100) < failing => permit.failure(),
            _ => permit.success(),
        }
        if is_probe {
            shared.probes.set(shared.probes.get() - 1);
        }
        if generations.now() != before && before != began {
            sim.fail(format!("a call of generation {began} ended generation {before}"));
        }
    }
}
