//! Threads within an engine, such as Restate, whose journal keeps the steps.
//!
//! ```text
//!   step ──▶ EngineJournal ──▶ the engine: intents, outcomes
//!                 └──────────▶ the store: leases, approvals and the intents that use them, messages
//! ```

use std::sync::Arc;

use futures_util::FutureExt;
use runtime_orchestrator::BoxError;
use runtime_store::{Body, BoxFuture, Entered, Journal, JournalError, Part, Slot, Step};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::durable::Durable;
use crate::error::RunError;
use crate::held::Keeping;
use crate::journal::StoreJournal;
use crate::run::Run;
use crate::session::DurableSession;

impl Durable {
    /// [`run`](Self::run) within an engine of durable execution, such as Restate: its journal keeps the steps, and
    /// it says when the body runs again.
    ///
    /// The store keeps what people say: approvals, messages, and what became of a call in doubt. It keeps the
    /// lease, too, so a handler that was replaced begins no further effect. The thread stays *parked* there, also
    /// when the engine is done with it, and is not run without the engine any more. A
    /// [`MemoryStore`](runtime_store::MemoryStore) does, if nobody is asked.
    ///
    /// Each run of the body counts its turns and cost from zero: steps that the engine answers cost nothing.
    /// If it fails, the failure of a step stays recorded. There are no checkpoints.
    ///
    /// # Errors
    ///
    /// [`RunError`]. After [`Held`](RunError::Held), [`Journal`](RunError::Journal) and
    /// [`Store`](RunError::Store) the engine should run the body again.
    pub async fn run_within<T>(
        &self,
        engine: Arc<dyn Journal>,
        thread: impl AsRef<str>,
        body: impl AsyncFnOnce(&DurableSession) -> Result<T, BoxError>,
    ) -> Result<Run<T>, RunError>
    where
        T: Serialize + DeserializeOwned,
    {
        self.live(thread.as_ref(), Keeping::Beside, Some(engine), body).await
    }
}

/// The journal of an engine. An intent that uses an approval is in the store as well, before it is in the engine:
/// a life that is lost in between finds that it has used it.
pub(crate) struct EngineJournal {
    pub(crate) engine: Arc<dyn Journal>,
    pub(crate) own: StoreJournal,
}

impl Journal for EngineJournal {
    fn enter<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
    ) -> BoxFuture<'a, Result<Entered<'a>, JournalError>> {
        let uses = step.approval.is_some() && part == Part::Intent(0);
        async move {
            let own = if uses { Some(self.own.enter(step, part).await?) } else { None };
            match (self.engine.enter(step, part).await?, own) {
                (Entered::Vacant(engine), Some(Entered::Vacant(own))) => {
                    Ok(Entered::Vacant(Box::new(Both { own, engine })))
                }
                (entered, _) => Ok(entered),
            }
        }
        .boxed()
    }
}

/// A place in both journals.
struct Both<'a> {
    own: Box<dyn Slot<'a> + 'a>,
    engine: Box<dyn Slot<'a> + 'a>,
}

impl<'a> Slot<'a> for Both<'a> {
    fn fill(self: Box<Self>, body: Body) -> BoxFuture<'a, Result<(), JournalError>> {
        async move {
            self.own.fill(Arc::clone(&body)).await?;
            self.engine.fill(body).await
        }
        .boxed()
    }
}
