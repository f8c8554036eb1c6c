//! One life of a simulated process, and its ids.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use runtime_events::IdSource;

use super::case::stream;

/// From the start of a process to its crash. Each restart is another life.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) process: Arc<str>,
    pub(crate) number: u32,
    cut: AtomicBool,
    ways: Mutex<Rng>,
    ids: Mutex<Rng>,
}

impl Life {
    pub(crate) fn new(seed: u64, process: Arc<str>, number: u32) -> Self {
        let drawn = |what: &str| Mutex::new(stream(seed, &format!("{what} of {process} {number}")));
        let (ways, ids) = (drawn("ways"), drawn("ids"));
        Self { process, number, cut: AtomicBool::new(false), ways, ids }
    }

    /// How long a call of this process is on its way.
    pub(crate) fn way(&self) -> Duration {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_micros(ways.u64(..3_000))
    }

    /// From now on nothing that the life does arrives anywhere.
    pub(crate) fn cut(&self) {
        // Relaxed: a simulation has one thread, so its order is that of the program.
        self.cut.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cut(&self) -> bool {
        // Relaxed: as above.
        self.cut.load(Ordering::Relaxed)
    }
}

/// Ids that follow from the seed, the process and its life.
#[derive(Clone, Debug)]
pub struct SimIds(pub(crate) Arc<Life>);

impl IdSource for SimIds {
    fn draw(&self) -> u128 {
        self.0.ids.lock().unwrap_or_else(PoisonError::into_inner).u128(1..)
    }
}
