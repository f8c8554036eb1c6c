//! How a queue is kept: [`QueueConfig`].

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{Clock, Sleeper, SystemClock};

use super::report::Shutdown;
use crate::filter::Filter;
use crate::park::Park;

/// How a [`QueueSink`](super::QueueSink) keeps its events.
#[derive(Clone)]
#[must_use = "a configuration does nothing until a queue is made with it"]
pub struct QueueConfig {
    pub(crate) capacity: NonZeroUsize,
    pub(crate) reserve: usize,
    pub(crate) critical: Filter,
    pub(crate) linger: Duration,
    pub(crate) patience: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) park: Park,
    pub(crate) on_abandoned: Option<Arc<dyn Fn(Shutdown) + Send + Sync>>,
}

const CAPACITY: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

impl QueueConfig {
    /// How many events it holds at most. 8,192 unless set.
    pub const fn capacity(mut self, events: NonZeroUsize) -> Self {
        self.capacity = events;
        self
    }

    /// How many of its places only critical events get. 1,024 unless set; no more than the half of
    /// its capacity.
    pub const fn reserve(mut self, places: usize) -> Self {
        self.reserve = places;
        self
    }

    /// Which events may use the reserve. [`Filter::critical`] unless set.
    pub fn critical(mut self, critical: Filter) -> Self {
        self.critical = critical;
        self
    }

    /// How long an event may wait for others to be handed on with. 5 milliseconds unless set.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// How long a flush, and the drop of the last handle or of a guard, wait for the queue to be
    /// empty. 5 seconds unless set.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Where the time comes from. The system's clock unless set.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How threads wait. On the system's timer unless set.
    pub fn sleeper(mut self, sleeper: impl Sleeper + 'static) -> Self {
        self.park = Park::with(Arc::new(sleeper));
        self
    }

    /// Who is told when the last handle or a guard was dropped and events were left behind, or
    /// had been lost. Nobody unless set.
    pub fn on_abandoned(mut self, tell: impl Fn(Shutdown) + Send + Sync + 'static) -> Self {
        self.on_abandoned = Some(Arc::new(tell));
        self
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            capacity: CAPACITY,
            reserve: 1024,
            critical: Filter::critical(),
            linger: Duration::from_millis(5),
            patience: Duration::from_secs(5),
            clock: Arc::new(SystemClock),
            park: Park::default(),
            on_abandoned: None,
        }
    }
}

impl fmt::Debug for QueueConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueConfig")
            .field("capacity", &self.capacity)
            .field("reserve", &self.reserve)
            .field("linger", &self.linger)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
