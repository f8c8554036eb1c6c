//! Checkpoints: the next life begins in the middle.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use runtime_store::{CheckpointRecord, EntryKind, StepKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StepError;
use crate::json;
use crate::run::entry;
use crate::session::DurableSession;

/// # Checkpoints
///
/// A life that asks for its [`resume_point`](Self::resume_point) need not run from the beginning, and what was
/// recorded before may be [pruned](runtime_store::Store::prune).
impl DurableSession {
    /// Records the state from which the next life goes on.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_durable::Durable;
    /// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    /// use runtime_store::MemoryStore;
    ///
    /// let durable = Durable::new(Orchestrator::new("reader", "books"), MemoryStore::new());
    /// let read = durable.run("book", async |session| {
    ///     let (mut page, mut notes) = session.resume_point().await?.unwrap_or((0, String::new()));
    ///     while page < 10 {
    ///         let call = || async move { Ok::<_, BoxError>(format!("{page} ")) };
    ///         notes += &session.run_turn(Turn::model("gpt-5").usage(Default::default()), call).await?.value;
    ///         page += 1;
    ///         session.checkpoint(&(page, &notes)).await?;
    ///     }
    ///     Ok(notes)
    /// });
    /// assert_eq!(read.await?.done().unwrap(), "0 1 2 3 4 5 6 7 8 9 ");
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`StepError::Misused`] while a step runs, in a child, and [within an engine](crate::Durable::run_within).
    /// Any error ends the life.
    pub async fn checkpoint<S: Serialize>(&self, state: &S) -> Result<(), StepError> {
        let role = self.place.life.writer.fold().role().cloned();
        begin_anew(self, state, role).await?;
        // This life goes on from its own checkpoint.
        self.place.life.resumed.store(true, Ordering::Relaxed);
        self.place.restart();
        Ok(())
    }

    /// The state of the last checkpoint. `None` if there is none, so the code runs from the beginning.
    ///
    /// Code that makes checkpoints asks for it before its first step.
    ///
    /// # Errors
    ///
    /// [`StepError::Value`] if the state has another type.
    #[expect(clippy::unused_async, reason = "awaited as any other step")]
    pub async fn resume_point<S: DeserializeOwned>(&self) -> Result<Option<S>, StepError> {
        self.place.going_on()?;
        // Relaxed: the flag guards no other memory.
        self.place.life.resumed.store(true, Ordering::Relaxed);
        let state = self.place.life.writer.fold().checkpoint().map(ToOwned::to_owned);
        let Some(state) = state else { return Ok(None) };
        let step = self.place.name(StepKind::Checkpoint, "");
        serde_json::from_str(state.get())
            .map(Some)
            .map_err(|source| StepError::Value { step, source })
    }
}

/// Records the state from which an agent of this role goes on.
pub(super) async fn begin_anew<S: Serialize>(
    session: &DurableSession,
    state: &S,
    role: Option<Arc<str>>,
) -> Result<(), StepError> {
    let life = &session.place.life;
    session.place.going_on()?;
    if !session.place.is_top() {
        return Err(StepError::Misused("a checkpoint is made at the top, while no step runs"));
    }
    if life.in_engine {
        return Err(StepError::Misused("within an engine, the engine keeps the journal"));
    }
    session.place.check_resumed()?;
    let unwritable =
        |source| StepError::Value { step: session.place.name(StepKind::Checkpoint, ""), source };
    let state = json::raw(state).map_err(unwritable)?;
    life.running.stop()?;
    let (totals, lives, until) = {
        let fold = life.writer.fold();
        (fold.totals(), fold.lives(), fold.counted_until())
    };
    let record = CheckpointRecord { state, totals, lives, role: role.clone(), until };
    let written = match entry(EntryKind::CHECKPOINT, &record) {
        Ok(entry) => life.writer.checkpoint(entry, role).await,
        Err(error) => Err(error),
    };
    written.map_err(|error| life.broken(error))?;
    life.running.go_on();
    Ok(())
}
