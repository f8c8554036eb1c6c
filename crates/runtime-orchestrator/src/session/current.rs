//! The current session of a thread, for code below a client that all sessions share.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use super::OrchestrationSession;
use super::handle::SessionHandle;
use crate::core::Core;

thread_local! {
    /// The sessions whose code runs on this thread, the innermost last.
    static CURRENT: RefCell<Vec<SessionHandle>> = const { RefCell::new(Vec::new()) };
}

/// # Current session
impl SessionHandle {
    /// The session whose [scope](Self::scope) the calling code runs in, the innermost one.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::{Orchestrator, SessionHandle};
    ///
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let id = async || SessionHandle::current().map(|session| session.id().to_owned());
    ///
    /// assert_eq!(session.scope(id()).await.as_deref(), Some(session.id()));
    /// assert_eq!(id().await, None);
    /// # Ok::<_, runtime_orchestrator::BoxError>(()) }).unwrap();
    /// ```
    pub fn current() -> Option<Self> {
        // A destructor of another thread-local value may run after this one's.
        CURRENT.try_with(|current| current.borrow().last().cloned()).ok().flatten()
    }

    /// Runs `future` with this session as the [current](Self::current) one.
    ///
    /// The session is set around each poll, so no runtime is needed, and a task that `future` spawns
    /// is outside: wrap it in a scope of its own. [`Orchestrator::run`](crate::Orchestrator::run)
    /// runs its body in the scope of its session.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let session = self.clone();
        async move {
            let mut future = pin!(future);
            poll_fn(|cx| within(&session.core, || future.as_mut().poll(cx))).await
        }
    }
}

/// # Current session
impl OrchestrationSession {
    /// [`scope`](SessionHandle::scope) of this session's handle.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.handle().scope(future)
    }
}

/// Runs `code` with a session as the current one.
pub(super) fn within<T>(session: &Arc<Core>, code: impl FnOnce() -> T) -> T {
    let handle = SessionHandle { core: Arc::clone(session) };
    let entered = CURRENT.try_with(|current| current.borrow_mut().push(handle)).is_ok();
    let _left = entered.then_some(Left);
    code()
}

/// Leaves the scope, even after a panic.
struct Left;

impl Drop for Left {
    fn drop(&mut self) {
        let left = CURRENT.try_with(|current| current.borrow_mut().pop());
        // Here the borrow is over: the last handle of a session drops the session's sinks.
        drop(left);
    }
}
