//! What a fleet's handles, its driver, and what it gave have in common.
//!
//! Locks are taken in the order core, waiters, seats; the waker's alone. No account, breaker, limiter, sink or
//! backend is called with one of them held, but to count who has it.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::Instant;

use super::seats::Seats;
use super::waiters::Waiters;
use crate::config::{FleetClock, FleetConfig, Moment};
use crate::core::{Core, Leaving, Rhythm};
use crate::member::MemberId;
use crate::state::{Change, SharedState, Watcher};

pub(crate) struct Shared {
    pub(crate) state: Arc<dyn SharedState>,
    pub(crate) config: FleetConfig,
    pub(crate) member: MemberId,
    pub(crate) clock: Arc<FleetClock>,
    /// The member's times are counted from here.
    origin: Instant,
    core: Mutex<Core>,
    waiters: Mutex<Waiters>,
    seats: Mutex<Seats>,
    /// Wakes the driver.
    driver: Mutex<Waker>,
    /// Is called by the backend; keeps nothing alive.
    watcher: Arc<dyn Watcher>,
}

impl Shared {
    pub(crate) fn new(state: Arc<dyn SharedState>, config: FleetConfig) -> Arc<Self> {
        let id = config.ids.draw();
        let member = MemberId::new(format!("{}-{id:032x}", config.name));
        let rhythm = Rhythm {
            tick: config.tick,
            ttl: config.ttl,
            expected: config.expected,
            keep: config.keep,
            policies: config.policies,
        };
        #[expect(clippy::cast_possible_truncation, reason = "a seed of half of the bits")]
        let core = Core::new(member.clone(), rhythm, id as u64);
        let shared = Arc::new_cyclic(|weak: &Weak<Self>| Self {
            state,
            clock: Arc::new(FleetClock(Arc::clone(&config.time))),
            origin: config.time.now(),
            config,
            member,
            core: Mutex::new(core),
            waiters: Mutex::default(),
            seats: Mutex::default(),
            driver: Mutex::new(Waker::noop().clone()),
            watcher: Arc::new(Pushes(weak.clone())),
        });
        shared.state.watch(Arc::downgrade(&shared.watcher));
        shared
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.0.now().saturating_duration_since(self.origin)
    }

    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }

    pub(crate) fn waiters(&self) -> MutexGuard<'_, Waiters> {
        lock(&self.waiters)
    }

    pub(crate) fn seats(&self) -> MutexGuard<'_, Seats> {
        lock(&self.seats)
    }

    /// Lets the driver look.
    pub(crate) fn wake(&self) {
        let driver = lock(&self.driver).clone();
        driver.wake();
    }

    pub(crate) fn driven_by(&self, waker: Waker) {
        // The waker before is the caller's code: dropped without the lock.
        let before = std::mem::replace(&mut *lock(&self.driver), waker);
        drop(before);
    }

    pub(crate) fn leave(&self) {
        let now = self.now();
        self.core().leave(self.config.timeout, now);
        self.wake();
    }

    /// Waits until the member has left. Returns whether the backend has heard it.
    pub(crate) async fn left(&self) -> bool {
        poll_fn(|cx| {
            let core = self.core();
            if let Leaving::Over { told } = core.leaving {
                return Poll::Ready(told);
            }
            self.waiters().watch(cx.waker());
            drop(core);
            Poll::Pending
        })
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that could panic half-way is done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("member", &self.member).finish_non_exhaustive()
    }
}

/// Passes the backend's pushes on.
#[derive(Debug)]
struct Pushes(Weak<Shared>);

impl Watcher for Pushes {
    fn changed(&self, change: Change) {
        if let Some(shared) = self.0.upgrade() {
            let now = shared.now();
            shared.core().pushed(change, now);
            shared.wake();
        }
    }
}
