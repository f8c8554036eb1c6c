//! Handles of a session for other tasks, signal handlers and web requests.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_lifecycle::AgentStatus;

use super::{checks, input};
use crate::core::{Core, Hold};
use crate::error::{SessionError, TurnError};
use crate::recover::RecoveringTurn;
use crate::tool::ToolCall;
use crate::turn::{self, ActiveTurn, Turn};

/// A handle to a session: begins turns and runs tools that outlive a borrow, waits for input and provides it, cancels, and reads the
/// status.
///
/// Cheap to clone, `'static`, and independent of the session's value. After the end of the session
/// it can only read.
#[derive(Clone, Debug)]
pub struct SessionHandle {
    pub(crate) core: Arc<Core>,
}

impl SessionHandle {
    /// Cancels the session.
    ///
    /// Its worker is `CANCELLED` at once. Running turns and tools are interrupted at their next
    /// wait, and new ones are refused.
    ///
    /// # Errors
    ///
    /// [`SessionError::Closed`] if the session has ended.
    pub fn cancel(&self, detail: impl Into<String>) -> Result<(), SessionError> {
        self.core.refuse_sinks()?;
        Ok(self.core.cancel_with(detail.into())?)
    }

    /// [`pause_for_input`](crate::OrchestrationSession::pause_for_input) for code that cannot borrow the
    /// session, such as a tool that asks a person before it acts.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    ///
    /// let session = Orchestrator::new("clerk", "refund").session()?;
    /// let handle = session.handle();
    /// let refund = session.run_tool("refund", || async move {
    ///     Ok::<_, BoxError>(handle.pause_for_input("refund 250 cents?").await? == "yes")
    /// });
    /// let person = async { session.handle().provide_input("yes") };
    /// let (refunded, _) = tokio::join!(refund, person);
    /// assert!(refunded?);
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of a session's own pause.
    pub async fn pause_for_input(&self, prompt: impl Into<String>) -> Result<String, SessionError> {
        input::pause(&self.core, prompt.into()).await
    }

    /// Provides the input for [`pause_for_input`](Self::pause_for_input).
    ///
    /// # Errors
    ///
    /// The errors of a session's own [`provide_input`](crate::OrchestrationSession::provide_input).
    pub fn provide_input(&self, value: impl Into<String>) -> Result<(), SessionError> {
        self.core.life.answer(value.into())
    }

    /// The state of the session's worker.
    pub fn status(&self) -> AgentStatus {
        self.core.life.status()
    }

    /// The wall-clock time of the session's clock, to which dates in replies are compared.
    pub fn utc_now(&self) -> DateTime<Utc> {
        self.core.setup.timers.clock.utc_now()
    }

    /// The session id in its events.
    pub fn id(&self) -> &str {
        self.core.session_id()
    }

    /// The id of the session's worker in the registry.
    pub fn worker_id(&self) -> &str {
        self.core.life.worker_id()
    }
}

/// # Tools
impl SessionHandle {
    /// Whether the session's role may make a call. No event tells of it, so it can be asked for each
    /// tool that a model might be offered.
    ///
    /// ```
    /// use runtime_orchestrator::{Orchestrator, ToolCall};
    /// use runtime_policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig};
    ///
    /// let reader = RolePermissionConfig::new("reader", PermissionMode::ReadOnly)?;
    /// let permissions = PermissionEnforcer::new(PermissionPolicy::new().role(reader));
    /// let session = Orchestrator::new("reader", "search").permissions(permissions).session()?;
    ///
    /// let handle = session.handle();
    /// assert!(handle.permits(&ToolCall::new("search")));
    /// assert!(!handle.permits(&ToolCall::new("deploy").requires(PermissionMode::FullAccess)));
    /// # Ok::<_, runtime_orchestrator::BoxError>(())
    /// ```
    pub fn permits(&self, tool: &ToolCall) -> bool {
        checks::permits(&self.core, tool)
    }
}

/// # Turns
///
/// These turns keep the session alive and may outlive its value, as in the body of a reply that is
/// read later. The session's last event waits for theirs, even after its value is dropped. While one
/// is under way, the session does not [complete](crate::OrchestrationSession::complete).
impl SessionHandle {
    /// [`begin_turn`](crate::OrchestrationSession::begin_turn) for a turn that outlives a borrow.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    /// use runtime_usage::UsageSnapshot;
    ///
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let turn = session.handle().begin_turn(Turn::model("gpt-5")).await?;
    /// assert!(session.complete().is_err(), "a turn is under way");
    ///
    /// let task = tokio::spawn(async move { turn.settle(UsageSnapshot::new(9, 2)) });
    /// assert_eq!(task.await?.usage.output_tokens, 2);
    /// session.complete()?;
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`TurnError`] with the reason of the refusal.
    pub async fn begin_turn(&self, turn: Turn) -> Result<ActiveTurn<'static>, TurnError> {
        turn::begin(self.hold(), &turn.spec).await
    }

    /// Begins a turn that recovers, for a caller that makes its calls itself.
    ///
    /// # Errors
    ///
    /// [`TurnError`] if the session has ended, its turns or its time are used up, or its
    /// orchestrator drains.
    pub fn begin_turn_recovering(&self, turn: Turn) -> Result<RecoveringTurn<'static>, TurnError> {
        RecoveringTurn::begin(self.hold(), turn)
    }

    fn hold(&self) -> Hold<'static> {
        Hold::Owned(Arc::clone(&self.core))
    }
}
