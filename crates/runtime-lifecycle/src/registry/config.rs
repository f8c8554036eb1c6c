//! The settings of a registry.

use std::num::NonZeroUsize;
use std::sync::Arc;

use runtime_events::{Clock, IdSource, RandomIds, SystemClock};

use crate::worker::DEFAULT_HISTORY;

/// The settings of a registry.
///
/// By default it keeps 1,024 finished workers, 256 unclaimed ones and 256 transitions of each
/// worker, and takes time and ids from the operating system.
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) finished_capacity: usize,
    pub(super) unclaimed_capacity: NonZeroUsize,
    pub(super) history: NonZeroUsize,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            finished_capacity: 1_024,
            unclaimed_capacity: const { NonZeroUsize::new(256).expect("256 is not zero") },
            history: DEFAULT_HISTORY,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }
}

impl Config {
    /// How many finished workers are kept; beyond that the one that finished first is dropped.
    /// Zero keeps none.
    #[must_use]
    pub const fn finished_capacity(mut self, workers: usize) -> Self {
        self.finished_capacity = workers;
        self
    }

    /// How many offered workers may wait to be claimed; beyond that the oldest is cancelled.
    #[must_use]
    pub const fn unclaimed_capacity(mut self, workers: NonZeroUsize) -> Self {
        self.unclaimed_capacity = workers;
        self
    }

    /// How many transitions each worker's log keeps.
    #[must_use]
    pub const fn history(mut self, events: NonZeroUsize) -> Self {
        self.history = events;
        self
    }

    /// Where the stamps of workers and their events come from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where the digits of a worker's id come from: the low 32 bits of each draw.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }
}
