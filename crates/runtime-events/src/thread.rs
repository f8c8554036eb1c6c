//! [`ThreadSleeper`]: waiting by the timer of threads.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::time::{Clock, Sleep, Sleeper, SystemClock};

/// A [`Sleeper`] without an async runtime, on the system clock.
///
/// A thread that [parks](Sleeper::park) needs nothing else. A task that [sleeps](Sleeper::sleep) takes a
/// thread for that time, so a program with many sleeping tasks uses the timer of its runtime instead.
///
/// ```
/// use std::time::Duration;
/// use runtime_events::{Clock, Sleeper, SystemClock, ThreadSleeper};
///
/// let moment = Duration::from_millis(2);
/// let end = SystemClock.now() + moment;
/// while SystemClock.now() < end {
///     ThreadSleeper.park(moment);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct ThreadSleeper;

impl Sleeper for ThreadSleeper {
    fn sleep(&self, duration: Duration) -> Sleep {
        let until = SystemClock.now().checked_add(duration);
        Sleep::new(ThreadSleep { until, timer: None })
    }
}

struct ThreadSleep {
    /// `None` for a time that the clock cannot express: it never comes.
    until: Option<Instant>,
    timer: Option<Timer>,
}

/// The thread that waits for the task.
struct Timer {
    thread: Thread,
    /// `None` once nobody waits.
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Future for ThreadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.until else { return Poll::Pending };
        if SystemClock.now() >= until {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        match &self.timer {
            Some(timer) => {
                let replaced = locked(&timer.waker).replace(waker);
                // Here the lock is released: a waker that is dropped may come straight back.
                drop(replaced);
                // The thread may have gone between the look at the clock and here.
                if SystemClock.now() >= until {
                    return Poll::Ready(());
                }
            }
            None => match Timer::start(until, waker) {
                Some(timer) => self.timer = Some(timer),
                // Without a thread the task asks again and again, which is late for nobody.
                None => cx.waker().wake_by_ref(),
            },
        }
        Poll::Pending
    }
}

impl Timer {
    /// `None` if the system has no thread left.
    fn start(until: Instant, waker: Waker) -> Option<Self> {
        let waker = Arc::new(Mutex::new(Some(waker)));
        let waiting = Arc::clone(&waker);
        let wait = move || {
            while locked(&waiting).is_some() {
                let left = until.saturating_duration_since(SystemClock.now());
                if left.is_zero() {
                    break;
                }
                thread::park_timeout(left);
            }
            let waker = locked(&waiting).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        let started = thread::Builder::new().name("sleep".to_owned()).spawn(wait).ok()?;
        Some(Self { thread: started.thread().clone(), waker })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let unused = locked(&self.waker).take();
        drop(unused);
        self.thread.unpark();
    }
}

fn locked(waker: &Mutex<Option<Waker>>) -> MutexGuard<'_, Option<Waker>> {
    // Single assignments: the slot stays consistent after a panic.
    waker.lock().unwrap_or_else(PoisonError::into_inner)
}
