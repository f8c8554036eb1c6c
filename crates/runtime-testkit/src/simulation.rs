//! A simulator: your agent in a world with faults, without time and without a network, in an order that follows
//! from a seed.
//!
//! ```
//! use std::time::Duration;
//! use runtime_orchestrator::{BoxError, Orchestrator, Turn};
//! use runtime_testkit::simulation::{SimProvider, Reply, World, simulate};
//!
//! let seconds = Duration::from_secs;
//! let ran = simulate(0..50, |simulation| {
//!     let mut rng = simulation.rng("world");
//!     let openai = SimProvider::healthy().troubled(&mut rng, 3, seconds(60));
//!     simulation.world(World::new().provider("openai", openai)).run(async |sim| {
//!         let writer = Orchestrator::new("writer", "draft")
//!             .time(sim.time())
//!             .ids(sim.ids())
//!             .event_sink(sim.events());
//!         let openai = sim.provider("openai");
//!         for number in 0..3 {
//!             let (writer, openai) = (writer.clone(), openai.clone());
//!             sim.spawn(format!("agent {number}"), async move {
//!                 let session = writer.session().expect("nothing keeps it from opening");
//!                 let turn = Turn::model("gpt-5").usage_from(Reply::usage).timeout(seconds(20));
//!                 let answer = session.run_turn_recovering(turn, |_| openai.call("a haiku")).await;
//!                 session.finish(answer)
//!             });
//!         }
//!         Ok(())
//!     })
//! });
//! assert_eq!(ran.unwrap(), 50);
//! ```
//!
//! The library runs unchanged: it gets its clock, its ids, its sinks, its store and its providers from a [`Sim`], and
//! waits only there. Nothing is random but what follows from the seed, so a failing one fails again, and
//! [`simulate`] looks for a smaller one, with fewer tasks and faults.
//!
//! | to | use |
//! |---|---|
//! | say what goes wrong | [`World`], [`SimProvider`] |
//! | begin tasks and processes, and assert what has to hold | [`Sim`] |
//! | find a case that fails | [`simulate`] |
//! | repeat it | [`Simulation::of`], [`Case`] |
//!
//! These hold in every simulation: numbers of events without gaps, each span begun and ended once, each session
//! ended unless its process crashed; and at the end, no task and no timer is left.

mod case;
mod endpoint;
mod executor;
#[cfg(feature = "simulation-fleet")]
mod fleet;
mod ledger;
mod life;
mod line;
mod provider;
#[cfg(feature = "simulation-fleet")]
mod pushes;
mod run;
mod search;
mod sim;
#[cfg(feature = "simulation-durable")]
mod store;
mod time;
mod world;

#[cfg(feature = "simulation-fleet")]
pub use self::fleet::SimBackend;
#[cfg(feature = "simulation-durable")]
pub use self::store::SimStore;
pub use self::{
    case::Case,
    endpoint::{Arrived, Endpoint, Reply},
    ledger::SimEvents,
    life::SimIds,
    line::{Line, LineError},
    provider::{SimProvider, Spell, Trouble},
    run::{Broken, CasePart, Ran, Simulation},
    search::{shrink, simulate},
    sim::{Joined, Sim},
    time::SimTime,
    world::{LineTrouble, World},
};
