//! Ending many sessions together, and what was left of them.

mod drain;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{Clock, Sleeper, SystemClock};
use runtime_lifecycle::AgentStatus;
use serde::Serialize;

pub(crate) use self::drain::{Drain, Sinks};
use crate::session::core::Core;
use crate::session::end::End;
use crate::session::roster::Roster;
use crate::turn::Timeout;

/// What several orchestrators shut down by: those that are
/// [given](crate::Orchestrator::shutdown) the same one drain together. Clones are the same one.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(async {
/// use std::time::Duration;
/// use runtime_orchestrator::{BoxError, Orchestrator, Shutdown};
///
/// let shutdown = Shutdown::new();
/// let writer = Orchestrator::new("writer", "draft").shutdown(&shutdown);
/// let editor = Orchestrator::new("editor", "review").shutdown(&shutdown);
///
/// let draft = writer.run(async |_| Ok("a haiku")).await;
/// let drained = shutdown.drain(Duration::from_secs(25)).await;
///
/// assert!(drained.in_time && drained.left_over.is_empty());
/// assert!(editor.session().unwrap_err().is_shutdown());
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Shutdown {
    pub(crate) roster: Arc<Roster>,
    clock: Arc<dyn Clock>,
    sleeper: Option<Arc<dyn Sleeper>>,
}

impl Shutdown {
    /// On the system's clock, and with feature `tokio` on tokio's timer.
    pub fn new() -> Self {
        #[cfg(feature = "tokio")]
        let sleeper: Option<Arc<dyn Sleeper>> = Some(Arc::new(crate::TokioSleeper));
        #[cfg(not(feature = "tokio"))]
        let sleeper = None;
        Self { roster: Arc::default(), clock: Arc::new(SystemClock), sleeper }
    }

    /// On one value for clock and sleeper: a [`ManualClock`](runtime_events::ManualClock), so that
    /// a test moves the time by hand.
    pub fn on(time: impl Clock + Sleeper + 'static) -> Self {
        let time = Arc::new(time);
        Self { roster: Arc::default(), clock: time.clone(), sleeper: Some(time) }
    }

    /// Begins to drain, and waits for nothing: for a signal handler, or a server that wants to be
    /// seen as not ready first.
    pub fn begin(&self) {
        let _open = self.roster.begin();
    }

    /// Whether draining has begun.
    pub fn has_begun(&self) -> bool {
        self.roster.is_draining()
    }

    /// Drains all its orchestrators: see [`Orchestrator::drain`](crate::Orchestrator::drain).
    pub async fn drain(&self, timeout: impl Into<Timeout>) -> Drained {
        let Timeout { after, sleeper } = timeout.into();
        let sleeper = sleeper.or_else(|| self.sleeper.clone());
        let (roster, clock) = (Arc::clone(&self.roster), Arc::clone(&self.clock));
        Drain::begin(roster, clock, sleeper, Sinks::default(), after).run().await
    }

    /// [`drain`](Self::drain) for threads.
    pub fn drain_blocking(&self, timeout: Duration) -> Drained {
        let (roster, clock) = (Arc::clone(&self.roster), Arc::clone(&self.clock));
        let sleeper = self.sleeper.clone();
        Drain::begin(roster, clock, sleeper, Sinks::default(), timeout).run_blocking()
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("has_begun", &self.has_begun()).finish_non_exhaustive()
    }
}

/// What came of a drain. Displayed, it is a few lines for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "what was left is in here"]
pub struct Drained {
    /// How many sessions have ended since draining began as they would have without it: completed,
    /// failed, or cancelled by a user.
    pub ended: u64,
    /// The other ones, in the order in which they were opened: cancelled as shutdown, be it that
    /// their time was over or that they gave up at a refusal; or not out of their code yet.
    pub left_over: Vec<LeftOver>,
    /// Whether all sessions had ended when the time was over.
    pub in_time: bool,
    /// What kept sinks from writing what they had buffered.
    pub sink_failures: Vec<String>,
}

/// A session that a drain did not let come to its own end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeftOver {
    /// The session's id, as its events carry it.
    pub session_id: Arc<str>,
    /// The id of its worker.
    pub worker_id: Arc<str>,
    /// The role of its agent.
    pub role: Arc<str>,
    /// The phase it worked in.
    pub phase: Arc<str>,
    /// The project it worked for.
    pub project_id: Option<i64>,
    /// How it ended: `cancelled`, unless it is only [stuck](Self::stuck).
    pub status: AgentStatus,
    /// How many turns and tools were under way when it ended.
    pub in_flight: u32,
    /// Whether it waited for input then.
    pub waiting_for_input: bool,
    /// Whether it was still in code that cannot be interrupted when the drain returned, such as a
    /// call on a thread. Its last event is not out then.
    pub stuck: bool,
}

impl LeftOver {
    pub(crate) fn of(core: &Core, end: End, stuck: bool) -> Self {
        Self {
            session_id: Arc::clone(&core.session_id),
            worker_id: Arc::clone(&core.worker_id),
            role: Arc::clone(&core.setup.role),
            phase: Arc::clone(&core.phase),
            project_id: core.project_id,
            status: end.status,
            in_flight: end.in_flight,
            waiting_for_input: end.waiting_for_input,
            stuck,
        }
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = if self.in_time { "in time" } else { "late" };
        write!(f, "drained {time}: {} ended, {} left over", self.ended, self.left_over.len())?;
        for left in &self.left_over {
            write!(f, "\n  {left}")?;
        }
        for failure in &self.sink_failures {
            write!(f, "\n  a sink was not flushed: {failure}")?;
        }
        Ok(())
    }
}

impl fmt::Display for LeftOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, phase, session_id, status, .. } = self;
        write!(f, "{role} in {phase}, session {session_id}: {status}")?;
        match self.in_flight {
            0 => {}
            1 => f.write_str(", 1 turn or tool under way")?,
            calls => write!(f, ", {calls} turns or tools under way")?,
        }
        if self.waiting_for_input {
            f.write_str(", waiting for input")?;
        }
        if self.stuck {
            f.write_str(", stuck")?;
        }
        Ok(())
    }
}
