//! One agent's run, from its worker's start to its last event.

// In the order in which their methods are read on the session's page.
mod turns;

mod active;

mod admission;

mod recovery;

mod recovering;

mod tools;

mod input;

mod checks;

mod handoff;

mod ending;

mod blocking;

mod child;

mod time;

pub(crate) mod core;
pub(crate) mod end;
mod entry;
mod funds;
mod guarding;
mod handle;
mod money;
mod origin;
mod part;
pub(crate) mod roster;
mod state;
pub(crate) mod stream;
pub(crate) mod telling;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runtime_lifecycle::{AgentStatus, AgentWorker};
use runtime_resilience::RecoveryEvent;
use runtime_usage::{Account, UsageTracker};

pub use self::active::{ActiveTurn, Answer, Settled};
use self::core::Core;
pub use self::handle::SessionHandle;
use self::origin::Origin;
pub use self::recovering::Attempt;
use crate::error::{BoxError, OpenSessionError, ShuttingDownError};
use crate::orchestrator::Setup;
use crate::summary::Summary;

/// A single agent's execution context, opened by [`Orchestrator::session`].
///
/// Every method takes `&self`: tools run in parallel with `join!`, and the session may be shared
/// in an `Arc`. End it with [`finish`](Self::finish), [`complete`](Self::complete),
/// [`fail`](Self::fail), [`cancel`](Self::cancel) or [`handoff_to`](Self::handoff_to); dropping it
/// before that cancels it.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// use runtime_lifecycle::AgentStatus;
/// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
///
/// let session = Orchestrator::new("writer", "draft").session()?;
/// let call = || async { Ok::<_, BoxError>("a haiku") };
/// let draft = session.run_turn(Turn::model("gpt-5"), call).await;
/// let report = session.finish(draft.map(|answer| answer.value));
///
/// assert_eq!(report.result?, "a haiku");
/// assert_eq!(report.summary.status(), AgentStatus::Completed);
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
///
/// [`Orchestrator::session`]: crate::Orchestrator::session
#[derive(Debug)]
#[must_use = "a session that is dropped is cancelled"]
#[doc(alias = "AsyncOrchestrationSession")]
pub struct OrchestrationSession {
    core: Arc<Core>,
    /// True exactly while the body given to `run` runs.
    polling: AtomicBool,
}

/// # What it is, and how it stands
impl OrchestrationSession {
    pub(crate) fn open(setup: &Arc<Setup>) -> Result<Self, OpenSessionError> {
        setup.roster.accepting()?;
        let worker = Self::hire(setup)?;
        Ok(Self::adopt(setup, &worker)?)
    }

    /// Registers a worker that runs.
    fn hire(setup: &Setup) -> Result<AgentWorker, OpenSessionError> {
        let created = setup.registry.create(
            Arc::clone(&setup.role),
            Arc::clone(&setup.phase),
            setup.project_id,
        );
        let worker = created
            .map_err(|reason| OpenSessionError::Worker { role: setup.role.to_string(), reason })?;
        // A worker just created makes these two steps, unless somebody ended it at once; then
        // the first turn is refused.
        for status in [AgentStatus::Initializing, AgentStatus::Running] {
            let _ = setup.registry.transition(worker.id(), status, None);
        }
        Ok(worker)
    }

    pub(crate) fn adopt(
        setup: &Arc<Setup>,
        worker: &AgentWorker,
    ) -> Result<Self, ShuttingDownError> {
        Self::begin(setup, worker, Origin::of(setup))
    }

    /// The decisive look at whether sessions may still be opened: the one before the worker was
    /// registered may be outdated, and the worker is cancelled then.
    fn begin(
        setup: &Arc<Setup>,
        worker: &AgentWorker,
        origin: Origin,
    ) -> Result<Self, ShuttingDownError> {
        let core = Arc::new(Core::new(setup, worker, origin));
        core.places.join(&core).inspect_err(|_| core.withdraw())?;
        core.say_hello();
        Ok(Self { core, polling: AtomicBool::new(false) })
    }

    /// A handle that outlives this value and works from anywhere.
    pub fn handle(&self) -> SessionHandle {
        SessionHandle { core: Arc::clone(&self.core) }
    }

    /// A label for the events from here on: tenant, user, request.
    pub fn label(&self, key: impl Into<String>, value: impl Into<String>) {
        self.core.stream().label(key.into(), value.into());
    }

    /// The session's id, as its events carry it: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.core.session_id
    }

    /// The role of the session's agent.
    pub fn role(&self) -> &str {
        &self.core.setup.role
    }

    /// The phase the session works in.
    pub fn phase(&self) -> &str {
        &self.core.phase
    }

    /// The id of the session's worker in the registry.
    pub fn worker_id(&self) -> &str {
        &self.core.worker_id
    }

    /// The state of the session's worker.
    pub fn status(&self) -> AgentStatus {
        self.core.status()
    }

    /// What the session has used so far.
    pub fn tracker(&self) -> &UsageTracker {
        &self.core.tracker
    }

    /// The account the session draws on, where there is one: its balance, its statement, and those
    /// of the accounts above it.
    pub fn account(&self) -> Option<&Account> {
        self.core.account.as_ref()
    }

    /// What recovery did so far; the last of it, where it is more than the session keeps.
    pub fn recovery_events(&self) -> Vec<RecoveryEvent> {
        self.core.recovery().events().cloned().collect()
    }

    /// How things stand.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.core)
    }

    /// Runs a body with the flag raised while the caller's code runs, so that a panic is told
    /// from a cancellation when the session is dropped.
    pub(crate) async fn guard<T>(
        &self,
        body: impl AsyncFnOnce(&Self) -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        let mut body = pin!(body(self));
        poll_fn(|cx| {
            // Relaxed: only the thread that polls, or that unwinds from the poll, looks at it;
            // a task that moves is handed over with a barrier of its own.
            self.polling.store(true, Ordering::Relaxed);
            let polled = body.as_mut().poll(cx);
            self.polling.store(false, Ordering::Relaxed);
            polled
        })
        .await
    }

    /// [`guard`](Self::guard) for threads.
    pub(crate) fn guard_blocking<T>(
        &self,
        body: impl FnOnce(&Self) -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        // Relaxed: as above; everything here is on one thread.
        self.polling.store(true, Ordering::Relaxed);
        let result = body(self);
        self.polling.store(false, Ordering::Relaxed);
        result
    }
}

impl Drop for OrchestrationSession {
    fn drop(&mut self) {
        self.core.abandon(self.polling.load(Ordering::Relaxed));
    }
}
