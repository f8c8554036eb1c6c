//! Ending well when the process has to.

use std::sync::Arc;
use std::time::Duration;

use runtime_events::Sleeper;

use super::Orchestrator;
use crate::limits::Timeout;
use crate::park::block_on;
use crate::report::Drained;
use crate::setup::Setup;
use crate::shutdown::{Drain, Sinks};

/// # Draining
impl Orchestrator {
    /// Brings the sessions of this orchestrator, of its clones and of whoever
    /// [shuts down](Self::shutdown) with it to their end, and says what was left.
    ///
    /// From its first poll on, no session is opened, and no turn, tool or pause begins: they are
    /// refused with [`ShuttingDownError`](crate::ShuttingDownError). What is under way has until
    /// `timeout`. What is open then is cancelled *as shutdown*, which the error
    /// ([`SessionClosedError::shutdown`](crate::SessionClosedError::shutdown)), the session's last
    /// event, the worker's log and the [summary](crate::Summary::shutdown) tell from a user's
    /// cancel; and has one second to say its last events. A session whose code hands on such a refusal,
    /// or drops it, was cancelled as shutdown, too. At the end sinks are flushed.
    ///
    /// It returns as soon as the last session has ended, and at the latest one second and the
    /// flushing after `timeout`. Draining is for good: dropping the future ends the waiting, not the
    /// draining. A second call waits as well, and has the same to tell.
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
        let sleeper = sleeper.or_else(|| self.setup.sleeper.clone());
        drain_with(&self.setup, sleeper, after).run().await
    }

    /// [`drain`](Self::drain) for threads.
    pub fn drain_blocking(&self, timeout: Duration) -> Drained {
        let drain = drain_with(&self.setup, self.setup.sleeper.clone(), timeout);
        block_on(&*self.setup.clock, drain.run())
    }
}

fn drain_with(setup: &Setup, sleeper: Option<Arc<dyn Sleeper>>, timeout: Duration) -> Drain {
    let Setup { roster, clock, event_sink, usage_sink, .. } = setup;
    let mut sinks = Sinks::default();
    sinks.add(event_sink.as_ref(), usage_sink.as_ref());
    Drain::begin(Arc::clone(roster), Arc::clone(clock), sleeper, sinks, timeout)
}
