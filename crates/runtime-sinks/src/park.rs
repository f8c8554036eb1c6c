//! [`Park`]: how the threads of a sink wait.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime_events::Sleeper;

/// Parks threads, by a sleeper or by the timer of the system.
#[derive(Clone, Debug, Default)]
pub(crate) struct Park {
    sleeper: Option<Arc<dyn Sleeper>>,
}

impl Park {
    pub(crate) const fn with(sleeper: Arc<dyn Sleeper>) -> Self {
        Self { sleeper: Some(sleeper) }
    }

    /// Blocks the thread until the time has passed or it is unparked. It may return early.
    pub(crate) fn park(&self, timeout: Duration) {
        match &self.sleeper {
            Some(sleeper) => sleeper.park(timeout),
            None => thread::park_timeout(timeout),
        }
    }
}
