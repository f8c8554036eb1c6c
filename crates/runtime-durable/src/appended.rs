//! [`Appended`]: the end of an append, for all who wait for it.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::BoxFuture;
use runtime_store::JournalError;

type End = Result<(), JournalError>;

/// The end of an append, which everybody who waits for it drives.
///
/// As `futures_util::future::Shared`, which wakes its callers under the lock that they take first: a store with a
/// thread of its own would wake the caller's, and let it wait again.
#[derive(Clone)]
pub(crate) struct Appended(Arc<Append>);

struct Append {
    state: Mutex<State>,
    waiting: Arc<Waiting>,
}

enum State {
    Pending(BoxFuture<'static, End>),
    Ended(End),
}

#[derive(Default)]
struct Waiting(Mutex<Vec<Waker>>);

impl Appended {
    pub(crate) fn new(append: impl Future<Output = End> + Send + 'static) -> Self {
        let state = Mutex::new(State::Pending(Box::pin(append)));
        Self(Arc::new(Append { state, waiting: Arc::default() }))
    }
}

impl Future for Appended {
    type Output = End;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let Append { state, waiting } = &*self.0;
        // First, so that no wake is lost.
        waiting.add(cx.waker());
        let mut state = lock(state);
        let end = match &mut *state {
            State::Ended(end) => end.clone(),
            State::Pending(append) => {
                let waker = Waker::from(Arc::clone(waiting));
                let Poll::Ready(end) = append.as_mut().poll(&mut Context::from_waker(&waker))
                else {
                    return Poll::Pending;
                };
                let append = mem::replace(&mut *state, State::Ended(end.clone()));
                drop(state);
                drop(append);
                waiting.wake_by_ref();
                end
            }
        };
        Poll::Ready(end)
    }
}

impl Waiting {
    fn add(&self, waker: &Waker) {
        let mut waiting = lock(&self.0);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // After the lock.
        let waiting = mem::take(&mut *lock(&self.0));
        waiting.into_iter().for_each(Waker::wake);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Single assignments, or a future that panics again.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
