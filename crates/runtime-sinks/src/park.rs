//! How threads of a sink wait.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime_events::Sleeper;

/// Parks threads, on the system's timer unless it was given a sleeper.
#[derive(Clone, Debug, Default)]
pub(crate) struct Park {
    sleeper: Option<Arc<dyn Sleeper>>,
}

impl Park {
    pub(crate) const fn with(sleeper: Arc<dyn Sleeper>) -> Self {
        Self { sleeper: Some(sleeper) }
    }

    /// Blocks the thread until the time has passed or it is unparked. May return early.
    pub(crate) fn park(&self, timeout: Duration) {
        match &self.sleeper {
            Some(sleeper) => sleeper.park(timeout),
            None => thread::park_timeout(timeout),
        }
    }
}
