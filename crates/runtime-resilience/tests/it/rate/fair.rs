//! Who goes first, and when.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_events::{Clock, ManualClock, Sleep, Sleeper};
use runtime_resilience::{
    Demand, RateDimension, RateLimitedError, RateLimiter, RateLimits, RateReservation, RateReserve,
};

use super::support::{ASK, input, limiter, nanos, requests, secs, short_of, tokens};

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that waits for a limiter, and is polled only when it was woken.
struct Task<'a> {
    future: Pin<Box<RateReserve<'a>>>,
    woken: Arc<Woken>,
}

impl<'a> Task<'a> {
    fn new(limiter: &'a RateLimiter, clock: &'a ManualClock, ask: Demand) -> Self {
        let future = Box::pin(limiter.reserve(ask, clock, None));
        let mut task = Self { future, woken: Arc::default() };
        assert!(task.poll().is_pending());
        task
    }

    fn poll(&mut self) -> Poll<Result<RateReservation, RateLimitedError>> {
        let waker = Waker::from(self.woken.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn is_woken(&self) -> bool {
        self.woken.0.swap(0, Ordering::SeqCst) > 0
    }

    /// Polls if woken; whether it is done.
    fn run(&mut self) -> bool {
        self.is_woken() && self.poll().is_ready()
    }
}

/// Runs those that are woken until none is; which of them are done, in their order.
fn settle(tasks: &mut Vec<(usize, Task<'_>)>) -> Vec<usize> {
    let mut done = Vec::new();
    loop {
        let Some(at) = tasks.iter().position(|(_, task)| task.woken.0.load(Ordering::SeqCst) > 0)
        else {
            return done;
        };
        if tasks[at].1.run() {
            done.push(tasks.remove(at).0);
        }
    }
}

fn line<'a>(
    limiter: &'a RateLimiter,
    clock: &'a ManualClock,
    asks: &[Demand],
) -> Vec<(usize, Task<'a>)> {
    asks.iter().map(|ask| Task::new(limiter, clock, *ask)).enumerate().collect()
}

#[test]
fn waiting_calls_go_in_order_at_the_rate() {
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let mut tasks = line(&limiter, &clock, &[ASK; 5]);
    assert_eq!((limiter.available().waiting, clock.waiting()), (5, 1), "one timer for all");
    for next in 0..5 {
        clock.advance(short_of(secs(1)));
        assert_eq!(settle(&mut tasks), [0; 0]);
        clock.advance(nanos(1));
        assert_eq!(settle(&mut tasks), [next]);
    }
    assert_eq!((limiter.available().waiting, clock.waiting()), (0, 0));
}

#[test]
fn a_small_call_does_not_overtake_a_large_one() {
    let (limiter, clock) = limiter(tokens(60));
    drop(limiter.try_reserve(input(60)).unwrap());
    let mut tasks = line(&limiter, &clock, &[input(30), input(1)]);
    clock.advance(secs(2));
    let error = limiter.try_reserve(input(1)).unwrap_err();
    assert_eq!(error.dimension, RateDimension::Tokens);
    assert_eq!(error.retry_after, Some(secs(30)), "after both of them");
    assert!(limiter.check(input(1)).is_err());
    clock.advance(secs(28));
    assert_eq!(settle(&mut tasks), [0]);
    clock.advance(secs(1));
    assert_eq!(settle(&mut tasks), [1]);
}

#[test]
fn try_reserve_does_not_overtake_waiting_calls() {
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let mut tasks = line(&limiter, &clock, &[ASK]);
    limiter.set_limits(RateLimits::default());
    // There is enough now, and the waiting call has not been polled yet.
    let error = limiter.try_reserve(ASK).unwrap_err();
    assert_eq!(error.dimension, RateDimension::Queue);
    assert!(error.retry_after.is_some_and(|wait| !wait.is_zero()));
    assert_eq!(error.to_string(), "rate limiter `openai` admits calls that came before");
    assert_eq!(settle(&mut tasks), [0]);
    drop(limiter.try_reserve(ASK).unwrap());
}

#[test]
fn dropped_wait_passes_its_place_on() {
    let (limiter, clock) = limiter(tokens(60));
    drop(limiter.try_reserve(input(60)).unwrap());
    let mut tasks = line(&limiter, &clock, &[input(50), input(10), input(5)]);
    clock.advance(secs(20));
    assert_eq!(settle(&mut tasks), [0; 0]);
    drop(tasks.remove(0));
    assert_eq!(settle(&mut tasks), [1, 2], "there was enough for both behind it");
    assert_eq!(limiter.available().waiting, 0);
}

#[test]
fn dropping_a_wait_anywhere_disturbs_no_other() {
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let mut tasks = line(&limiter, &clock, &[ASK; 4]);
    drop(limiter.reserve(ASK, &clock, None));
    drop(tasks.remove(1));
    assert!(!tasks.iter().any(|(_, task)| task.is_woken()));
    for next in [0, 2, 3] {
        clock.advance(secs(1));
        assert_eq!(settle(&mut tasks), [next]);
    }
}

#[test]
fn turn_dropped_when_due_passes_to_the_next() {
    // The first is woken by its timer, and dropped before it is polled.
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let mut tasks = line(&limiter, &clock, &[ASK; 2]);
    clock.advance(secs(1));
    drop(tasks.remove(0));
    assert_eq!(settle(&mut tasks), [1]);
}

#[test]
fn returned_units_go_to_waiting_calls() {
    let (limiter, clock) = limiter(tokens(60));
    let large = limiter.try_reserve(input(60)).unwrap();
    let mut tasks = line(&limiter, &clock, &[input(20), input(20), input(20)]);
    large.adjust(input(15));
    assert_eq!(settle(&mut tasks), [0, 1]);
    clock.advance(secs(15));
    assert_eq!(settle(&mut tasks), [2]);
}

#[test]
fn after_a_pause_waiting_calls_leave_one_by_one() {
    let (limiter, clock) = limiter(requests(60));
    limiter.pause(secs(30));
    let mut tasks = line(&limiter, &clock, &[ASK; 4]);
    limiter.pause(secs(40));
    clock.advance(secs(30));
    assert_eq!(settle(&mut tasks), [0; 0], "it was extended while they slept");
    clock.advance(secs(10));
    for next in 0..4 {
        assert_eq!(settle(&mut tasks), [next]);
        clock.advance(secs(1));
    }
}

#[test]
fn calls_leave_a_pause_one_by_one_without_limits() {
    let (limiter, clock) = limiter(RateLimits::default());
    limiter.pause(secs(30));
    let mut tasks = line(&limiter, &clock, &[ASK; 3]);
    clock.advance(secs(30));
    assert_eq!(settle(&mut tasks), [0]);
    clock.advance(Duration::from_millis(99));
    assert_eq!(settle(&mut tasks), [0; 0]);
    clock.advance(Duration::from_millis(1));
    assert_eq!(settle(&mut tasks), [1]);
    clock.advance(Duration::from_millis(100));
    assert_eq!(settle(&mut tasks), [2]);
    (0..10).for_each(|_| drop(limiter.try_reserve(ASK).unwrap()));
}

#[test]
fn wait_beyond_its_end_is_refused_at_once() {
    // dataflow-rs #47
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let until = |after| Some(clock.now() + after);
    let mut short = Box::pin(limiter.reserve(ASK, &clock, until(short_of(secs(1)))));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Err(error)) = short.as_mut().poll(&mut cx) else { panic!("it waits") };
    assert_eq!(error.retry_after, Some(secs(1)));
    assert_eq!((limiter.available().waiting, clock.waiting()), (0, 0));

    let mut first = Box::pin(limiter.reserve(ASK, &clock, until(secs(1))));
    assert!(first.as_mut().poll(&mut cx).is_pending());
    let mut second = Box::pin(limiter.reserve(ASK, &clock, until(secs(1))));
    let Poll::Ready(Err(error)) = second.as_mut().poll(&mut cx) else { panic!("it waits") };
    assert_eq!(error.retry_after, Some(secs(2)), "the one ahead counts");
    clock.advance(secs(1));
    assert!(matches!(first.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));

    let mut fits = Box::pin(limiter.reserve(ASK, &clock, until(secs(1))));
    assert!(fits.as_mut().poll(&mut cx).is_pending());
    limiter.pause(secs(60));
    clock.advance(secs(1));
    let Poll::Ready(Err(error)) = fits.as_mut().poll(&mut cx) else { panic!("it waits") };
    assert_eq!(error.dimension, RateDimension::Pause);
}

#[test]
fn calls_that_cannot_wait_for_a_pause_hear_of_it_at_once() {
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let until = |after| Some(clock.now() + after);
    let waits = |until| {
        let future = Box::pin(limiter.reserve(ASK, &clock, until));
        let mut task = Task { future, woken: Arc::default() };
        assert!(task.poll().is_pending());
        task
    };
    // The first may wait, and holds up the others.
    let mut tasks = [waits(None), waits(until(secs(10))), waits(until(secs(20)))];
    limiter.pause(secs(30));
    for task in &mut tasks[1..] {
        assert!(task.is_woken());
        let Poll::Ready(Err(error)) = task.poll() else { panic!("it waits for the pause") };
        assert_eq!((error.dimension, error.retry_after), (RateDimension::Pause, Some(secs(30))));
    }
    assert!(tasks[0].is_woken() && tasks[0].poll().is_pending(), "it may wait");
    clock.advance(secs(30));
    assert!(tasks[0].run());
}

#[test]
fn wait_in_the_middle_ends_in_time() {
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let first = Task::new(&limiter, &clock, ASK);
    let future = Box::pin(limiter.reserve(ASK, &clock, Some(clock.now() + secs(2))));
    let mut second = Task { future, woken: Arc::default() };
    assert!(second.poll().is_pending());
    // The first is never polled again, and holds up the second.
    clock.advance(secs(2));
    assert!(second.is_woken());
    let Poll::Ready(Err(error)) = second.poll() else { panic!("its time is over") };
    assert_eq!(error.retry_after, Some(secs(1)), "the one ahead has not taken its yet");
    drop(first);
    drop(limiter.try_reserve(ASK).unwrap());
}

#[test]
fn new_limits_hold_for_waiting_calls() {
    let (limiter, clock) = limiter(tokens(60));
    drop(limiter.try_reserve(input(60)).unwrap());
    let mut tasks = line(&limiter, &clock, &[input(60), input(10)]);
    limiter.set_limits(tokens(60).burst(secs(30)));
    assert!(tasks[0].1.is_woken());
    let Poll::Ready(Err(error)) = tasks[0].1.poll() else { panic!("it never fits") };
    assert_eq!(error.retry_after, None);
    tasks.remove(0);
    clock.advance(secs(40));
    assert_eq!(settle(&mut tasks), [1]);
}

#[test]
fn waiting_future_may_move_to_another_task() {
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let mut task = Task::new(&limiter, &clock, ASK);
    let old = std::mem::take(&mut task.woken);
    assert!(task.poll().is_pending());
    clock.advance(secs(1));
    assert_eq!(old.0.load(Ordering::SeqCst), 0);
    assert!(task.run());
}

/// Its sleeps are over at once, whatever was asked for.
#[derive(Debug)]
struct Restless;

impl Sleeper for Restless {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(async {})
    }
}

#[test]
fn early_timer_does_not_hang_the_thread() {
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let future = Box::pin(limiter.reserve(ASK, &Restless, None));
    let mut task = Task { future, woken: Arc::default() };
    for _ in 0..3 {
        assert!(task.poll().is_pending());
        assert!(task.is_woken(), "it asks again by itself");
    }
    clock.advance(secs(1));
    assert!(task.poll().is_ready());
}

#[test]
fn waker_may_call_the_limiter() {
    /// Drops what it holds when it is dropped or woken, and so re-enters the limiter.
    struct Reentrant(RateLimiter);
    impl Wake for Reentrant {
        fn wake(self: Arc<Self>) {
            let _ = self.0.check(ASK);
        }
    }
    impl Drop for Reentrant {
        fn drop(&mut self) {
            let _ = self.0.available();
        }
    }
    let (limiter, clock) = limiter(requests(60).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    let mut futures: Vec<_> = (0..3)
        .map(|_| {
            let waker = Waker::from(Arc::new(Reentrant(limiter.clone())));
            let mut future = Box::pin(limiter.reserve(ASK, &clock, None));
            (0..2).for_each(|_| {
                assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            });
            future
        })
        .collect();
    limiter.set_limits(requests(60));
    drop(futures.remove(1));
    futures.clear();
    assert_eq!(limiter.available().waiting, 0);
}

#[test]
fn threads_wait_in_order_too() {
    // Each wait moves the clock on, since nothing else does.
    let clock = ManualClock::skipping();
    let limits = requests(60).burst(Duration::ZERO);
    let limiter = RateLimiter::with_clock("openai", limits, Arc::new(clock.clone()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    drop(limiter.reserve_blocking_on(ASK, &clock, None).unwrap());
                }
            });
        }
    });
    assert!(clock.elapsed() >= secs(99), "{:?}", clock.elapsed());
    assert_eq!(limiter.available().waiting, 0);
    let until = Some(clock.now() + short_of(secs(1)));
    drop(limiter.reserve_blocking_on(ASK, &clock, None).unwrap());
    let error = limiter.reserve_blocking_on(ASK, &clock, until).unwrap_err();
    assert_eq!(error.dimension, RateDimension::Requests);
}

#[test]
fn thread_is_woken_by_returned_units() {
    let (limiter, clock) = limiter(tokens(60));
    let all = limiter.try_reserve(input(60)).unwrap();
    let (other, its_clock) = (limiter.clone(), clock.clone());
    let waiting =
        thread::spawn(move || other.reserve_blocking_on(input(60), &its_clock, None).map(drop));
    while limiter.available().waiting == 0 {
        thread::yield_now();
    }
    all.cancel();
    assert_eq!(waiting.join().unwrap(), Ok(()));
    assert_eq!(clock.elapsed(), Duration::ZERO);
}
