//! Waiting: for a call, its time limit and the end of the session, whichever comes first.

use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use runtime_events::{Sleep, Sleeper};
use runtime_resilience::fault::Phase;

use crate::pace::Pace;
use crate::session::core::Core;
use crate::session::end::End;

/// When something has to be over, and what that means.
#[derive(Clone, Debug)]
pub(crate) struct Until {
    pub(crate) at: Instant,
    pub(crate) after: Duration,
    pub(crate) kind: Kind,
    pub(crate) sleeper: Option<Arc<dyn Sleeper>>,
}

impl Until {
    /// The earlier of two; the first of equals.
    pub(crate) fn earlier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if one.at <= other.at { one } else { other }),
            (one, other) => one.or(other),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its own timeout, and what of it.
    Timeout(Phase),
    /// The session's deadline.
    Deadline,
}

/// Why a call did not get to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    Time(Kind, Duration),
    Closed(End),
}

/// Runs `future` until it is ready, its time is over, or the session ends.
///
/// `polling` is true exactly while the caller's code runs: whoever is dropped while it is set
/// was dropped by a panic.
pub(crate) async fn race<F: Future>(
    core: &Core,
    pace: &Pace,
    polling: &mut bool,
    future: F,
) -> Result<F::Output, Interrupted> {
    let mut future = pin!(future);
    // Made at the first pending poll: a call that is ready at once needs no timer.
    let mut timer = Timer::default();
    let mut watch = Watch::of(core);
    poll_fn(|cx| {
        if let Poll::Ready(value) = poll_flagged(future.as_mut(), polling, cx) {
            return Poll::Ready(Ok(value));
        }
        if let Some(end) = watch.ended(cx.waker()) {
            return Poll::Ready(Err(Interrupted::Closed(end)));
        }
        let over = timer.poll(core, pace, cx);
        over.map(|(kind, after)| Err(Interrupted::Time(kind, after)))
    })
    .await
}

/// A timer for a time that moves: each token puts it off.
#[derive(Debug, Default)]
struct Timer {
    running: Option<(Instant, Option<Sleep>)>,
}

impl Timer {
    fn poll(&mut self, core: &Core, pace: &Pace, cx: &mut Context<'_>) -> Poll<(Kind, Duration)> {
        pace.wake_at_first_token(cx.waker());
        loop {
            let Some(due) = pace.due() else { return Poll::Pending };
            // One that rings too early is asked again below; so a token costs no timer.
            let (rings, sleep) = match &mut self.running {
                Some(running) if running.0 <= due.at => running,
                running => {
                    let left = due.at.saturating_duration_since(core.now());
                    let sleep = due.sleeper.map(|sleeper| sleeper.sleep(left));
                    running.insert((due.at, sleep))
                }
            };
            let Some(sleep) = sleep else { return Poll::Pending };
            if Pin::new(sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            if *rings >= due.at {
                return Poll::Ready((due.kind, due.after));
            }
            self.running = None;
        }
    }
}

/// Polls the caller's future with the flag raised.
pub(crate) fn poll_flagged<F: Future>(
    future: Pin<&mut F>,
    polling: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    *polling = true;
    let polled = future.poll(cx);
    *polling = false;
    polled
}

/// A place on the session's list of those to wake when it ends.
pub(crate) struct Watch<'c> {
    core: &'c Core,
    key: Option<u64>,
}

impl<'c> Watch<'c> {
    pub(crate) const fn of(core: &'c Core) -> Self {
        Self { core, key: None }
    }

    pub(crate) fn ended(&mut self, waker: &Waker) -> Option<End> {
        self.core.watch(&mut self.key, waker)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.core.unwatch(key);
        }
    }
}

/// Runs `call` on a thread of its own and waits until it returns, its time is over, or the
/// session ends. A thread that is late runs on, detached.
///
/// A panic of `call` comes back as its payload, for the waiting thread to panic with.
pub(crate) fn on_thread<T: Send + 'static>(
    core: &Core,
    pace: &Pace,
    name: &str,
    call: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Result<thread::Result<T>, Interrupted>> {
    let slot = Arc::new(Mutex::new(None));
    let (filled, waiting) = (Arc::clone(&slot), thread::current());
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let returned = catch_unwind(AssertUnwindSafe(call));
        *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(returned);
        waiting.unpark();
    })?;
    Ok(wait(core, pace, || slot.lock().unwrap_or_else(PoisonError::into_inner).take()))
}

/// [`race`] for threads: polls the future on this one. No runtime is entered, so a future that
/// needs one must find it.
pub(crate) fn race_blocking<F: Future>(
    core: &Core,
    pace: &Pace,
    polling: &mut bool,
    future: F,
) -> Result<F::Output, Interrupted> {
    let mut future = pin!(future);
    let waker = thread_waker();
    let mut cx = Context::from_waker(&waker);
    wait(core, pace, || match poll_flagged(future.as_mut(), polling, &mut cx) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    })
}

/// Blocks the thread until `ready` has something, its time is over, or the session ends. Whoever
/// makes it ready unparks the thread.
fn wait<T>(
    core: &Core,
    pace: &Pace,
    mut ready: impl FnMut() -> Option<T>,
) -> Result<T, Interrupted> {
    let waker = thread_waker();
    let mut watch = Watch::of(core);
    loop {
        if let Some(value) = ready() {
            return Ok(value);
        }
        if let Some(end) = watch.ended(&waker) {
            return Err(Interrupted::Closed(end));
        }
        let Some(due) = pace.due() else {
            thread::park();
            continue;
        };
        let left = due.at.saturating_duration_since(core.now());
        if left.is_zero() {
            return Err(Interrupted::Time(due.kind, due.after));
        }
        match due.sleeper {
            Some(sleeper) => sleeper.park(left),
            None => thread::park_timeout(left),
        }
    }
}

/// So much later. Some 30 years stand for "never" where the clock cannot count further.
pub(crate) fn later(from: Instant, by: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(1_000_000_000);
    from.checked_add(by).unwrap_or_else(|| from + NEVER)
}

pub(crate) fn thread_waker() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
