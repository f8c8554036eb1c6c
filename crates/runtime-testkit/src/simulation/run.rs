//! [`Simulation`]: a simulation that is to be run.

use std::fmt;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use runtime_events::AgentEvent;
use runtime_resilience::BoxError;
use thiserror::Error;

use super::case::{Case, stream};
use super::endpoint::Serving;
use super::executor::Executor;
use super::life::Life;
use super::sim::{Shared, Sim};
use super::time::Timeline;
use super::world::World;

/// A simulation that is to be run: a case, a world, and how long it may take.
#[derive(Clone, Debug)]
#[must_use]
pub struct Simulation {
    case: Case,
    world: World,
    horizon: Duration,
    looks: bool,
}

/// A simulation that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ran {
    /// The number of steps of all tasks.
    pub steps: u64,
    /// How much time has passed in it.
    pub took: Duration,
    /// The number of events that were emitted.
    pub events: usize,
}

/// A simulation that failed. The first line repeats it.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub struct Broken {
    /// What repeats it.
    pub case: Case,
    /// What was broken.
    pub why: String,
    /// When.
    pub at: Duration,
    /// After how many steps.
    pub step: u64,
    /// The tasks that had begun, and the faults, by the names by which they can be left out.
    pub parts: Vec<CasePart>,
    /// The events until then.
    pub events: Vec<Arc<AgentEvent>>,
}

/// A part of a simulation that can be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CasePart {
    /// The name in a [`Case`].
    pub name: String,
    /// What it is.
    pub what: String,
}

impl Simulation {
    /// A simulation in which everything that is drawn follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self::of(Case::new(seed))
    }

    /// A simulation of a case, such as one that failed.
    pub fn of(case: Case) -> Self {
        let (world, horizon) = (World::new(), Duration::from_secs(24 * 3_600));
        Self { case, world, horizon, looks: false }
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.case.seed
    }

    /// Random numbers for one purpose, from the seed: for drawing a world, or what agents do in it.
    pub fn rng(&self, purpose: &str) -> Rng {
        stream(self.case.seed, purpose)
    }

    /// Sets the world.
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Sets the time after which it has failed. Default: a day.
    pub const fn horizon(mut self, horizon: Duration) -> Self {
        self.horizon = horizon;
        self
    }

    /// Also polls tasks that wait, now and then. One that can go on then has failed: who waits for something has to
    /// be woken by it, or it goes on too late, by a timer.
    ///
    /// Not for code that finds out something by being polled, such as that a wait would be in vain.
    pub const fn spurious_polls(mut self) -> Self {
        self.looks = true;
        self
    }

    /// Runs it until `body` and all tasks have ended.
    ///
    /// Code on this thread that draws from `fastrand` without a seed of its own, such as a jitter, follows the seed
    /// as well.
    ///
    /// # Errors
    ///
    /// [`Broken`] if the body fails, a task panics, waits for nobody or does not end, or something that was to hold
    /// does not.
    pub fn run(
        mut self,
        body: impl AsyncFnOnce(Sim) -> Result<(), BoxError>,
    ) -> Result<Ran, Box<Broken>> {
        let faults = self.world.heal(&self.case);
        let seed = self.case.seed;
        let before = fastrand::get_seed();
        fastrand::seed(stream(seed, "jitter").u64(..));
        let time = Arc::new(Timeline::new());
        let providers = mem::take(&mut self.world.providers).into_iter().map(|(name, provider)| {
            let serving = Arc::new(Serving::new(&name, provider, seed));
            (name, serving)
        });
        let (providers, lines) = (providers.collect(), self.world.lines.into());
        let shared = Shared::new(self.case.clone(), Arc::clone(&time), providers, lines);
        let shared = Rc::new(shared);
        let life = Arc::new(Life::new(seed, "main".into(), 1));
        let sim = Sim { shared: Rc::clone(&shared), life };
        let rng = stream(seed, "schedule");
        let looks = self.looks.then(|| stream(seed, "looks"));
        let rngs = (rng, looks);
        let mut executor = Executor::new(sim.clone(), rngs, self.world.events, self.horizon);
        let result = executor.run(Box::pin(body(sim)));
        let names = mem::take(&mut executor.names);
        drop(executor);
        // What checks hold may hold the simulation.
        shared.orders.take();
        shared.always.take();
        shared.at_end.take();
        fastrand::seed(before);
        let (steps, took) = (shared.steps.get(), time.now());
        result.map(|()| Ran { steps, took, events: shared.ledger.len() }).map_err(|why| {
            let tasks = names.iter().map(|name| {
                let name = name.to_string();
                CasePart { what: format!("task `{name}`"), name }
            });
            let faults = faults.into_iter().map(|(name, what)| CasePart { name, what });
            let parts = tasks.chain(faults).filter(|part| !self.case.leaves_out(&part.name));
            let parts = parts.collect();
            let (case, events) = (self.case.clone(), shared.ledger.events());
            Box::new(Broken { case, why, at: took, step: steps, parts, events })
        })
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, why, at, step, parts, .. } = self;
        writeln!(f, "case {case}: {why} (at {at:?}, step {step})")?;
        parts.iter().try_for_each(|part| writeln!(f, "  with {} ({})", part.what, part.name))
    }
}
