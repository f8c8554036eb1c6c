//! The limiter as callers hold it: shared, timed, and with those who wait for it.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use runtime_events::{Clock, SystemClock};

use super::bucket::{Full, Nanos, nanos};
use super::core::{Core, Hold, RateSent, Refusal};
use super::demand::{Demand, RateDimension, Units};
use super::error::RateLimitedError;
use super::limits::RateLimits;
use super::queue::{Place, Queue};
use super::snapshot::RateSnapshot;
use crate::fault::Headers;
use crate::sync::{Mutex, MutexGuard};

mod reservation;
mod wait;

pub use self::reservation::RateReservation;
pub use self::wait::RateReserve;

/// A limiter that sessions, threads and tasks share by cloning: one for each provider, model and key.
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
#[derive(Clone)]
pub struct RateLimiter {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    clock: Arc<dyn Clock>,
    /// When the limiter was made: readings of the clock are counted from here.
    origin: Instant,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) core: Core,
    pub(super) queue: Queue,
}

/// What a limiter has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateAvailable {
    /// Requests that could be made now; `None` if they are not limited, as for what follows.
    pub requests: Option<u64>,
    /// Tokens of input that could be sent now.
    pub input_tokens: Option<u64>,
    /// Tokens of output that could be asked for now.
    pub output_tokens: Option<u64>,
    /// Tokens of input and output that could be asked for now.
    pub tokens: Option<u64>,
    /// How long a pause still lasts.
    pub paused: Option<Duration>,
    /// How many calls wait.
    pub waiting: usize,
}

/// Constructors.
impl RateLimiter {
    /// A limiter on the system's clock.
    pub fn new(name: impl Into<Arc<str>>, limits: RateLimits) -> Self {
        Self::with_clock(name, limits, Arc::new(SystemClock))
    }

    /// A limiter on a clock of the caller's.
    pub fn with_clock(
        name: impl Into<Arc<str>>,
        limits: RateLimits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let origin = clock.now();
        let state = State { core: Core::new(limits, 0), queue: Queue::default() };
        let state = Mutex::new(state);
        Self { shared: Arc::new(Shared { name: name.into(), clock, origin, state }) }
    }
}

impl RateLimiter {
    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Takes what a call asks for, of all dimensions or of none, if it is there and nobody waits
    /// for it.
    ///
    /// # Errors
    ///
    /// [`RateLimitedError`] says what is lacking and for how long.
    pub fn try_reserve(&self, demand: Demand) -> Result<RateReservation, RateLimitedError> {
        let now = self.now();
        let sent = self.state().admit(demand, now);
        match sent {
            Ok(sent) => Ok(RateReservation::new(self.clone(), Hold { demand, sent })),
            Err(refusal) => Err(self.refused(refusal)),
        }
    }

    /// Asks whether a call would be let through now, and takes nothing.
    ///
    /// # Errors
    ///
    /// As for [`try_reserve`](Self::try_reserve).
    pub fn check(&self, demand: Demand) -> Result<(), RateLimitedError> {
        let now = self.now();
        let checked = self.state().check(demand.units(), None, now);
        checked.map_err(|refusal| self.refused(refusal))
    }

    /// Learns from the headers of a reply: see [`observe_snapshot`](Self::observe_snapshot) and
    /// [`RateSnapshot::from_headers`].
    pub fn observe<H: Headers + ?Sized>(&self, headers: &H, sent: Option<RateSent>) {
        let snapshot = RateSnapshot::from_headers(headers, self.shared.clock.utc_now());
        self.observe_snapshot(&snapshot, sent);
    }

    /// Learns from what a provider says: downwards at once, upwards only as time goes by.
    ///
    /// `sent` tells when the call left that the reply answers: see
    /// [`RateReservation::sent`]. Without it, it counts as having left just now.
    ///
    /// - What is left is the lesser of what we count and what the provider had left, less what calls
    ///   took since that one was sent, and with what came in since. So a reply that comes late hands
    ///   out nothing that was handed out already, whatever the order of the replies.
    /// - Limits are the lesser of what is set and what is told; where nothing is set, what is told.
    /// - The time until all of a limit is back does not say when the next call may be made, and
    ///   changes nothing: what was refused is followed by a [`pause`](Self::pause).
    pub fn observe_snapshot(&self, snapshot: &RateSnapshot, sent: Option<RateSent>) {
        let now = self.now();
        let mut state = self.state();
        let sent = sent.unwrap_or_else(|| state.core.sent(now));
        state.core.observe(snapshot, sent, now);
        // A limit that is new or higher may let the first one through sooner.
        Self::wake_first(state);
    }

    /// Lets nothing through for so long, as a provider asked with a 429: for all who share the
    /// limiter. Only ever extends.
    ///
    /// The first call after it goes as soon as it is over, the others follow at the rate of the
    /// limits, and those who waited no closer than
    /// [`restart_interval`](RateLimits::restart_interval).
    ///
    /// Nothing is cut: who cannot wait that long is refused at once, and may go elsewhere.
    pub fn pause(&self, wait: Duration) {
        let now = self.now();
        self.state().core.pause(now.saturating_add(nanos(wait)), now);
    }

    /// Ends a pause that was asked for by mistake. The calls after it start as after any pause: one at
    /// once, the others at the rate of the limits.
    pub fn resume(&self) {
        let mut state = self.state();
        state.core.resume();
        Self::wake_first(state);
    }

    /// Sets other limits. What was taken stays taken, and those who wait are judged by the new ones.
    pub fn set_limits(&self, limits: RateLimits) {
        let now = self.now();
        let mut state = self.state();
        state.core.set_limits(limits, now);
        Self::wake_first(state);
    }

    /// Sets the limit of one dimension, a minute; `None` lifts it. Changes nothing for
    /// [`Pause`](RateDimension::Pause) and [`Queue`](RateDimension::Queue), which have none.
    pub fn set_limit(&self, dimension: RateDimension, per_minute: Option<NonZeroU64>) {
        let Some(index) = dimension.index() else { return };
        let now = self.now();
        let mut state = self.state();
        state.core.set_limit(index, per_minute, now);
        Self::wake_first(state);
    }

    /// The limits that are set.
    pub fn limits(&self) -> RateLimits {
        self.state().core.limits()
    }

    /// The limit that holds for a dimension, a minute: set, or told by a reply.
    pub fn limit(&self, dimension: RateDimension) -> Option<NonZeroU64> {
        self.state().core.per_minute(dimension.index()?)
    }

    /// What is left now.
    pub fn available(&self) -> RateAvailable {
        let now = self.now();
        let (left, starts, waiting) = self.state().available(now);
        let [requests, input_tokens, output_tokens, tokens] = left;
        let paused = starts.checked_sub(now).filter(|left| *left > 0);
        let paused = paused.map(Duration::from_nanos);
        RateAvailable { requests, input_tokens, output_tokens, tokens, paused, waiting }
    }

    pub(super) fn settle(&self, hold: &Hold, used: Demand) {
        // Only what is taken needs the time.
        let now = if used.exceeds(hold.demand) { self.now() } else { 0 };
        let mut state = self.state();
        state.core.settle(hold, used, now);
        Self::wake_first(state);
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
        // Nothing in here calls the caller's code or panics half-way, so poison carries no news.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever is first, with the lock released: a waker may run anything.
    pub(super) fn wake_first(mut state: MutexGuard<'_, State>) {
        let first = state.queue.first();
        drop(state);
        if let Some(first) = first {
            first.wake();
        }
    }
}

impl State {
    #[inline]
    fn admit(&mut self, demand: Demand, now: Nanos) -> Result<RateSent, Refusal> {
        if self.queue.is_empty() {
            return self.core.admit(demand, false, now);
        }
        Err(self.check(demand.units(), None, now).err().unwrap_or(OTHERS_FIRST))
    }

    fn available(&self, now: Nanos) -> ([Option<u64>; 4], Nanos, usize) {
        (self.core.left(now), self.core.starts(), self.queue.len())
    }

    /// Whether a call would be let through now from its place in the queue; without one, from its end.
    pub(super) fn check(
        &self,
        units: Units,
        place: Option<Place>,
        now: Nanos,
    ) -> Result<(), Refusal> {
        self.core.check(units, self.queue.ahead(place), now)?;
        let first = place.map_or_else(|| self.queue.is_empty(), |place| self.queue.is_first(place));
        if first { Ok(()) } else { Err(OTHERS_FIRST) }
    }
}

/// There is enough for all, and others are about to take theirs: ask again in a moment.
const OTHERS_FIRST: Refusal =
    Refusal { dimension: RateDimension::Queue, full: Full::For(1_000_000) };

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("name", &self.shared.name)
            .field("limits", &self.limits())
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}
