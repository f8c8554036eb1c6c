//! Time that moves only when told to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::time::{Clock, Sleep, Sleeper, SystemClock};

/// A [`Clock`] and a [`Sleeper`] that stand still until [`advance`](Self::advance) is called.
///
/// Clones share one reading. Deadlines, time-outs and back-off all run on it, so a test of an
/// hour's behaviour takes no time and always ends the same way.
///
/// The wall clock starts at 2026-01-01T00:00:00Z and moves with the monotonic one.
///
/// ```
/// use std::time::Duration;
/// use runtime_events::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now() - before, Duration::from_secs(60));
/// ```
#[derive(Clone)]
pub struct ManualClock {
    shared: Arc<Shared>,
}

/// How far the clock can be moved: a thousand years.
const END: Duration = Duration::from_secs(1_000 * 365 * 24 * 3_600);

struct Shared {
    origin: Instant,
    epoch: DateTime<Utc>,
    /// Whether a sleep moves the clock instead of waiting for it to be moved.
    skips: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    elapsed: Duration,
    next_key: u64,
    waiting: Vec<Waiting>,
}

struct Waiting {
    key: u64,
    until: Duration,
    wake: Wake,
}

enum Wake {
    Task(Waker),
    Thread(Thread),
}

impl ManualClock {
    /// A clock that stands still until it is advanced.
    pub fn new() -> Self {
        Self::build(false)
    }

    /// A clock that every sleep moves on at once, for code that sleeps and has nobody to
    /// advance the clock for it.
    pub fn skipping() -> Self {
        Self::build(true)
    }

    fn build(skips: bool) -> Self {
        let epoch = DateTime::UNIX_EPOCH + TimeDelta::days(20_454);
        let shared =
            Shared { origin: SystemClock.now(), epoch, skips, state: Mutex::new(State::default()) };
        Self { shared: Arc::new(shared) }
    }

    /// Moves every clone forward by `by` and wakes all whose time has come. It stops for good
    /// after a thousand years, which every `Instant` and `DateTime` can still express.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.elapsed = state.elapsed.saturating_add(by).min(END);
        let now = state.elapsed;
        let due: Vec<Waiting> = state.waiting.extract_if(.., |w| w.until <= now).collect();
        // Released first: what wakes up may come straight back.
        drop(state);
        for waiting in due {
            waiting.wake.wake();
        }
    }

    /// How far the clock has been moved since it was made.
    pub fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    /// How many tasks and threads wait for the clock to move.
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment; a panic cannot leave it half done.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.shared.origin + self.elapsed()
    }

    fn utc_now(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.elapsed()).unwrap_or(TimeDelta::MAX);
        self.shared.epoch.checked_add_signed(elapsed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl Sleeper for ManualClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        let until = self.elapsed().saturating_add(duration);
        Sleep::new(ManualSleep { clock: self.clone(), until, key: None })
    }

    fn park(&self, timeout: Duration) {
        let until = self.elapsed().saturating_add(timeout);
        if self.shared.skips {
            self.advance(timeout);
            return;
        }
        let Some(key) = self.register(until, Wake::Thread(thread::current())) else { return };
        // Whoever advances the clock between the line above and this one leaves a token.
        thread::park();
        self.forget(key);
    }
}

impl ManualClock {
    /// Puts `wake` on the list, or says `None` if its time has come already.
    fn register(&self, until: Duration, wake: Wake) -> Option<u64> {
        let mut state = self.state();
        if state.elapsed >= until {
            return None;
        }
        let key = state.next_key;
        state.next_key += 1;
        state.waiting.push(Waiting { key, until, wake });
        drop(state);
        Some(key)
    }

    fn forget(&self, key: u64) {
        let mut state = self.state();
        let index = state.waiting.iter().position(|waiting| waiting.key == key);
        let gone = index.map(|index| state.waiting.remove(index));
        // Released first: a waker that is dropped may come straight back, too.
        drop(state);
        drop(gone);
    }
}

impl Wake {
    fn wake(self) {
        match self {
            Self::Task(waker) => waker.wake(),
            Self::Thread(thread) => thread.unpark(),
        }
    }
}

struct ManualSleep {
    clock: ManualClock,
    until: Duration,
    key: Option<u64>,
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(key) = self.key.take() {
            self.clock.forget(key);
        }
        if self.clock.shared.skips {
            let left = self.until.saturating_sub(self.clock.elapsed());
            self.clock.advance(left);
            return Poll::Ready(());
        }
        self.key = self.clock.register(self.until, Wake::Task(cx.waker().clone()));
        if self.key.is_some() { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for ManualSleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.forget(key);
        }
    }
}
