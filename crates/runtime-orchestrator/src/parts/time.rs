//! The time of a session: its clock, its deadline, and the limits of its calls.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::{Clock, Sleeper};
use runtime_resilience::TimeoutPhase;

use crate::error::DeadlineExceededError;
use crate::limits::{Kind, Limits, Timeout, Until, later};
use crate::park::Timers;
use crate::parts::pace::{Pace, Pulse};

/// The clock, the sleeper and the deadline of a session.
pub(crate) struct Time {
    timers: Arc<Timers>,
    deadline: Option<Until>,
}

impl Time {
    /// Begins at `started`, after earlier lives that took the time `elapsed`. The deadline is the session's own or
    /// `above`, the deadline of the session above, whichever comes first.
    pub(crate) fn new(
        timers: Arc<Timers>,
        (started, elapsed): (Instant, Duration),
        deadline: Option<&Timeout>,
        above: Option<Until>,
    ) -> Self {
        let mut time = Self { timers, deadline: None };
        // Not counted from before the start: where a clock begins with its machine, there is no such time.
        let own = deadline.map(|own| Until {
            at: later(started, own.after.saturating_sub(elapsed)),
            ..time.until_after(own, started, Kind::Deadline)
        });
        time.deadline = Until::earlier(own, above);
        time
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.timers.clock
    }

    pub(crate) fn sleeper(&self) -> Option<&Arc<dyn Sleeper>> {
        self.timers.sleeper.as_ref()
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock().now()
    }

    /// The deadline of the session, if it has one.
    pub(crate) const fn deadline(&self) -> Option<&Until> {
        self.deadline.as_ref()
    }

    /// The time until `at`; zero after it.
    pub(crate) fn left_until(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.now())
    }

    /// The end of a call that is admitted now: its own timeout or the session's deadline, whichever
    /// comes first.
    pub(crate) fn until(
        &self,
        timeout: Option<&Timeout>,
    ) -> Result<Option<Until>, DeadlineExceededError> {
        if timeout.is_none() && self.deadline.is_none() {
            return Ok(None);
        }
        let now = self.now();
        let own =
            timeout.map(|own| self.until_after(own, now, Kind::Timeout(TimeoutPhase::Attempt)));
        let Some(session) = &self.deadline else { return Ok(own) };
        if session.at <= now {
            return Err(DeadlineExceededError { deadline: session.after, call_began: false });
        }
        Ok(Until::earlier(own, Some(session.clone())))
    }

    /// The end of all attempts of a turn that is admitted now.
    pub(crate) fn total(&self, limits: Option<&Limits>) -> Option<Until> {
        let total = limits?.total.as_ref()?;
        Some(self.until_after(total, self.now(), Kind::Timeout(TimeoutPhase::Total)))
    }

    /// The time limits of a call that is admitted now. `total` is the end of all attempts, and
    /// `pulse` takes the caller's reports of tokens, if it exists already.
    #[inline]
    pub(crate) fn pace(
        &self,
        limits: Option<&Limits>,
        total: Option<Until>,
        pulse: Option<&Arc<Pulse>>,
    ) -> Result<Pace, DeadlineExceededError> {
        if limits.is_none() && total.is_none() && pulse.is_none() && self.deadline.is_none() {
            return Ok(Pace::default());
        }
        self.pace_within(limits, total, pulse)
    }

    fn pace_within(
        &self,
        limits: Option<&Limits>,
        total: Option<Until>,
        pulse: Option<&Arc<Pulse>>,
    ) -> Result<Pace, DeadlineExceededError> {
        let whole = Until::earlier(self.until(None)?, total);
        let by_token = limits.map(|limits| [limits.first_token.as_ref(), limits.idle.as_ref()]);
        let by_token = by_token.unwrap_or_default();
        let attempt = limits.and_then(|limits| limits.attempt.clone());
        let by_tokens = pulse.is_some() || by_token.iter().any(Option::is_some);
        if attempt.is_none() && !by_tokens {
            return Ok(whole.into());
        }
        let begun = pulse.map_or_else(|| self.now(), |pulse| pulse.begun());
        let pace = Pace::beginning(begun, attempt, whole, self.sleeper());
        if !by_tokens {
            return Ok(pace);
        }
        let begins = || Arc::new(Pulse::new(Arc::clone(self.clock())));
        Ok(pace.by_token(by_token, pulse.cloned().unwrap_or_else(begins)))
    }

    /// The pace of a wait.
    pub(crate) fn pause(&self, wait: Duration) -> Pace {
        let (at, kind) = (later(self.now(), wait), Kind::Timeout(TimeoutPhase::Attempt));
        Some(Until { at, after: wait, kind, sleeper: self.sleeper().cloned() }).into()
    }

    fn until_after(&self, timeout: &Timeout, from: Instant, kind: Kind) -> Until {
        let at = later(from, timeout.after);
        let sleeper = timeout.sleeper.clone().or_else(|| self.sleeper().cloned());
        Until { at, after: timeout.after, kind, sleeper }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Time").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
