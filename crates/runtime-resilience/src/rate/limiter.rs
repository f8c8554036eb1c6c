//! The limiter as callers hold it: shared, timed, with a queue.

use std::fmt;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::{Clock, SystemClock};

use super::bucket::{Nanos, nanos};
use super::core::{Hold, RateSent, Refusal};
use super::demand::{Demand, RateAsked, RateDimension};
use super::error::RateLimitedError;
use super::limits::RateLimits;
use super::snapshot::RateSnapshot;
use crate::fault::Headers;
use crate::sync::{Mutex, MutexGuard, lock};

mod reservation;
mod state;
mod wait;

pub use self::reservation::{RateReservation, RateReservationRef};
use self::state::{Apart, State, wake_all, wake_first};
pub use self::wait::RateReserve;

/// A rate limiter for requests and tokens at once. Sessions, threads and tasks share it by cloning:
/// one for each provider, model and key.
///
/// ```
/// use std::num::NonZeroU32;
/// use runtime_resilience::{Demand, RateLimitedError, RateLimiter, RateLimits};
///
/// const FIFTY: NonZeroU32 = NonZeroU32::new(50).unwrap();
/// let limiter = RateLimiter::new("openai", RateLimits::default().requests_per_minute(FIFTY));
///
/// let reserved = limiter.try_reserve(Demand::request().input_tokens(900).output_tokens(600))?;
/// // The call; then what it used:
/// reserved.adjust(Demand::request().input_tokens(870).output_tokens(211));
/// # Ok::<(), RateLimitedError>(())
/// ```
///
/// A call reserves its likely use before it is made. Once its use is known, the difference is given
/// back, or taken:
///
/// ```text
///            try_reserve                          adjust(used)
///            reserve (waits)      ┌────────────┐  given back: reserved, not used
///  caller ───────────────────────▶│ Reservation│──────────────────────────────────▶ done
///     │                           └────────────┘  taken: used, not reserved
///     │ refused: RateLimitedError       │ cancel: all given back, it was never sent
///     ▼                                 │ drop: all kept, it may have been counted
///  what, and for how long               ▼
/// ```
///
/// # Guarantees
///
/// - A call takes of every dimension that is limited, or of none: a refused call changes nothing.
/// - Calls admitted within any time `t` use at most one burst and the units that come in during `t`,
///   as long as none uses more than it reserved. Excess use is made up for before the next call is
///   admitted.
/// - Adjusting to less is as if no more had been reserved, and cancelling as if nothing had been. The
///   order of adjustments makes no difference.
/// - `retry_after` is exact: not a nanosecond too early, and no later unless something else happens.
/// - Waiting calls are admitted in the order of arrival, at the rate of the limits. No later call, and
///   no call that does not wait, overtakes them. A call that gives up makes room for the next.
#[derive(Clone)]
pub struct RateLimiter {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    clock: Arc<dyn Clock>,
    /// When the limiter was made: readings of the clock are counted from here.
    origin: Instant,
    state: Apart<Mutex<State>>,
    listener: Option<Arc<dyn PauseListener>>,
}

/// Hears of the pauses of a limiter, to pass them on.
pub trait PauseListener: fmt::Debug + Send + Sync {
    /// A provider asked for this pause. It is called outside of any lock, and a panic goes no further.
    fn paused(&self, limiter: &str, wait: Duration);
}

/// The units that a limiter has left, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateAvailable {
    /// Requests that could be made now. Here and below, `None` if there is no limit.
    pub requests: Option<u64>,
    /// Input tokens that could be sent now.
    pub input_tokens: Option<u64>,
    /// Output tokens that could be asked for now.
    pub output_tokens: Option<u64>,
    /// Input and output tokens together that could be asked for now.
    pub tokens: Option<u64>,
    /// The rest of a pause, if there is one.
    pub paused: Option<Duration>,
    /// The number of waiting calls.
    pub waiting: usize,
}

/// Constructors.
impl RateLimiter {
    /// A limiter on the system clock.
    pub fn new(name: impl Into<Arc<str>>, limits: RateLimits) -> Self {
        Self::with_clock(name, limits, Arc::new(SystemClock))
    }

    /// A limiter on another clock.
    pub fn with_clock(
        name: impl Into<Arc<str>>,
        limits: RateLimits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::build(name.into(), limits, clock, None)
    }

    /// A limiter that tells of its [pauses](Self::pause).
    pub fn with_listener(
        name: impl Into<Arc<str>>,
        limits: RateLimits,
        clock: Arc<dyn Clock>,
        listener: Arc<dyn PauseListener>,
    ) -> Self {
        Self::build(name.into(), limits, clock, Some(listener))
    }

    fn build(
        name: Arc<str>,
        limits: RateLimits,
        clock: Arc<dyn Clock>,
        listener: Option<Arc<dyn PauseListener>>,
    ) -> Self {
        let origin = clock.now();
        let state = Apart(Mutex::new(State::new(limits)));
        Self { shared: Arc::new(Shared { name, clock, origin, state, listener }) }
    }
}

impl RateLimiter {
    /// The name of the limiter.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Reserves the demand of a call, if all dimensions have room and no other call waits.
    ///
    /// # Errors
    ///
    /// [`RateLimitedError`] says which dimension lacks room, and for how long.
    #[inline]
    pub fn try_reserve(&self, demand: Demand) -> Result<RateReservation, RateLimitedError> {
        Ok(RateReservation::new(self.clone(), self.hold(demand)?))
    }

    /// As [`try_reserve`](Self::try_reserve), where the reservation need not outlive the limiter: cheaper by the
    /// two writes that count its holders.
    ///
    /// # Errors
    ///
    /// As for [`try_reserve`](Self::try_reserve).
    #[inline]
    pub fn try_borrow(&self, demand: Demand) -> Result<RateReservation<&Self>, RateLimitedError> {
        Ok(RateReservation::new(self, self.hold(demand)?))
    }

    fn hold(&self, demand: Demand) -> Result<Hold, RateLimitedError> {
        let now = self.now();
        // Not in the match: the lock is released before an error is made.
        let admitted = self.state().admit(demand, now);
        match admitted {
            Ok(sent) => Ok(Hold { demand, sent }),
            Err(refusal) => Err(self.refused(refusal)),
        }
    }

    /// Whether a call would be admitted now. Reserves nothing.
    ///
    /// # Errors
    ///
    /// As for [`try_reserve`](Self::try_reserve).
    pub fn check(&self, demand: Demand) -> Result<(), RateLimitedError> {
        let now = self.now();
        let checked = self.state().check(demand.units(), None, now);
        checked.map_err(|refusal| self.refused(refusal))
    }

    /// Learns from the headers of a reply: see [`observe_snapshot`](Self::observe_snapshot) and [`RateSnapshot::from_headers`].
    pub fn observe<H: Headers + ?Sized>(&self, headers: &H, sent: Option<RateSent>) {
        let snapshot = RateSnapshot::from_headers(headers, self.shared.clock.utc_now());
        self.observe_snapshot(&snapshot, sent);
    }

    /// Learns from a provider's numbers: less room at once, more room only as time goes by.
    ///
    /// `sent` is when the answered call was sent: see [`RateReservation::sent`]. Without it, the call counts as sent just now.
    ///
    /// - The rest is the lesser of our count and the provider's. From the provider's count, the units of
    ///   calls since that one was sent are subtracted, and the units that came in since are added. So a
    ///   late reply grants nothing twice, in any order of replies.
    /// - A limit is the lesser of the one that is set and the one that the provider tells. Where none
    ///   is set, it is the provider's.
    /// - The time until a limit is full again does not say when the next call may be made, and is not
    ///   used: after a refusal, [`pause`](Self::pause).
    pub fn observe_snapshot(&self, snapshot: &RateSnapshot, sent: Option<RateSent>) {
        let now = self.now();
        let mut state = self.state();
        let sent = sent.unwrap_or_else(|| state.core.sent(now));
        state.core.observe(snapshot, sent, now);
        // A limit that is new or higher may let the first one through sooner.
        wake_first(state);
    }

    /// Admits no call for `wait`, as a provider asks with a 429. This holds for all sharers of the limiter, and never
    /// shortens a pause.
    ///
    /// After the pause, one call is admitted at once. The others follow at the rate of the limits, and those that
    /// waited at least [`restart_interval`](RateLimits::restart_interval) apart.
    ///
    /// However long the pause is, it is kept: a call that cannot wait that long is refused at once, and may go
    /// elsewhere, also one that waits already.
    pub fn pause(&self, wait: Duration) {
        self.follow_pause(wait);
        if let Some(listener) = &self.shared.listener {
            // The call that was refused has to be settled, whatever becomes of this.
            let _ = catch_unwind(AssertUnwindSafe(|| listener.paused(self.name(), wait)));
        }
    }

    /// A pause that another process was asked for: as [`pause`](Self::pause), and nobody is told.
    pub fn follow_pause(&self, wait: Duration) {
        let now = self.now();
        let mut state = self.state();
        state.core.pause(now.saturating_add(nanos(wait)), now);
        // Some of them may not be able to wait that long.
        wake_all(state);
    }

    /// Ends a pause early. Calls start as after any pause: one at once, the others at the rate of the limits.
    pub fn resume(&self) {
        let mut state = self.state();
        state.core.resume();
        wake_first(state);
    }

    /// Replaces the limits. Taken units stay taken; waiting calls are judged by the new limits.
    pub fn set_limits(&self, limits: RateLimits) {
        let now = self.now();
        let mut state = self.state();
        state.core.set_limits(limits, now);
        wake_first(state);
    }

    /// Goes by a part of the limits, thousandths of a unit a minute in the order requests, input tokens, output
    /// tokens, tokens, since others share them; without one, by nothing: no call is admitted until there is a part.
    ///
    /// A part begins with its part of the burst, and one that grows gives more room only as time goes by, so that
    /// what all sharers begin with is never more than the burst of the limits. If that is less than a unit, each
    /// sharer can save up one call. One that asks for more than a burst of the part, but not of the limits, is
    /// admitted alone, as with [`oversized_alone`](RateLimits::oversized_alone).
    pub fn set_part(&self, part: Option<[Option<NonZeroU64>; 4]>) {
        let now = self.now();
        let mut state = self.state();
        state.core.set_part(part, now);
        wake_first(state);
    }

    /// What calls have asked for since the limiter was made, what those ask for that wait, and how many have it.
    pub fn asked(&self) -> RateAsked {
        let state = self.state();
        let handles = Arc::strong_count(&self.shared);
        RateAsked { units: state.core.asked(), waiting: state.queue.ahead(None), handles }
    }

    /// Sets the limit a minute of one dimension; `None` lifts it. Does nothing for
    /// [`Pause`](RateDimension::Pause) and [`Queue`](RateDimension::Queue), which have no limit.
    pub fn set_limit(&self, dimension: RateDimension, per_minute: Option<NonZeroU64>) {
        let Some(index) = dimension.index() else { return };
        let now = self.now();
        let mut state = self.state();
        state.core.set_limit(index, per_minute, now);
        wake_first(state);
    }

    /// The limits that were set.
    pub fn limits(&self) -> RateLimits {
        self.state().core.limits()
    }

    /// The limit a minute that holds for a dimension: the one that was set, or that a reply told. A part of it is
    /// rounded down, and at least one.
    pub fn limit(&self, dimension: RateDimension) -> Option<NonZeroU64> {
        self.state().core.per_minute(dimension.index()?)
    }

    /// The units that the limiter has left now.
    pub fn available(&self) -> RateAvailable {
        let now = self.now();
        let (left, starts, waiting) = self.state().available(now);
        let [requests, input_tokens, output_tokens, tokens] = left;
        let paused = starts.checked_sub(now).filter(|left| *left > 0);
        let paused = paused.map(Duration::from_nanos);
        RateAvailable { requests, input_tokens, output_tokens, tokens, paused, waiting }
    }

    #[inline]
    pub(super) fn settle(&self, hold: &Hold, used: Demand) {
        // Only what is taken needs the time.
        let now = used.exceeds(hold.demand).then(|| self.now());
        let mut state = self.state();
        state.core.give_back(hold, used);
        if let Some(now) = now {
            state.core.take_more(hold, used, now);
        }
        wake_first(state);
    }

    #[cold]
    pub(super) fn refused(&self, refusal: Refusal) -> RateLimitedError {
        RateLimitedError::new(self.shared.name.clone(), refusal)
    }

    pub(super) fn now(&self) -> Nanos {
        self.nanos(self.shared.clock.now())
    }

    pub(super) fn nanos(&self, at: Instant) -> Nanos {
        nanos(at.saturating_duration_since(self.shared.origin))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state.0)
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("name", &self.shared.name)
            .field("limits", &self.limits())
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}
