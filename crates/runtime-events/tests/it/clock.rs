//! `ManualClock` and `SystemClock`.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_events::{Clock, ManualClock, Sleep, Sleeper, SystemClock, ThreadSleeper, format_utc};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Counts how often its task is woken.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lets other threads run until `done`. It panics instead of waiting for ever.
fn eventually(done: impl Fn() -> bool) {
    for _ in 0..50_000_000_u32 {
        if done() {
            return;
        }
        thread::yield_now();
    }
    panic!("it did not happen");
}

#[test]
fn clones_share_one_reading() {
    let clock = ManualClock::new();
    let (other, before, stamp) = (clock.clone(), clock.now(), clock.utc_now());
    assert_eq!(format_utc(stamp), "2026-01-01T00:00:00+00:00");
    other.advance(90 * SECOND);
    assert_eq!(clock.now() - before, 90 * SECOND);
    assert_eq!((clock.utc_now() - stamp).num_seconds(), 90);
    assert_eq!(clock.elapsed(), 90 * SECOND);
}

#[test]
fn task_is_woken_when_due_and_not_before() {
    let clock = ManualClock::new();
    let counter = Arc::new(Wakes::default());
    let waker = Waker::from(counter.clone());
    let mut cx = Context::from_waker(&waker);
    let mut sleep = pin!(clock.sleep(2 * SECOND));

    assert_eq!(sleep.as_mut().poll(&mut cx), Poll::Pending);
    clock.advance(Duration::from_nanos(1_999_999_999));
    assert_eq!((counter.count(), clock.waiting()), (0, 1));
    assert_eq!(sleep.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(clock.waiting(), 1, "polled twice, it waits once");

    clock.advance(Duration::from_nanos(1));
    assert_eq!((counter.count(), clock.waiting()), (1, 0));
    assert_eq!(sleep.as_mut().poll(&mut cx), Poll::Ready(()));
}

#[test]
fn sleep_counts_from_the_call_not_the_first_poll() {
    let clock = ManualClock::new();
    let mut sleep = pin!(clock.sleep(SECOND));
    clock.advance(SECOND);
    assert_eq!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
    assert_eq!(clock.waiting(), 0);
}

#[test]
fn sleep_polled_by_another_task_wakes_that_task() {
    let clock = ManualClock::new();
    let (first, second) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
    let mut sleep = pin!(clock.sleep(SECOND));
    for wakes in [&first, &second] {
        let waker = Waker::from(wakes.clone());
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    clock.advance(SECOND);
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn dropped_sleep_does_not_wait() {
    let clock = ManualClock::new();
    let counter = Arc::new(Wakes::default());
    let waker = Waker::from(counter.clone());
    let mut sleep = Box::pin(clock.sleep(SECOND));
    assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(sleep);
    assert_eq!(clock.waiting(), 0);
    clock.advance(SECOND);
    assert_eq!(counter.count(), 0);
}

#[test]
fn sleep_of_zero_is_ready_at_once() {
    let clock = ManualClock::new();
    let mut sleep = pin!(clock.sleep(Duration::ZERO));
    assert_eq!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
    clock.park(Duration::ZERO);
}

#[test]
fn parked_thread_continues_when_due() {
    let clock = ManualClock::new();
    let (due, done) = (clock.now() + 2 * SECOND, AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            // A park may end early without a reason, so it is repeated, but not for ever.
            for _ in 0..1_000 {
                let left = due.saturating_duration_since(clock.now());
                if left.is_zero() {
                    break;
                }
                clock.park(left);
            }
            assert!(clock.now() >= due);
            done.store(true, Ordering::Release);
        });
        eventually(|| clock.waiting() == 1);
        clock.advance(SECOND);
        eventually(|| clock.waiting() == 1);
        assert!(!done.load(Ordering::Acquire), "it continued too early");
        clock.advance(SECOND);
        eventually(|| done.load(Ordering::Acquire));
    });
    assert_eq!(clock.waiting(), 0);
}

#[test]
fn unpark_ends_a_park() {
    let clock = ManualClock::new();
    thread::scope(|scope| {
        let parked = scope.spawn(|| clock.park(SECOND));
        eventually(|| clock.waiting() == 1);
        parked.thread().unpark();
        eventually(|| parked.is_finished());
    });
    assert_eq!((clock.waiting(), clock.elapsed()), (0, Duration::ZERO));
}

#[test]
fn skipping_clock_advances_with_every_sleep() {
    let clock = ManualClock::skipping();
    let mut cx = Context::from_waker(Waker::noop());
    let (mut long, mut short) = (pin!(clock.sleep(3 * SECOND)), pin!(clock.sleep(SECOND)));
    assert_eq!(long.as_mut().poll(&mut cx), Poll::Ready(()));
    assert_eq!(clock.elapsed(), 3 * SECOND);
    assert_eq!(short.as_mut().poll(&mut cx), Poll::Ready(()));
    assert_eq!(clock.elapsed(), 3 * SECOND, "a sleep that is over does not move the clock");
    clock.park(SECOND);
    assert_eq!(clock.elapsed(), 4 * SECOND);
}

#[test]
fn clock_advanced_beyond_its_end_still_answers() {
    let clock = ManualClock::new();
    let (before, stamp) = (clock.now(), clock.utc_now());
    clock.advance(Duration::MAX);
    clock.advance(SECOND);
    assert_eq!(clock.now() - before, clock.elapsed());
    assert_eq!((clock.utc_now() - stamp).to_std(), Ok(clock.elapsed()));

    let clock = ManualClock::skipping();
    clock.park(Duration::MAX);
    assert!(clock.now() > before);
}

#[test]
fn system_clock_does_not_go_back() {
    let clock = SystemClock;
    let before = clock.now();
    assert!(clock.now() >= before);
}

const _: Option<&dyn Clock> = None;
const _: Option<&dyn Sleeper> = None;

#[test]
fn thread_sleeper_wakes_the_latest_waker_of_a_task() {
    let [first, last] = [(); 2].map(|()| Arc::new(Wakes::default()));
    let mut sleep = pin!(ThreadSleeper.sleep(Duration::from_millis(20)));
    for wakes in [&first, &last] {
        let waker = Waker::from(Arc::clone(wakes));
        if sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return;
        }
    }
    eventually(|| last.count() == 1);
    assert_eq!(first.count(), 0);
    assert!(sleep.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn dropped_sleep_of_a_thread_sleeper_wakes_nobody() {
    let wakes = Arc::new(Wakes::default());
    let mine = Waker::from(Arc::clone(&wakes));
    let mut sleep = Box::pin(ThreadSleeper.sleep(Duration::from_hours(1)));
    assert!(sleep.as_mut().poll(&mut Context::from_waker(&mine)).is_pending());
    drop((sleep, mine));
    // Its thread has let go of the waker, and ends.
    eventually(|| Arc::strong_count(&wakes) == 1);
    assert_eq!(wakes.count(), 0);
}

#[test]
fn thread_sleeper_accepts_zero_and_maximal_durations() {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(ThreadSleeper.sleep(Duration::ZERO)).poll(&mut cx).is_ready());
    assert!(pin!(ThreadSleeper.sleep(Duration::MAX)).poll(&mut cx).is_pending());
    ThreadSleeper.park(Duration::ZERO);
}

/// Says that it was asked, and waits for nothing.
#[derive(Debug)]
struct Asked(AtomicU64);

impl Sleeper for Asked {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::ready(()))
    }

    fn park(&self, timeout: Duration) {
        self.0.fetch_add(timeout.as_secs(), Ordering::Relaxed);
    }

    fn has_threads(&self) -> bool {
        false
    }
}

#[test]
fn pair_has_the_first_ones_clock_and_the_second_ones_sleep() {
    let clock = ManualClock::new();
    let pair = (clock.clone(), Asked(AtomicU64::new(0)));
    clock.advance(SECOND);
    assert_eq!((pair.now(), pair.utc_now()), (clock.now(), clock.utc_now()));
    pair.park(3 * SECOND);
    assert_eq!(pair.1.0.load(Ordering::Relaxed), 3);
    assert!(!pair.has_threads());
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(pin!(pair.sleep(SECOND)).poll(&mut cx), Poll::Ready(()));
    assert!((clock, ThreadSleeper).has_threads());
}
