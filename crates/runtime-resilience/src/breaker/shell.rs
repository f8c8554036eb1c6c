//! The breaker as callers hold it: shared, timed and observed.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::{Clock, SystemClock};

use super::config::Config;
use super::core::{CircuitState, Core, Ticket, Transition};
use super::error::CircuitOpenError;
use super::permit::Permit;

/// Hears of every change of a breaker's state.
///
/// Called exactly once per transition, by the thread that caused it, with no lock held: it may call
/// the breaker. Two transitions close together may arrive in either order;
/// [`Transition::generation`] tells which came first. A panic in here goes no further.
pub trait TransitionListener: fmt::Debug + Send + Sync {
    /// The breaker of this name changed its state.
    fn on_transition(&self, breaker: &str, transition: Transition);
}

/// A circuit breaker that threads and tasks share by cloning.
///
/// ```
/// use runtime_resilience::{CallError, CircuitBreaker};
///
/// let breaker = CircuitBreaker::new("index");
/// let answer = breaker.call(|| "42".parse::<u8>());
/// assert_eq!(answer, Ok(42));
/// ```
#[doc(alias = "AsyncCircuitBreaker")]
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    core: Mutex<Core>,
    config: Config,
    clock: Arc<dyn Clock>,
    listener: Option<Arc<dyn TransitionListener>>,
}

/// Constructors.
impl CircuitBreaker {
    /// A closed breaker with the [default](Config::default) settings.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::with_config(name, Config::default())
    }

    /// A closed breaker with these settings, on the system's clock.
    pub fn with_config(name: impl Into<Arc<str>>, config: Config) -> Self {
        Self::with_clock(name, config, Arc::new(SystemClock))
    }

    /// A closed breaker on a clock of the caller's.
    pub fn with_clock(name: impl Into<Arc<str>>, config: Config, clock: Arc<dyn Clock>) -> Self {
        Self::build(name.into(), config, clock, None)
    }

    /// A closed breaker that reports its transitions.
    pub fn with_listener(
        name: impl Into<Arc<str>>,
        config: Config,
        clock: Arc<dyn Clock>,
        listener: Arc<dyn TransitionListener>,
    ) -> Self {
        Self::build(name.into(), config, clock, Some(listener))
    }

    fn build(
        name: Arc<str>,
        config: Config,
        clock: Arc<dyn Clock>,
        listener: Option<Arc<dyn TransitionListener>>,
    ) -> Self {
        let core = Mutex::new(Core::new(config));
        Self { shared: Arc::new(Shared { name, core, config, clock, listener }) }
    }
}

impl CircuitBreaker {
    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Asks to make a call.
    ///
    /// # Errors
    ///
    /// [`CircuitOpenError`] while the breaker is open, or half-open with all of its probes under
    /// way.
    pub fn try_acquire(&self) -> Result<Permit, CircuitOpenError> {
        // The binding ends the lock: the clock is the caller's code.
        let admitted = self.core().admit_closed();
        let ticket = match admitted {
            Some(ticket) => ticket,
            None => self.admit()?,
        };
        Ok(Permit::new(self.clone(), ticket))
    }

    /// Asks whether a call would be admitted now, and takes no place.
    ///
    /// # Errors
    ///
    /// As for [`try_acquire`](Self::try_acquire).
    pub fn check(&self) -> Result<(), CircuitOpenError> {
        let now = self.shared.clock.now();
        let checked = self.core().check(now);
        checked.map_err(|refusal| CircuitOpenError::new(self.shared.name.clone(), refusal))
    }

    /// Counts a success that had no permit. Changes nothing unless the breaker is closed.
    pub fn record_success(&self) {
        self.core().record_success();
    }

    /// Counts a failure that had no permit. Changes nothing unless the breaker is closed: in
    /// particular, it does not make an open one wait longer.
    pub fn record_failure(&self) {
        let now = self.shared.clock.now();
        let transition = self.core().record_failure(now);
        self.report(transition);
    }

    /// Where the breaker stands: half-open as soon as the wait is over, even before a call comes.
    pub fn state(&self) -> CircuitState {
        let now = self.shared.clock.now();
        self.core().state(now)
    }

    /// Whether calls are refused until a wait is over.
    pub fn is_open(&self) -> bool {
        self.state() == CircuitState::Open
    }

    /// Closes the breaker, and forgets every failure and every call under way.
    pub fn reset(&self) {
        let transition = self.core().reset();
        self.report(transition);
    }

    #[cold]
    fn admit(&self) -> Result<Ticket, CircuitOpenError> {
        let now = self.shared.clock.now();
        let admitted = self.core().admit(now);
        match admitted {
            Ok((ticket, transition)) => {
                self.report(transition);
                Ok(ticket)
            }
            Err(refusal) => Err(CircuitOpenError::new(self.shared.name.clone(), refusal)),
        }
    }

    pub(super) fn succeed(&self, ticket: Ticket) {
        let transition = self.core().succeed(ticket);
        self.report(transition);
    }

    pub(super) fn fail(&self, ticket: Ticket) {
        let now = self.shared.clock.now();
        let transition = self.core().fail(ticket, now);
        self.report(transition);
    }

    pub(super) fn cancel(&self, ticket: Ticket) {
        self.core().cancel(ticket);
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        // A panic cannot leave the core half changed, so poison carries no news.
        self.shared.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called with the lock released: the listener may come straight back.
    fn report(&self, transition: Option<Transition>) {
        let (Some(transition), Some(listener)) = (transition, &self.shared.listener) else {
            return;
        };
        let call = AssertUnwindSafe(|| listener.on_transition(&self.shared.name, transition));
        // A permit is settled while a panic unwinds, too; a second one would end the process.
        let _ = catch_unwind(call);
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.shared.name)
            .field("state", &self.state())
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
