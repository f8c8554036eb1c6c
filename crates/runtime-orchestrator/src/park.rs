//! Polling a future on a parked thread, and timers for both threads and tasks.
//!
//! Sync and async are one logic: a blocking call polls the same future as an async one, with
//! [`block_on`]. Only timers differ. A task needs a timer that wakes it. A thread needs none: it
//! parks until the earliest time that a future inside waits for. A [`Timer`] tells the two apart by
//! its waker: with the waker of a thread in `block_on`, it only reports the time to park until.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use runtime_events::{Clock, Sleep, Sleeper};

use crate::limits::later;

/// Polls `future` on this thread, which parks while it is pending.
///
/// No runtime is entered: a future that needs one has to find it.
pub(crate) fn block_on<F: Future>(clock: &dyn Clock, future: F) -> F::Output {
    let mut future = pin!(future);
    let parked = Parked::enter();
    let mut cx = Context::from_waker(&parked.waker);
    loop {
        // Relaxed: the poll itself sees a wake-up from before the poll.
        parked.parker.woken.store(false, Ordering::Relaxed);
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
        parked.parker.park(clock);
    }
}

/// Whether `waker` belongs to this thread in [`block_on`], and not to a task.
pub(crate) fn is_thread(waker: &Waker) -> bool {
    parker_of(waker).is_some()
}

/// The parker of this thread, if `waker` is its own.
fn parker_of(waker: &Waker) -> Option<Arc<Parker>> {
    PARKED.with_borrow(|parked| {
        let (parker, own) = parked.last()?;
        own.will_wake(waker).then(|| Arc::clone(parker))
    })
}

thread_local! {
    /// The parkers of this thread's nested calls to `block_on`, the innermost last.
    static PARKED: RefCell<Vec<(Arc<Parker>, Waker)>> = const { RefCell::new(Vec::new()) };
    /// Parkers that are kept between calls, so that a call allocates nothing.
    static SPARE: RefCell<Vec<(Arc<Parker>, Waker)>> = const { RefCell::new(Vec::new()) };
}

/// A thread that polls and parks.
struct Parker {
    thread: Thread,
    /// Separate from the token of `thread::park`, which a nested `block_on` may consume.
    woken: AtomicBool,
    /// The earliest time that a future inside waits for, and its sleeper.
    alarm: Mutex<Option<Alarm>>,
}

struct Alarm {
    at: Instant,
    sleeper: Option<Arc<dyn Sleeper>>,
}

impl Parker {
    /// Parks until the thread is woken or the alarm is due, whichever comes first.
    fn park(&self, clock: &dyn Clock) {
        let alarm = self.alarm().take();
        // Acquire: the next poll sees everything from before the wake-up.
        while !self.woken.load(Ordering::Acquire) {
            let Some(Alarm { at, sleeper }) = &alarm else {
                thread::park();
                continue;
            };
            let left = at.saturating_duration_since(clock.now());
            if left.is_zero() {
                return;
            }
            match sleeper {
                Some(sleeper) => sleeper.park(left),
                None => thread::park_timeout(left),
            }
        }
    }

    /// Makes the thread poll again at `at`, unless an earlier alarm is set.
    fn ring(&self, at: Instant, sleeper: Option<&Arc<dyn Sleeper>>) {
        let mut alarm = self.alarm();
        if alarm.as_ref().is_none_or(|alarm| at < alarm.at) {
            *alarm = Some(Alarm { at, sleeper: sleeper.cloned() });
        }
    }

    fn alarm(&self) -> MutexGuard<'_, Option<Alarm>> {
        // Single assignments: the alarm stays consistent after a panic.
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: pairs with the load in `park`.
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// This thread inside one `block_on`. Dropping it restores the outer one.
struct Parked {
    parker: Arc<Parker>,
    waker: Waker,
}

impl Parked {
    fn enter() -> Self {
        let (parker, waker) = SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| {
            let (thread, woken) = (thread::current(), AtomicBool::new(false));
            let parker = Arc::new(Parker { thread, woken, alarm: Mutex::new(None) });
            (Arc::clone(&parker), Waker::from(parker))
        });
        PARKED.with_borrow_mut(|parked| parked.push((Arc::clone(&parker), waker.clone())));
        Self { parker, waker }
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        if let Some(own) = PARKED.with_borrow_mut(Vec::pop) {
            own.0.alarm().take();
            SPARE.with_borrow_mut(|spare| spare.push(own));
        }
    }
}

/// Waits until `at`: a task by a sleeper's timer, a parked thread without one.
pub(crate) struct Timer {
    clock: Arc<dyn Clock>,
    sleeper: Option<Arc<dyn Sleeper>>,
    at: Instant,
    sleep: Option<Sleep>,
}

impl Timer {
    pub(crate) const fn new(
        clock: Arc<dyn Clock>,
        sleeper: Option<Arc<dyn Sleeper>>,
        at: Instant,
    ) -> Self {
        Self { clock, sleeper, at, sleep: None }
    }

    /// The time at which it is due.
    pub(crate) const fn at(&self) -> Instant {
        self.at
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Some(parker) = parker_of(cx.waker()) {
            if this.clock.now() >= this.at {
                return Poll::Ready(());
            }
            parker.ring(this.at, this.sleeper.as_ref());
            return Poll::Pending;
        }
        // Without a sleeper, a task is never woken by the timer.
        let Some(sleeper) = &this.sleeper else { return Poll::Pending };
        let sleep = this.sleep.get_or_insert_with(|| {
            sleeper.sleep(this.at.saturating_duration_since(this.clock.now()))
        });
        Pin::new(sleep).poll(cx)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("at", &self.at).finish_non_exhaustive()
    }
}

/// A clock and the sleeper on it, if there is one. Makes [`Timer`]s for code that takes a sleeper.
pub(crate) struct Timers {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sleeper: Option<Arc<dyn Sleeper>>,
}

impl Sleeper for Timers {
    fn sleep(&self, duration: Duration) -> Sleep {
        let at = later(self.clock.now(), duration);
        Sleep::new(Timer::new(Arc::clone(&self.clock), self.sleeper.clone(), at))
    }

    fn has_threads(&self) -> bool {
        self.sleeper.as_ref().is_none_or(|sleeper| sleeper.has_threads())
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("sleeper", &self.sleeper).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::mem;
    use std::sync::mpsc;
    use std::thread;

    use runtime_events::ManualClock;

    use super::*;

    #[test]
    fn timer_on_a_thread_needs_no_sleeper_and_no_runtime() {
        let clock = ManualClock::skipping();
        let sleeper: Arc<dyn Sleeper> = Arc::new(clock.clone());
        let at = clock.now() + Duration::from_hours(1);
        block_on(&clock, Timer::new(Arc::new(clock.clone()), Some(sleeper), at));
        assert_eq!(clock.elapsed(), Duration::from_hours(1));
    }

    #[test]
    fn wake_up_that_comes_during_a_nested_block_on_is_not_lost() {
        let clock = ManualClock::new();
        let (sender, receiver) = mpsc::channel::<Waker>();
        let (woken, wait) = mpsc::channel();
        let waking = thread::spawn(move || {
            receiver.recv().map(Waker::wake).is_ok_and(|()| woken.send(()).is_ok())
        });
        let mut first = true;
        block_on(
            &clock,
            poll_fn(|cx| {
                if !mem::take(&mut first) {
                    return Poll::Ready(());
                }
                assert!(is_thread(cx.waker()));
                let outer = cx.waker().clone();
                let mut sent = false;
                // The inner call parks and consumes the token of the outer one.
                block_on(
                    &clock,
                    poll_fn(|cx| {
                        if mem::replace(&mut sent, true) {
                            return Poll::Ready(());
                        }
                        assert!(!outer.will_wake(cx.waker()), "each call has its own");
                        assert!(sender.send(outer.clone()).is_ok() && wait.recv().is_ok());
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }),
                );
                Poll::Pending
            }),
        );
        assert!(waking.join().is_ok_and(|woke| woke));
    }
}
