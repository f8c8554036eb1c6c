//! Handoffs: an agent of another role goes on with the thread, in this process or another one.

use std::sync::Arc;

use runtime_events::payload::{HandedOver, Word};
use runtime_events::{AgentEventName, AgentEventStatus};
use serde::Serialize;

use super::checkpoint::begin_anew;
use crate::error::{ParkedError, StepError};
use crate::session::DurableSession;

/// # Handoffs
impl DurableSession {
    /// Hands the thread over to an agent of another role, and ends this life.
    ///
    /// The next life is of an orchestrator of that role: its [`resume_runnable`](crate::Durable::resume_runnable)
    /// takes the thread, in this process or another one, and that of any other role does not. It begins with
    /// `work`, which it gets as its [`resume_point`](Self::resume_point), as from a checkpoint. Budgets, turns and
    /// time go on where they were.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use std::sync::Arc;
    /// use runtime_durable::{Durable, DurableSession, Run};
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    /// use runtime_store::MemoryStore;
    ///
    /// let store = Arc::new(MemoryStore::new());
    /// let writer = Durable::shared(Orchestrator::new("writer", "draft"), store.clone());
    /// let run = writer.run("essay", async |session| {
    ///     session.hand_over::<_, String>("editor", &"a draft").await.map_err(Into::into)
    /// });
    /// assert!(matches!(run.await?, Run::Parked(_)));
    ///
    /// // In any process.
    /// let editor = Durable::shared(Orchestrator::new("editor", "draft"), store);
    /// let edit = async |session: &DurableSession| {
    ///     let draft: String = session.resume_point().await?.ok_or("nobody handed over")?;
    ///     Ok(format!("{draft}, edited"))
    /// };
    /// let (_, run) = editor.resume_runnable(1, edit).await?.remove(0);
    /// assert_eq!(run?.done().as_deref(), Some("a draft, edited"));
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Always: [`StepError::Parked`] ends this life, which is to be returned, as by `?`.
    /// [`StepError::Misused`] while a step runs, and in a child.
    pub async fn hand_over<W: Serialize, T>(
        &self,
        role: impl Into<Arc<str>>,
        work: &W,
    ) -> Result<T, StepError> {
        let role = role.into();
        begin_anew(self, work, Some(Arc::clone(&role))).await?;
        let (name, status) = (AgentEventName::HandedOver, AgentEventStatus::Running);
        let told = HandedOver { target_role: Some(Word::Shared(&role)), ..HandedOver::default() };
        self.session.handle().emit(name, status, told.data());
        let waits_for = format!("an agent of role `{role}`");
        let parked = ParkedError { waits_for, wake_at: None };
        Err(self.place.life.hand_over(parked))
    }
}
