//! Threads within an engine, such as Restate, whose journal keeps the steps.
//!
//! ```text
//!   step ──▶ EngineJournal ──▶ the engine: intents, outcomes
//!                 └──────────▶ the store: leases, approvals and the intents that use them, messages
//! ```

use std::sync::Arc;

use runtime_orchestrator::BoxError;
use runtime_store::Journal;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::durable::Durable;
use crate::error::RunError;
use crate::held::Keeping;
use crate::outcome::Run;
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
