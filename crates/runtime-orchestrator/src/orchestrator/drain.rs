//! Graceful shutdown.

use std::sync::Arc;
use std::time::Duration;

use runtime_events::Sleeper;

use super::Orchestrator;
use crate::limits::Timeout;
use crate::park::block_on;
use crate::parts::sinks::Sinks;
use crate::report::Drained;
use crate::setup::Setup;
use crate::shutdown::{Drain, SinkSet};

/// # Draining
impl Orchestrator {
    /// Ends the sessions of this orchestrator and reports the sessions left over.
    ///
    /// The sessions of its clones, and of orchestrators with the same [`shutdown`](Self::shutdown),
    /// are ended as well.
    ///
    /// From the first poll on, new sessions, turns, tools and pauses are refused with
    /// [`ShuttingDownError`](crate::ShuttingDownError); with a [grace](crate::Shutdown::grace) open
    /// sessions go on for that time. Running ones have until `timeout`. Then
    /// open sessions are cancelled *as a shutdown*, and have one second to emit their last events.
    /// The error ([`SessionClosedError::shutdown`](crate::SessionClosedError::shutdown)), the
    /// session's last event, the worker's log and the [summary](crate::Summary::shutdown) tell a
    /// shutdown from a user's cancellation. A session whose code returns such a refusal, or drops
    /// the session after one, is also cancelled as a shutdown. At the end sinks are flushed.
    ///
    /// Returns as soon as the last session has ended and the sinks are flushed, and at the latest
    /// two seconds after `timeout`: sinks have one second for the last events and one for the flush.
    /// They are called on threads of their own, so a sink that blocks holds up nothing else, and is
    /// reported ([`Drained::undelivered`], [`Drained::sink_failures`]). Draining is permanent: dropping the future ends the wait, not the draining.
    /// A second call waits as well and returns the same report.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use std::time::Duration;
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    ///
    /// let orchestrator = Orchestrator::new("writer", "draft");
    /// let session = orchestrator.session()?;
    ///
    /// // After SIGTERM:
    /// let drained = orchestrator.drain(Duration::from_millis(10)).await;
    ///
    /// assert_eq!(drained.left_over[0].session_id, session.id().into());
    /// assert!(session.summary().shutdown);
    /// assert!(orchestrator.session().unwrap_err().is_shutdown());
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    #[doc(alias = "shutdown")]
    pub async fn drain(&self, timeout: impl Into<Timeout>) -> Drained {
        let Timeout { after, sleeper } = timeout.into();
        let sleeper = sleeper.or_else(|| self.setup.timers.sleeper.clone());
        drain_with(&self.setup, &self.sinks, sleeper, after).run().await
    }

    /// [`drain`](Self::drain) for threads.
    pub fn drain_blocking(&self, timeout: Duration) -> Drained {
        let drain =
            drain_with(&self.setup, &self.sinks, self.setup.timers.sleeper.clone(), timeout);
        block_on(&*self.setup.timers.clock, drain.run())
    }
}

fn drain_with(
    setup: &Setup,
    sinks: &Sinks,
    sleeper: Option<Arc<dyn Sleeper>>,
    timeout: Duration,
) -> Drain {
    let mut all = SinkSet::default();
    all.add(sinks.clone());
    Drain::begin(Arc::clone(&setup.roster), Arc::clone(&setup.timers.clock), sleeper, all, timeout)
}
