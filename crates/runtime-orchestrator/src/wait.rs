//! Waiting for a call, its time limit or the end of the session, whichever comes first.

use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_events::Clock;
use thiserror::Error;

use crate::error::BoxError;
use crate::limits::Kind;
use crate::park::Timer;
use crate::parts::life::End;
use crate::parts::pace::Pace;

/// The parts of a session that a wait needs.
pub(crate) trait Host {
    /// The clock of the time limits.
    fn clock(&self) -> &Arc<dyn Clock>;

    /// The end of the session, if it has ended. If not, `waker` is woken at the end; `key` is the
    /// caller's place.
    fn watch(&self, key: &mut Option<u64>, waker: &Waker) -> Option<End>;

    /// Removes the place.
    fn unwatch(&self, key: u64);
}

/// The reason why a call was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    Time(Kind, Duration),
    Closed(End),
}

/// Runs `future` until it is ready, its time is over, or the session ends.
///
/// `polling` is true exactly while the caller's code runs. A drop while it is true comes from a
/// panic.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
pub(crate) fn race<F: Future>(
    host: &impl Host,
    pace: &Pace,
    polling: &mut bool,
    future: F,
) -> impl Future<Output = Result<F::Output, Interrupted>> {
    async move {
        let mut future = pin!(future);
        let mut watched = Watched { host, vigil: Vigil::default() };
        poll_fn(|cx| {
            if let Poll::Ready(value) = flagged(polling, || future.as_mut().poll(cx)) {
                return Poll::Ready(Ok(value));
            }
            watched.vigil.poll(host, pace, cx).map(Err)
        })
        .await
    }
}

/// The wait for the end of a session or of a time, from poll to poll.
#[derive(Debug, Default)]
pub(crate) struct Vigil {
    /// Made at the first pending poll: a call that is ready at once needs no timer.
    timer: Option<Box<Timer>>,
    /// The place among the wakers of the session's end.
    key: Option<u64>,
}

impl Vigil {
    pub(crate) fn poll(
        &mut self,
        host: &impl Host,
        pace: &Pace,
        cx: &mut Context<'_>,
    ) -> Poll<Interrupted> {
        if let Some(end) = host.watch(&mut self.key, cx.waker()) {
            return Poll::Ready(Interrupted::Closed(end));
        }
        let over = poll_time(&mut self.timer, host.clock(), pace, cx);
        over.map(|(kind, after)| Interrupted::Time(kind, after))
    }

    /// Leaves the place. It is taken again at the next poll.
    pub(crate) fn leave(&mut self, host: &impl Host) {
        if let Some(key) = self.key.take() {
            host.unwatch(key);
        }
    }
}

/// Polls the time limit, which each token moves.
fn poll_time(
    timer: &mut Option<Box<Timer>>,
    clock: &Arc<dyn Clock>,
    pace: &Pace,
    cx: &mut Context<'_>,
) -> Poll<(Kind, Duration)> {
    pace.wake_at_first_token(cx.waker());
    loop {
        let Some(due) = pace.due() else { return Poll::Pending };
        // A timer that fires too early is replaced below, so a token itself needs no new timer.
        let running = match &mut *timer {
            Some(running) if running.at() <= due.at => running,
            stale => {
                stale.insert(Box::new(Timer::new(Arc::clone(clock), due.sleeper.cloned(), due.at)))
            }
        };
        if Pin::new(&mut *running).poll(cx).is_pending() {
            return Poll::Pending;
        }
        if running.at() >= due.at {
            return Poll::Ready((due.kind, due.after));
        }
        *timer = None;
    }
}

/// Runs the caller's code with the flag raised. After a panic it stays raised.
#[inline]
pub(crate) fn flagged<T>(flag: &mut bool, code: impl FnOnce() -> T) -> T {
    *flag = true;
    let value = code();
    *flag = false;
    value
}

/// A vigil that leaves its place at the end of the wait.
struct Watched<'h, H: Host> {
    host: &'h H,
    vigil: Vigil,
}

impl<H: Host> Drop for Watched<'_, H> {
    fn drop(&mut self) {
        self.vigil.leave(self.host);
    }
}

/// The error of a call on a new thread.
#[derive(Debug)]
pub(crate) enum ThreadError<E> {
    /// No thread could be started for the call.
    NoThread(NoThreadError),
    Call(E),
}

/// The operating system could not start a thread, so the call was not made.
#[derive(Debug, Error)]
#[error("cannot start a thread for the call")]
pub(crate) struct NoThreadError(#[source] io::Error);

impl<E: Into<Self>> From<ThreadError<E>> for BoxError {
    fn from(error: ThreadError<E>) -> Self {
        match error {
            ThreadError::NoThread(error) => error.into(),
            ThreadError::Call(error) => error.into(),
        }
    }
}

/// Runs `call` on a new thread. A late thread runs on, detached. A panic of `call` resumes in the
/// awaiting task.
pub(crate) async fn on_thread<T: Send + 'static, E: Send + 'static>(
    name: &str,
    call: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ThreadError<E>> {
    let slot = Arc::new(Mutex::new(Slot { returned: None, waiting: None }));
    let filled = Arc::clone(&slot);
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let returned = catch_unwind(AssertUnwindSafe(call));
        let mut slot = locked(&filled);
        slot.returned = Some(returned);
        let waiting = slot.waiting.take();
        drop(slot);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    });
    thread.map_err(|error| ThreadError::NoThread(NoThreadError(error)))?;
    let returned = poll_fn(|cx| {
        let waker = cx.waker().clone();
        let mut slot = locked(&slot);
        if let Some(returned) = slot.returned.take() {
            return Poll::Ready(returned);
        }
        let replaced = slot.waiting.replace(waker);
        drop(slot);
        // Dropped after the lock is released, because a waker may own its task.
        drop(replaced);
        Poll::Pending
    })
    .await;
    returned.unwrap_or_else(|payload| resume_unwind(payload)).map_err(ThreadError::Call)
}

/// The place where a thread leaves the result of its call.
struct Slot<R> {
    returned: Option<thread::Result<R>>,
    waiting: Option<Waker>,
}

fn locked<R>(slot: &Mutex<Slot<R>>) -> MutexGuard<'_, Slot<R>> {
    // Single assignments: the slot stays consistent after a panic.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
