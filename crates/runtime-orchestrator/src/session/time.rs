//! How much time there is: what to pass down to tools, clients and sub-agents.

use std::time::{Duration, Instant};

use crate::session::OrchestrationSession;
use crate::session::active::ActiveTurn;
use crate::session::core::Core;

/// # How much time there is
///
/// Deadlines are passed down and never extended: a child has no more time than its parent, and a turn
/// or a tool no more than its session, whatever their own limits say.
impl OrchestrationSession {
    /// When the session has to be over, on its clock: its own
    /// [deadline](crate::Orchestrator::deadline) or that of a session it is below, whichever comes
    /// first. `None` if nobody has set one.
    pub fn deadline(&self) -> Option<Instant> {
        self.core.session_deadline().map(|until| until.at)
    }

    /// How long it is until then: zero once it is over. For what runs inside the session, such as a
    /// tool's HTTP client, or an agent elsewhere that is told how long it may take.
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime_events::ManualClock;
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    ///
    /// # #[cfg(feature = "tokio")] {
    /// let clock = ManualClock::new();
    /// let minute = Duration::from_secs(60);
    /// let lead = Orchestrator::new("lead", "research").time(clock.clone()).deadline(minute);
    /// let session = lead.session()?;
    /// clock.advance(Duration::from_secs(45));
    ///
    /// let child = session.child("searcher")?;
    /// assert_eq!(child.time_left(), Some(Duration::from_secs(15)));
    /// # }
    /// # Ok::<_, BoxError>(())
    /// ```
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.core.left_until(self.deadline()?))
    }
}

/// # How much time there is
impl ActiveTurn<'_> {
    /// How long the turn may still take: until its own timeout or its session's deadline, whichever
    /// comes first; zero once it is over. `None` if it has neither.
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.core().left_until(self.pace().end()?))
    }
}

impl Core {
    fn left_until(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.now())
    }
}
