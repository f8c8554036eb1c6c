//! The configuration that the sessions of an agent share.

mod drain;
mod settings;

use std::fmt;
use std::sync::Arc;

use runtime_lifecycle::AgentRegistry;

use crate::error::{BoxError, SessionError};
use crate::park::block_on;
use crate::parts::sinks::Sinks;
use crate::report::Report;
use crate::session::{Acceptance, OrchestrationSession, guard, open, summary};
use crate::setup::Setup;

/// The configuration and shared state of an agent's sessions.
///
/// Cloning is cheap, and a setter on a clone does not affect the original. The defaults:
///
/// | setting | default |
/// |---|---|
/// | [`max_iterations`](Self::max_iterations) | 25 turns per session |
/// | [`registry`](Self::registry) | a new one |
/// | [`pricing`](Self::pricing) | the process-wide table |
/// | [`recovery`](Self::recovery) | [`RecoveryConfig::default`](crate::RecoveryConfig::default) |
/// | [`telemetry`](Self::telemetry) | 1,000 events kept per session |
/// | [`shutdown`](Self::shutdown) | a new one, shared with clones |
/// | permissions, breaker, policy, gate, budget, guardrails, deadline, sinks | none |
#[derive(Clone)]
#[doc(alias = "AgentSession")]
pub struct Orchestrator {
    pub(crate) setup: Arc<Setup>,
    pub(crate) sinks: Sinks,
}

impl Orchestrator {
    /// Creates an orchestrator for sessions of this role, in this phase.
    ///
    /// An empty role is refused when a session opens.
    pub fn new(role: impl Into<Arc<str>>, phase: impl Into<Arc<str>>) -> Self {
        let setup = Arc::new(Setup::new(role.into(), phase.into()));
        Self { setup, sinks: Sinks::default() }
    }

    /// Opens a session.
    ///
    /// End it with [`finish`](OrchestrationSession::finish). Dropping an open session cancels it.
    ///
    /// # Errors
    ///
    /// [`SessionError`] if the registry refuses the worker (an empty role, or no free id), or if
    /// the orchestrator [drains](Self::drain).
    pub fn session(&self) -> Result<OrchestrationSession, SessionError> {
        open::open(&self.setup, &self.sinks)
    }

    /// Opens a session, runs `body` in it, and ends the session by the result of `body`.
    ///
    /// An error or a panic of `body` fails the session; dropping the future cancels it. Any error
    /// converts into [`BoxError`], so `?` works on all of them.
    pub async fn run<T>(
        &self,
        body: impl AsyncFnOnce(&OrchestrationSession) -> Result<T, BoxError>,
    ) -> Report<T> {
        match self.session() {
            Ok(session) => {
                let result = guard(&session, body).await;
                session.finish(result)
            }
            Err(error) => unopened(&self.setup, error),
        }
    }

    /// [`run`](Self::run) for threads.
    pub fn run_blocking<T>(
        &self,
        body: impl FnOnce(&OrchestrationSession) -> Result<T, BoxError>,
    ) -> Report<T> {
        match self.session() {
            Ok(session) => {
                let body = guard(&session, async |session| body(session));
                let result = block_on(&*self.setup.timers.clock, body);
                session.finish(result)
            }
            Err(error) => unopened(&self.setup, error),
        }
    }

    /// Opens a session for the worker of a handoff, in the handoff's phase and project.
    ///
    /// The session continues the one that handed over: its account pays, its deadline holds, its
    /// turns count for [`max_iterations`](Self::max_iterations), and its labels are added to this
    /// orchestrator's. So agents that hand over to each other have one budget. This orchestrator's
    /// own [`budget`](Self::budget) and [`deadline`](Self::deadline) hold as well, for this session.
    /// An [`Acceptance`] chooses the parts that the session continues.
    ///
    /// A worker can be claimed once.
    ///
    /// ```
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    /// use runtime_usage::{Limit, Usd};
    ///
    /// let budget = Limit::enforced(Usd::from_cents(10));
    /// let writer = Orchestrator::new("writer", "draft").budget(budget.clone());
    /// let editor = Orchestrator::new("editor", "draft").budget(budget);
    /// let editor = editor.registry(writer.shared_registry().clone());
    ///
    /// let session = writer.session()?;
    /// session.account().unwrap().charge(Usd::from_cents(9));
    /// let handoff = session.handoff_to("editor", "polish", serde_json::Value::Null)?;
    ///
    /// let session = editor.accept(&handoff)?;
    /// assert_eq!(session.account().unwrap().available(), Usd::from_cents(1));
    /// # Ok::<_, BoxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SessionError::Role`] if the handoff is for another role. [`SessionError::Claim`] if the
    /// worker has been claimed, has ended unclaimed, or is unknown to this orchestrator's
    /// [`registry`](Self::registry): both sides must share one. [`SessionError::Deadline`] if the
    /// deadline of the earlier session has passed. [`SessionError::Account`] if this orchestrator has
    /// a [shared account](Self::account) that is not among those of the earlier session.
    /// [`SessionError::ShuttingDown`] if the orchestrator [drains](Self::drain).
    #[expect(single_use_lifetimes, reason = "`impl Trait` takes no elided lifetime")]
    pub fn accept<'h>(
        &self,
        handoff: impl Into<Acceptance<'h>>,
    ) -> Result<OrchestrationSession, SessionError> {
        open::accept(&self.setup, &self.sinks, handoff.into())
    }

    /// Opens a session of this orchestrator below another session.
    ///
    /// The child's span is inside the parent's, and the parent's labels are added to this
    /// orchestrator's. It has the rest of the parent's budget, but no more than this orchestrator's
    /// [`budget`](Self::budget), and no later deadline than the parent.
    ///
    /// The child does not end with its parent: the parent waits for it, or cancels it through its
    /// [handle](OrchestrationSession::handle).
    ///
    /// # Errors
    ///
    /// [`SessionError`] if the parent has ended or is past its deadline, if its orchestrator or
    /// this one [drains](Self::drain), if this one has a [shared account](Self::account) that is
    /// not among the parent's accounts, or if the registry refuses the worker.
    pub fn session_below(
        &self,
        parent: &OrchestrationSession,
    ) -> Result<OrchestrationSession, SessionError> {
        open::open_below(&parent.core, Setup::clone(&self.setup), &self.sinks)
    }

    /// The registry of the sessions' workers.
    #[doc(alias = "agent_registry")]
    pub fn shared_registry(&self) -> &AgentRegistry {
        &self.setup.registry
    }
}

fn unopened<T>(setup: &Setup, error: SessionError) -> Report<T> {
    let summary = summary::unopened(setup, &error);
    Report { result: Err(error.into()), summary }
}

impl fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator")
            .field("role", &self.setup.role)
            .field("phase", &self.setup.phase)
            .field("project_id", &self.setup.project_id)
            .finish_non_exhaustive()
    }
}
