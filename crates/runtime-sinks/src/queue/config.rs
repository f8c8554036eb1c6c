//! [`QueueConfig`]: the settings of a queue.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{Clock, Sleeper, SystemClock};

use super::QueueShutdown;
use crate::filter::Filter;
use crate::park::Park;

/// The settings of a [`QueueSink`](super::QueueSink).
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
    pub(crate) on_abandoned: Option<Arc<dyn Fn(QueueShutdown) + Send + Sync>>,
}

const CAPACITY: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

impl QueueConfig {
    /// Sets how many events the queue can hold. Default: 8,192.
    pub const fn capacity(mut self, events: NonZeroUsize) -> Self {
        self.capacity = events;
        self
    }

    /// Sets how many places are reserved for critical events, at most half of the capacity. Default:
    /// 1,024.
    pub const fn reserve(mut self, places: usize) -> Self {
        self.reserve = places;
        self
    }

    /// Sets the events that may use the reserve. Default: [`Filter::critical`].
    pub fn critical(mut self, critical: Filter) -> Self {
        self.critical = critical;
        self
    }

    /// Sets how long an event may wait to be passed on together with others. Default: 5 milliseconds.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Sets how long a flush, and dropping the last clone or a guard, waits for the queue to drain.
    /// Default: 5 seconds.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets the clock. Default: the system clock.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets how threads wait. Default: by the timer of the system.
    pub fn sleeper(mut self, sleeper: impl Sleeper + 'static) -> Self {
        self.park = Park::with(Arc::new(sleeper));
        self
    }

    /// Sets a function that is called if dropping the last clone or a guard leaves events pending or
    /// lost, unless a shutdown has told the same numbers before. Default: none.
    pub fn on_abandoned(mut self, tell: impl Fn(QueueShutdown) + Send + Sync + 'static) -> Self {
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
