//! [`DurableHandle`]: a durable session for what outlives a borrow of it.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use runtime_orchestrator::SessionHandle;
use runtime_store::ThreadId;

use crate::place::Place;

thread_local! {
    /// The durable sessions whose code runs on this thread, the innermost last.
    static CURRENT: RefCell<Vec<DurableHandle>> = const { RefCell::new(Vec::new()) };
}

/// A handle to a durable session, for what outlives a borrow of it, such as a layer below a client.
///
/// Cheap to clone, and `'static`. Its steps have the place of the session's own. After the end of the life
/// they are refused.
#[derive(Clone)]
pub struct DurableHandle {
    pub(crate) session: SessionHandle,
    pub(crate) place: Arc<Place>,
}

impl DurableHandle {
    /// The name of the thread.
    pub fn thread(&self) -> &ThreadId {
        &self.place.life.thread
    }

    /// The session of this life. What is done with it directly is not recorded.
    pub const fn session(&self) -> &SessionHandle {
        &self.session
    }
}

/// # Current session
impl DurableHandle {
    /// The durable session whose [scope](Self::scope) the calling code runs in. `None` if a session that is
    /// not durable is the [current](SessionHandle::current) one.
    ///
    /// A thread's code runs in the scope of its session.
    pub fn current() -> Option<Self> {
        // A destructor of another thread-local value may run after this one's.
        let durable =
            CURRENT.try_with(|current| current.borrow().last().cloned()).ok().flatten()?;
        let plain = SessionHandle::current()?;
        (plain.id() == durable.session.id()).then_some(durable)
    }

    /// Runs `future` with this session as the [current](Self::current) one, as [`SessionHandle::scope`] does:
    /// the agent of a child, for example.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let (durable, future) = (self.clone(), self.session.scope(future));
        async move {
            let mut future = pin!(future);
            poll_fn(|cx| durable.within(|| future.as_mut().poll(cx))).await
        }
    }

    /// Runs code of the session, inside its plain scope.
    pub(crate) fn within<T>(&self, code: impl FnOnce() -> T) -> T {
        let handle = self.clone();
        let entered = CURRENT.try_with(|current| current.borrow_mut().push(handle)).is_ok();
        let _left = entered.then_some(Left);
        code()
    }
}

/// Leaves the scope, even after a panic.
struct Left;

impl Drop for Left {
    fn drop(&mut self) {
        let left = CURRENT.try_with(|current| current.borrow_mut().pop());
        // Here the borrow is over: the last handle of a session drops what it holds.
        drop(left);
    }
}

impl fmt::Debug for DurableHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableHandle")
            .field("thread", self.thread())
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
