//! Virtual time: it stands still while a task can go on, and jumps to the next timer when none can.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use runtime_events::{Clock, Sleep, Sleeper, SystemClock};

use super::life::Life;

/// The time of a simulation, as one of its processes sees it: a [`Clock`] and a [`Sleeper`].
///
/// The wall clock starts at 2026-01-01T00:00:00Z, and may jump. After the process has crashed, no sleep ends.
#[derive(Clone)]
pub struct SimTime {
    times: Arc<Timeline>,
    life: Arc<Life>,
    /// Whether the wall clock jumps with those of processes.
    jumps: bool,
}

/// The time and the timers of a whole simulation.
pub(crate) struct Timeline {
    origin: Instant,
    epoch: DateTime<Utc>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Duration,
    /// How far the wall clock has jumped.
    skew: TimeDelta,
    /// How many waits and calls tasks have begun.
    begun: u64,
    next: u64,
    timers: BTreeMap<(Duration, u64), Waker>,
}

impl SimTime {
    pub(crate) const fn new(times: Arc<Timeline>, life: Arc<Life>) -> Self {
        Self { times, life, jumps: true }
    }

    pub(crate) fn steady(mut self) -> Self {
        self.jumps = false;
        self
    }

    /// Waits for a future, but no longer than this: then the future is dropped.
    pub async fn within<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let (mut future, mut limit) = (std::pin::pin!(future), self.sleep(limit));
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => Pin::new(&mut limit).poll(cx).map(|()| None),
        })
        .await
    }

    /// How far the simulation has come.
    pub fn elapsed(&self) -> Duration {
        self.times.now()
    }

    /// A task begins a wait or a call of its own.
    pub(crate) fn begin(&self) {
        self.times.state().begun += 1;
    }
}

impl Timeline {
    pub(crate) fn new() -> Self {
        // Only differences of readings are seen, so the origin is of no account.
        let origin = SystemClock.now();
        let epoch = DateTime::UNIX_EPOCH + TimeDelta::days(20_454);
        Self { origin, epoch, state: Mutex::default() }
    }

    pub(crate) fn now(&self) -> Duration {
        self.state().now
    }

    /// How many waits and calls tasks have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.state().begun
    }

    fn utc(&self, jumps: bool) -> DateTime<Utc> {
        let (now, skew) = {
            let state = self.state();
            (state.now, if jumps { state.skew } else { TimeDelta::zero() })
        };
        self.epoch + TimeDelta::from_std(now).unwrap_or(TimeDelta::MAX) + skew
    }

    /// Moves the wall clock alone.
    pub(crate) fn jump(&self, by: TimeDelta) {
        let mut state = self.state();
        state.skew += by;
    }

    /// When the next timer is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.state().timers.keys().next().map(|(at, _)| *at)
    }

    /// The number of timers that somebody waits for.
    pub(crate) fn waiting(&self) -> usize {
        self.state().timers.len()
    }

    /// Goes on to this time, and wakes all whose time has come. Never goes back.
    pub(crate) fn advance_to(&self, at: Duration) {
        let mut state = self.state();
        let now = state.now.max(at);
        state.now = now;
        let later = state.timers.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut state.timers, later);
        // Released first: what wakes up may come straight back.
        drop(state);
        due.into_values().for_each(Waker::wake);
    }

    /// Puts a timer on the list, or says `None` if its time has come.
    fn register(&self, until: Duration, waker: &Waker) -> Option<u64> {
        let mut state = self.state();
        if state.now >= until {
            return None;
        }
        let key = state.next;
        state.next += 1;
        state.timers.insert((until, key), waker.clone());
        drop(state);
        Some(key)
    }

    fn forget(&self, until: Duration, key: u64) {
        let gone = self.state().timers.remove(&(until, key));
        // Outside of the lock: a waker that is dropped may come straight back.
        drop(gone);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole when the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SimTime {
    fn now(&self) -> Instant {
        self.times.origin + self.times.now()
    }

    fn utc_now(&self) -> DateTime<Utc> {
        self.times.utc(self.jumps)
    }
}

impl Sleeper for SimTime {
    fn sleep(&self, duration: Duration) -> Sleep {
        let until = self.times.now().saturating_add(duration);
        Sleep::new(SimSleep { time: self.clone(), until, key: None })
    }

    /// Goes on to the end of the time-out at once: a simulation has one thread, and nobody would unpark it.
    fn park(&self, timeout: Duration) {
        self.times.advance_to(self.times.now().saturating_add(timeout));
    }

    fn has_threads(&self) -> bool {
        false
    }
}

impl fmt::Debug for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTime").field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}

struct SimSleep {
    time: SimTime,
    until: Duration,
    key: Option<u64>,
}

impl Future for SimSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.forget();
        if self.time.life.is_cut() {
            return Poll::Pending;
        }
        self.key = self.time.times.register(self.until, cx.waker());
        if self.key.is_some() { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl SimSleep {
    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            self.time.times.forget(self.until, key);
        }
    }
}

impl Drop for SimSleep {
    fn drop(&mut self) {
        self.forget();
    }
}
