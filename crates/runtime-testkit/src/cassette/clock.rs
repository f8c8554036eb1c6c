//! The clock of a tape: the real one while it records, one that moves by itself while it plays.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use runtime_events::{Clock, Sleep, Sleeper, SystemClock, ThreadSleeper};

/// A clock and a sleeper.
pub(crate) trait Time: Clock + Sleeper {}

impl<T: Clock + Sleeper> Time for T {}

/// The clock of a [`Tape`](super::Tape), for [`Orchestrator::time`].
///
/// While the tape records, it is the system's clock, or the one that was [set](super::Cassette::time).
///
/// While the tape plays, it stands still as long as anybody works. Once all wait, it moves to the end of the
/// earliest sleep: a replay takes no time, and timeouts, retries and streams keep their order. "All wait" is
/// found by looking: a sleep lets the others go first some dozens of times, and if none of them called the tape, slept
/// or woke, nobody works. So everything that waits in a test should wait on this clock, in one thread.
///
/// [`Orchestrator::time`]: https://docs.rs/runtime-orchestrator/latest/runtime_orchestrator/struct.Orchestrator.html#method.time
#[derive(Clone)]
pub struct TapeClock {
    time: Arc<dyn Time>,
    /// The same, if it is ours to move.
    own: Option<Arc<Playing>>,
}

impl TapeClock {
    /// The system's clock, which waits by the timer of threads.
    pub(crate) fn system() -> Self {
        Self::of((SystemClock, ThreadSleeper))
    }

    pub(crate) fn of(time: impl Time + 'static) -> Self {
        Self { time: Arc::new(time), own: None }
    }

    /// A clock that begins at this time and moves by itself.
    pub(crate) fn playing(epoch: DateTime<Utc>) -> Self {
        let origin = SystemClock.now();
        let own = Arc::new(Playing { origin, epoch, state: Mutex::default() });
        Self { time: Arc::new(Shared(Arc::clone(&own))), own: Some(own) }
    }

    /// Moves on to a time, if it is ours to move and has not come there yet.
    pub(crate) fn reach(&self, at: Duration) {
        if let Some(own) = &self.own {
            let mut state = own.state();
            state.stirs += 1;
            state.elapsed = state.elapsed.max(at.min(END));
        }
    }
}

impl Clock for TapeClock {
    fn now(&self) -> Instant {
        self.time.now()
    }

    fn utc_now(&self) -> DateTime<Utc> {
        self.time.utc_now()
    }
}

impl Sleeper for TapeClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        self.time.sleep(duration)
    }

    fn park(&self, timeout: Duration) {
        self.time.park(timeout);
    }

    fn has_threads(&self) -> bool {
        self.time.has_threads()
    }
}

impl fmt::Debug for TapeClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapeClock").field("plays", &self.own.is_some()).finish_non_exhaustive()
    }
}

/// The clock of a replay.
#[derive(Debug)]
struct Playing {
    origin: Instant,
    epoch: DateTime<Utc>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    elapsed: Duration,
    /// Counts what happens: sleeps that begin or end, calls of the tape.
    stirs: u64,
    /// Counts the polls of sleeps.
    polls: u64,
    next_key: u64,
    sleeping: Vec<Sleeping>,
}

#[derive(Debug)]
struct Sleeping {
    key: u64,
    until: Duration,
    /// The number of its last poll. Nobody waits for a sleep that is not polled any more.
    polled: u64,
}

impl Playing {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic leaves no change half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self, until: Duration) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        self.stirs += 1;
        self.sleeping.push(Sleeping { key, until, polled: 0 });
        key
    }

    fn forget(&mut self, key: u64) {
        self.stirs += 1;
        self.sleeping.retain(|sleeping| sleeping.key != key);
    }
}

#[derive(Debug)]
struct Shared(Arc<Playing>);

impl Clock for Shared {
    fn now(&self) -> Instant {
        self.0.origin + self.0.state().elapsed
    }

    fn utc_now(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.0.state().elapsed).unwrap_or(TimeDelta::MAX);
        self.0.epoch.checked_add_signed(elapsed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// The clock stops for good after a thousand years, which every `Instant` and `DateTime` can still express.
const END: Duration = Duration::from_secs(1_000 * 365 * 24 * 3_600);

impl Sleeper for Shared {
    fn sleep(&self, duration: Duration) -> Sleep {
        let until = self.0.state().elapsed.saturating_add(duration).min(END);
        let own = Arc::clone(&self.0);
        Sleep::new(PlayedSleep { own, until, key: None, seen: 0, mark: 0, quiet: 0 })
    }

    /// A thread cannot see what others do, so it moves the clock at once.
    fn park(&self, timeout: Duration) {
        let mut state = self.0.state();
        state.stirs += 1;
        state.elapsed = state.elapsed.saturating_add(timeout).min(END);
    }
}

/// How often a sleep lets everybody else go first before it takes them for waiting.
const ROUNDS: u32 = 64;

struct PlayedSleep {
    own: Arc<Playing>,
    until: Duration,
    key: Option<u64>,
    /// The stirs at the last poll.
    seen: u64,
    /// The number of the first poll since anything happened.
    mark: u64,
    /// The polls since then.
    quiet: u32,
}

impl Future for PlayedSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let own = Arc::clone(&self.own);
        let mut state = own.state();
        if state.elapsed >= self.until {
            return Poll::Ready(());
        }
        state.polls += 1;
        let key = self.key.unwrap_or_else(|| state.begin(self.until));
        self.key = Some(key);
        if self.seen != state.stirs {
            (self.seen, self.mark, self.quiet) = (state.stirs, state.polls, 0);
        }
        self.quiet += 1;
        let (polls, mark) = (state.polls, self.mark);
        if let Some(sleeping) = state.sleeping.iter_mut().find(|sleeping| sleeping.key == key) {
            sleeping.polled = polls;
        }
        let waited_for = state.sleeping.iter().filter(|sleeping| sleeping.polled >= mark);
        let earliest = waited_for.map(|sleeping| sleeping.until).min();
        if self.quiet > ROUNDS && earliest.is_none_or(|earliest| earliest >= self.until) {
            state.elapsed = state.elapsed.max(self.until);
            state.stirs += 1;
            return Poll::Ready(());
        }
        drop(state);
        // Behind all who are ready.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for PlayedSleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.own.state().forget(key);
        }
    }
}
