//! Waiting for a limiter, as a task and as a thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use runtime_events::{Sleep, Sleeper, ThreadSleeper};

use super::RateLimiter;
use super::reservation::RateReservation;
use super::state::wake_first;
use crate::rate::bucket::{Full, Nanos};
use crate::rate::core::{Hold, RateSent, Refusal};
use crate::rate::demand::{Demand, RateDimension};
use crate::rate::error::RateLimitedError;
use crate::rate::queue::Place;

impl RateLimiter {
    /// Reserves the demand of a call, and waits for room if need be. Calls are admitted in the order of
    /// arrival.
    ///
    /// Drop the future to give up: the next call moves up. A future that is kept without being polled
    /// holds up the calls behind it. The place in the queue is taken at the first poll.
    ///
    /// `sleeper` makes the timers: that of an async runtime, or [`ThreadSleeper`]. A caller with its own
    /// way to wait, such as a parking thread, passes a sleeper that only notes the time.
    ///
    /// # Errors
    ///
    /// [`RateLimitedError`] at once if the call asks for more than a burst ever holds, or if its turn
    /// would come after `until`. The latter is judged when the call joins the queue and again when it
    /// is first. At `until`, if its turn has not come by then.
    pub fn reserve<'a>(
        &'a self,
        demand: Demand,
        sleeper: &'a dyn Sleeper,
        until: Option<Instant>,
    ) -> RateReserve<'a> {
        RateReserve { turn: Turn::new(self, demand, until), sleeper, timer: None }
    }

    /// As [`reserve`](Self::reserve), blocking the thread, for at most `patience`. `Duration::MAX` waits
    /// for any turn that comes.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use runtime_resilience::{Demand, RateLimitedError, RateLimiter, RateLimits};
    ///
    /// let per_minute = NonZeroU32::new(60_000).unwrap();
    /// let limits = RateLimits::default().requests_per_minute(per_minute).burst(Duration::ZERO);
    /// let limiter = RateLimiter::new("openai", limits);
    /// for _ in 0..3 {
    ///     let reserved = limiter.reserve_blocking(Demand::request(), Duration::from_secs(60))?;
    ///     // The call is made here.
    ///     drop(reserved);
    /// }
    /// # Ok::<(), RateLimitedError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve).
    pub fn reserve_blocking(
        &self,
        demand: Demand,
        patience: Duration,
    ) -> Result<RateReservation, RateLimitedError> {
        let until = self.shared.clock.now().checked_add(patience);
        self.reserve_blocking_on(demand, &ThreadSleeper, until)
    }

    /// [`reserve_blocking`](Self::reserve_blocking) for a limiter on another clock, whose sleeper parks
    /// the thread.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve).
    pub fn reserve_blocking_on(
        &self,
        demand: Demand,
        sleeper: &dyn Sleeper,
        until: Option<Instant>,
    ) -> Result<RateReservation, RateLimitedError> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut turn = Turn::new(self, demand, until);
        loop {
            match turn.ask(&waker) {
                Step::Over(result) => return result,
                Step::Wait(wait) => sleeper.park(wait.park()),
            }
        }
    }
}

/// The future that [`RateLimiter::reserve`] returns.
#[must_use = "a future that is not polled does not wait"]
pub struct RateReserve<'a> {
    turn: Turn<'a>,
    sleeper: &'a dyn Sleeper,
    /// When it ends, and the timer that ends then.
    timer: Option<(Nanos, Sleep)>,
}

impl Future for RateReserve<'_> {
    type Output = Result<RateReservation, RateLimitedError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let wait = match this.turn.ask(cx.waker()) {
                Step::Over(result) => return Poll::Ready(result),
                Step::Wait(wait) => wait,
            };
            let Some(alarm) = wait.alarm() else {
                this.timer = None;
                return Poll::Pending;
            };
            let timer = match &mut this.timer {
                Some((at, timer)) if *at == alarm => timer,
                stale => {
                    let left = Duration::from_nanos(alarm.saturating_sub(wait.now));
                    &mut stale.insert((alarm, this.sleeper.sleep(left))).1
                }
            };
            if Pin::new(timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.timer = None;
            if this.turn.limiter.now() < alarm {
                // A timer that ended too soon. Other threads may move the clock meanwhile.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}

impl fmt::Debug for RateReserve<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateReserve")
            .field("limiter", &self.turn.limiter.name())
            .field("place", &self.turn.place)
            .finish_non_exhaustive()
    }
}

/// One call's way through the queue.
struct Turn<'a> {
    limiter: &'a RateLimiter,
    demand: Demand,
    until: Option<Nanos>,
    /// `None` before it has got in line, and after it has left.
    place: Option<Place>,
}

enum Step {
    Over(Result<RateReservation, RateLimitedError>),
    Wait(Wait),
}

/// How to wait besides being woken.
#[derive(Clone, Copy)]
struct Wait {
    now: Nanos,
    /// When the turn comes, as far as is known. Only the first of the queue has to wake then.
    turn: Nanos,
    is_first: bool,
    until: Option<Nanos>,
}

impl<'a> Turn<'a> {
    fn new(limiter: &'a RateLimiter, demand: Demand, until: Option<Instant>) -> Self {
        let until = until.map(|until| limiter.nanos(until));
        Self { limiter, demand, until, place: None }
    }

    /// Asks for admission, and joins the queue if other calls come first.
    fn ask(&mut self, waker: &Waker) -> Step {
        let now = self.limiter.now();
        // Wakers are the caller's code: cloned before the lock is taken, dropped after its release.
        let waker = waker.clone();
        let mut state = self.limiter.state();
        let refusal = match state.check(self.demand.units(), self.place, now) {
            Ok(()) => {
                let mine = self.place.take().and_then(|place| state.queue.remove(place));
                let waiting = !state.queue.is_empty();
                let admitted = state.core.admit(self.demand, waiting, now);
                wake_first(state);
                drop(mine);
                return Step::Over(match admitted {
                    Ok(sent) => Ok(self.reservation(sent)),
                    Err(refusal) => Err(self.limiter.refused(refusal)),
                });
            }
            Err(refusal) => refusal,
        };
        let Some(wait) = self.patience(refusal, now) else {
            state.core.refuse(self.demand.units());
            drop(state);
            self.leave();
            return Step::Over(Err(self.limiter.refused(refusal)));
        };
        let (place, before) = match self.place {
            Some(place) => (place, state.queue.replace(place, waker)),
            None => (state.queue.push(self.demand.units(), waker), None),
        };
        self.place = Some(place);
        let is_first = state.queue.is_first(place);
        drop(state);
        drop(before);
        Step::Wait(Wait { now, turn: now.saturating_add(wait), is_first, until: self.until })
    }

    fn reservation(&self, sent: RateSent) -> RateReservation {
        RateReservation::new(self.limiter.clone(), Hold { demand: self.demand, sent })
    }

    /// The wait after a refusal; `None` if it would end too late.
    fn patience(&self, refusal: Refusal, now: Nanos) -> Option<Nanos> {
        let Full::For(wait) = refusal.full else { return None };
        let Some(until) = self.until else { return Some(wait) };
        // The time that other calls need is not known.
        let known = if refusal.dimension == RateDimension::Queue { 0 } else { wait };
        (now < until && now.saturating_add(known) <= until).then_some(wait)
    }

    /// Gives up, and wakes the first waiting call: it may be its turn.
    fn leave(&mut self) {
        let Some(place) = self.place.take() else { return };
        let mut state = self.limiter.state();
        let was_first = state.queue.is_first(place);
        let mine = state.queue.remove(place);
        if was_first {
            wake_first(state);
        } else {
            drop(state);
        }
        drop(mine);
    }
}

/// Passes the turn on.
impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Wait {
    /// When to wake without being woken; never, for a call with neither a turn nor an end.
    fn alarm(self) -> Option<Nanos> {
        self.is_first.then_some(self.turn).into_iter().chain(self.until).min()
    }

    /// As [`alarm`](Self::alarm), for a thread: on a clock that moves on with each wait, it must not move
    /// further than needed.
    fn park(self) -> Duration {
        const MOMENT: Nanos = 1_000_000;
        let turn = if self.is_first { self.turn } else { self.turn.max(self.now + MOMENT) };
        let alarm = turn.min(self.until.unwrap_or(Nanos::MAX));
        Duration::from_nanos(alarm.saturating_sub(self.now))
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
