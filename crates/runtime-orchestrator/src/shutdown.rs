//! Shutdown of several orchestrators together.

mod apart;
mod drain;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{Clock, Sleeper, SystemClock};

pub(crate) use self::drain::{Drain, SinkSet};
use crate::limits::Timeout;
use crate::park::block_on;
use crate::report::Drained;
use crate::roster::Roster;
use crate::setup::default_sleeper;

/// A shutdown that several orchestrators share.
///
/// Orchestrators that are [given](crate::Orchestrator::shutdown) the same one, or clones of it,
/// drain together.
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
    /// Creates a shutdown on the system's clock and, with feature `tokio`, on tokio's timer.
    pub fn new() -> Self {
        let sleeper = default_sleeper();
        Self { roster: Arc::default(), clock: Arc::new(SystemClock), sleeper }
    }

    /// Creates a shutdown on one value for clock and sleeper, such as a
    /// [`ManualClock`](runtime_events::ManualClock) in tests.
    pub fn on(time: impl Clock + Sleeper + 'static) -> Self {
        let time = Arc::new(time);
        Self { roster: Arc::default(), clock: time.clone(), sleeper: Some(time) }
    }

    /// Sets for how long after its beginning a drain lets open sessions go on as before: begin turns,
    /// tools and pauses, and open sessions below them. Then, and at the latest at the timeout, only what
    /// is under way goes on. Default: zero. Counts for all clones.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use std::time::Duration;
    /// use runtime_orchestrator::{BoxError, Orchestrator, Shutdown, Turn};
    ///
    /// let shutdown = Shutdown::new().grace(Duration::from_secs(20));
    /// let orchestrator = Orchestrator::new("writer", "draft").shutdown(&shutdown);
    /// let session = orchestrator.session()?;
    ///
    /// let work = async {
    ///     assert!(orchestrator.session().is_err(), "the drain has begun");
    ///     session.run_turn(Turn::model("gpt-5"), async || Ok::<_, BoxError>("a haiku")).await?;
    ///     Ok::<_, BoxError>(session.complete()?)
    /// };
    /// let (drained, done) = tokio::join!(shutdown.drain(Duration::from_secs(25)), work);
    ///
    /// assert!(done.is_ok() && drained.in_time);
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn grace(self, time: Duration) -> Self {
        self.roster.set_grace(time);
        self
    }

    /// Begins to drain, without waiting.
    ///
    /// For a signal handler, or for a server that first reports that it is not ready. The end of a
    /// [grace](Self::grace) is noticed by a drain that waits.
    pub fn begin(&self) {
        let _open = self.roster.begin(self.clock.now());
    }

    /// Whether draining has begun.
    pub fn has_begun(&self) -> bool {
        self.roster.is_draining()
    }

    /// Drains all orchestrators that share it, as
    /// [`Orchestrator::drain`](crate::Orchestrator::drain) does.
    pub async fn drain(&self, timeout: impl Into<Timeout>) -> Drained {
        let Timeout { after, sleeper } = timeout.into();
        let sleeper = sleeper.or_else(|| self.sleeper.clone());
        self.drain_with(sleeper, after).run().await
    }

    /// [`drain`](Self::drain) for threads.
    pub fn drain_blocking(&self, timeout: Duration) -> Drained {
        let drain = self.drain_with(self.sleeper.clone(), timeout);
        block_on(&*self.clock, drain.run())
    }

    fn drain_with(&self, sleeper: Option<Arc<dyn Sleeper>>, timeout: Duration) -> Drain {
        let (roster, clock) = (Arc::clone(&self.roster), Arc::clone(&self.clock));
        Drain::begin(roster, clock, sleeper, SinkSet::default(), timeout)
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
