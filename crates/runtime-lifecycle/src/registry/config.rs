//! [`RegistryConfig`]: the settings of a registry.

use std::num::NonZeroUsize;
use std::sync::Arc;

use runtime_events::{Clock, IdSource, RandomIds, SystemClock};

use crate::worker::DEFAULT_HISTORY;

/// The settings of an [`AgentRegistry`](crate::AgentRegistry).
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    pub(super) finished_capacity: usize,
    pub(super) unclaimed_capacity: NonZeroUsize,
    pub(super) max_handoffs: u32,
    pub(super) history: NonZeroUsize,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            finished_capacity: 1_024,
            unclaimed_capacity: const { NonZeroUsize::new(256).expect("256 is not zero") },
            max_handoffs: 16,
            history: DEFAULT_HISTORY,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }
}

impl RegistryConfig {
    /// Sets how many finished workers are kept. Beyond that, the worker that finished first is dropped.
    /// Default: 1,024.
    #[must_use]
    pub const fn finished_capacity(mut self, workers: usize) -> Self {
        self.finished_capacity = workers;
        self
    }

    /// Sets how many offered workers may wait to be claimed. Beyond that, the oldest is cancelled.
    /// Default: 256.
    #[must_use]
    pub const fn unclaimed_capacity(mut self, workers: NonZeroUsize) -> Self {
        self.unclaimed_capacity = workers;
        self
    }

    /// Sets how many handoffs in a row the agents of the registry may make. Default: 16.
    ///
    /// Agents that hand over to each other may do so for good. A session with so many handoffs before
    /// it is refused to hand over.
    #[must_use]
    pub const fn max_handoffs(mut self, handoffs: u32) -> Self {
        self.max_handoffs = handoffs;
        self
    }

    /// Sets how many transitions the history of a worker keeps. Default: 256.
    #[must_use]
    pub const fn history(mut self, events: NonZeroUsize) -> Self {
        self.history = events;
        self
    }

    /// Sets the clock for the times of workers and events. Default: the system clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the source of ids, of which the low 32 bits are used. Default: random.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }
}
