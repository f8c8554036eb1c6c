//! [`DurableSession`]: a session whose steps are recorded.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use runtime_orchestrator::OrchestrationSession;
use runtime_store::ThreadId;

use crate::error::StepError;
use crate::handle::DurableHandle;
use crate::life::Life;
use crate::place::Place;

/// A session whose steps are recorded: a life of a thread.
///
/// A step is recorded with its outcome, value or failure, and the next life gets the same. So the code must
/// ask for the same steps again:
///
/// - What it does between steps depends only on what steps returned. Time, random numbers and the rest of
///   the world come from steps: [`now`](Self::now), [`random`](Self::random), [tools](Self::run_tool).
/// - Steps follow each other. Steps at the same time need keys of their own: tools have the model's
///   [call id](runtime_orchestrator::ToolCall::call_id).
/// - An error that ends the life is returned, as by `?`.
///
/// The first step that is not the recorded one is refused by name, and nothing is executed.
pub struct DurableSession {
    pub(crate) session: OrchestrationSession,
    pub(crate) place: Arc<Place>,
}

impl DurableSession {
    pub(crate) fn top(life: Arc<Life>, session: OrchestrationSession) -> Self {
        Self { session, place: Arc::new(Place::top(life)) }
    }

    /// The name of the thread.
    pub fn thread(&self) -> &ThreadId {
        &self.place.life.thread
    }

    /// The session of this life. What is done with it directly is not recorded.
    pub const fn session(&self) -> &OrchestrationSession {
        &self.session
    }

    /// A handle for what outlives a borrow of the session, such as a layer below a client.
    pub fn handle(&self) -> DurableHandle {
        DurableHandle { session: self.session.handle(), place: Arc::clone(&self.place) }
    }

    /// Cancels the thread for good. A shutdown, in contrast, leaves it to be run again.
    ///
    /// # Errors
    ///
    /// [`StepError::Session`] if the session has ended.
    pub fn cancel(&self, detail: impl Into<String>) -> Result<(), StepError> {
        Ok(self.session.cancel(detail)?)
    }

    /// The id for a tool's call that a model asks for under `id`, which is empty if the model gives none.
    ///
    /// It is the model's own id, the first time. Some models give no ids, or the same ones in each reply:
    /// then it is numbered by its place, so that each call has its own, and the same one in each life.
    pub fn call_id(&self, id: &str) -> String {
        self.place.call_id(id)
    }

    /// Opens a session below this one, for an agent of another role. Its steps have a place of their own, so
    /// the steps of several children may run at the same time.
    ///
    /// # Errors
    ///
    /// [`StepError::Session`] as [`OrchestrationSession::child`].
    pub fn child(&self, role: impl Into<Arc<str>>) -> Result<Self, StepError> {
        self.place.going_on()?;
        let role = role.into();
        let place = Arc::new(self.place.below(&escaped(&role)));
        let session = self.session.child(role)?;
        Ok(Self { session, place })
    }
}

impl fmt::Debug for DurableSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableSession")
            .field("thread", self.thread())
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// A role as a part of a path, of which no other path has a part.
fn escaped(role: &str) -> Cow<'_, str> {
    if !role.contains(['%', '/', '#']) {
        return role.into();
    }
    role.replace('%', "%25").replace('/', "%2F").replace('#', "%23").into()
}
