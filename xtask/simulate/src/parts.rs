//! Members that share a limit, by a backend that loses its memory.

use std::num::NonZeroU32;
use std::time::Duration;

use runtime_fleet::{FleetConfig, MemoryState, Policy, SharedKind};
use runtime_resilience::{Demand, RateLimits};
use runtime_testkit::simulation::{Broken, Ran, Sim, Simulation, World};

use crate::backend::Watched;
use crate::draw::{millis, seconds};

const TROUBLED: Duration = Duration::from_secs(20);

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    let mut rng = simulation.rng("world");
    let world = World::new().troubled_line("backend", (&mut rng, 2), TROUBLED);
    simulation.world(world).run(async |sim| {
        let backend = Watched::new(MemoryState::on(sim.outside()), sim.outside(), Duration::ZERO);
        let mut rng = sim.rng("plan");
        for number in 0..rng.usize(2..5) {
            let backend = backend.clone();
            sim.process(format!("node {number}"), move |sim| node(sim, number, backend.clone()));
        }
        let forgets = sim.clone();
        let of = backend.clone();
        sim.spawn("operator", async move {
            for _ in 0..rng.usize(1..3) {
                forgets.sleep(millis(&mut rng, 2_000..15_000)).await;
                of.forget();
            }
        });
        sim.always("parts of the whole", move || backend.broken());
        Ok(())
    })
}

/// A member that makes calls, more at one time than at another.
async fn node(sim: Sim, number: usize, backend: Watched) {
    let mut rng = sim.rng(&format!("node {number}"));
    sim.sleep(millis(&mut rng, 0..9_000)).await;
    let config = FleetConfig::default()
        .name(format!("node-{number}"))
        .policy(SharedKind::Limits, Policy::FailClosed);
    let fleet = sim.fleet(backend.clone(), config);
    let requests = NonZeroU32::new(300).unwrap_or(NonZeroU32::MIN);
    let limits = RateLimits::default().requests_per_minute(requests);
    let limiter = fleet.limiter("openai", limits).expect("it is a name");
    let (time, id) = (sim.time(), fleet.member().clone());
    if rng.u8(..8) == 0 {
        // The shorter of two pauses says nothing new, also while the longer one is not told yet.
        let long = seconds(&mut rng, 60..90);
        let until = sim.elapsed() + long;
        limiter.pause(long);
        limiter.pause(millis(&mut rng, 100..5_000));
        sim.sleep(TROUBLED + Duration::from_secs(10)).await;
        if backend.paused_until() < until {
            sim.fail(format!("a pause until {until:?} is told until {:?}", backend.paused_until()));
        }
    }
    for _ in 0..rng.usize(1..12) {
        sim.sleep(millis(&mut rng, 0..4_000)).await;
        for _ in 0..rng.usize(1..6) {
            let reserved = limiter.reserve(Demand::request(), &time, None);
            let held = time.within(Duration::from_secs(2), reserved).await;
            if matches!(held, Some(Ok(_))) && !backend.may_use("openai", &id) {
                sim.fail(format!("{id} makes a call, and has no part of the limit"));
            }
        }
    }
    // What is not heard now is over after its time.
    let _ = fleet.shutdown().await;
}
