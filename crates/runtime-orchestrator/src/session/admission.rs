//! What a call has to pass before it is made.

use std::future::pending;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use runtime_events::{Sleep, Sleeper, SpanId, SpanOutcome};
use runtime_policy::GuardrailStage;
use runtime_resilience::CircuitBreaker;
use runtime_resilience::fault::Phase;
use runtime_resilience::rate::{Demand, RateLimiter, RateReservation};

use crate::error::{DeadlineExceededError, TurnError, TurnTimeoutError};
use crate::orchestrator::Setup;
use crate::pace::{Pace, Pulse};
use crate::session::active::{ActiveTurn, Pass};
use crate::session::core::{Core, Entry};
use crate::session::funds::Funds;
use crate::session::part::Part;
use crate::session::telling::Reason;
use crate::turn::{Ask, Limits};
use crate::wait::{Interrupted, Kind, Until, Watch, race};

/// Who lets a call through, beside budgets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate<'g> {
    /// The span that a wait is inside of.
    pub(crate) parent: SpanId,
    pub(crate) breaker: Option<&'g CircuitBreaker>,
    pub(crate) limiter: Option<&'g RateLimiter>,
}

impl Core {
    /// Everything a turn has to pass before its call, in the order of the design. What was taken
    /// is given back if it is refused, except its iteration.
    pub(crate) async fn admit(
        &self,
        model: Arc<str>,
        limits: Option<&Limits>,
        ask: Ask,
    ) -> Result<ActiveTurn<'_>, TurnError> {
        let entry = self.enter(true)?;
        let passed = match self.first_checks(limits) {
            Ok(pace) => self.pass(self.gate(), &model, ask, pace).await,
            Err(error) => Err(error),
        };
        self.admitted(entry, model, passed)
    }

    /// [`admit`](Self::admit) for threads.
    pub(crate) fn admit_blocking(
        &self,
        model: Arc<str>,
        limits: Option<&Limits>,
        ask: Ask,
    ) -> Result<ActiveTurn<'_>, TurnError> {
        let entry = self.enter(true)?;
        let passed = self.first_checks(limits);
        let passed = passed.and_then(|pace| self.pass_blocking(self.gate(), &model, ask, pace));
        self.admitted(entry, model, passed)
    }

    fn first_checks(&self, limits: Option<&Limits>) -> Result<Pace, TurnError> {
        self.state().ask(self.setup.max_iterations)?;
        self.pace(limits, self.total(limits), None)
    }

    fn admitted<'s>(
        &'s self,
        mut entry: Entry<'s>,
        model: Arc<str>,
        passed: Result<Pass<'s>, TurnError>,
    ) -> Result<ActiveTurn<'s>, TurnError> {
        match passed {
            Ok(pass) => Ok(ActiveTurn::begin(self, Part::Turn { _entry: entry }, model, pass)),
            Err(error) => {
                entry.stop_working();
                self.turn_refused(&model, &error);
                Err(error)
            }
        }
    }

    /// That of turns that go no route.
    pub(crate) fn gate(&self) -> Gate<'_> {
        let Setup { breaker, limiter, .. } = &*self.setup;
        Gate { parent: self.root(), breaker: breaker.as_ref(), limiter: limiter.as_ref() }
    }

    /// What one attempt has to pass. It waits for the rate limit, if there is one.
    pub(crate) async fn pass(
        &self,
        gate: Gate<'_>,
        model: &str,
        ask: Ask,
        pace: Pace,
    ) -> Result<Pass<'_>, TurnError> {
        let funds = self.before_rate(gate, model, ask)?;
        let rate = match gate.limiter {
            None => None,
            Some(limiter) => {
                Some(self.room(limiter, self.demand(model, &ask), &pace, gate.parent).await?)
            }
        };
        self.after_rate(gate, funds, rate, pace)
    }

    /// [`pass`](Self::pass) for threads.
    pub(crate) fn pass_blocking(
        &self,
        gate: Gate<'_>,
        model: &str,
        ask: Ask,
        pace: Pace,
    ) -> Result<Pass<'_>, TurnError> {
        let funds = self.before_rate(gate, model, ask)?;
        let rate = match gate.limiter {
            None => None,
            Some(limiter) => {
                let demand = self.demand(model, &ask);
                Some(self.room_blocking(limiter, demand, pace.end(), gate.parent)?)
            }
        };
        self.after_rate(gate, funds, rate, pace)
    }

    /// [`pass`](Self::pass) for a call that is not worth a wait.
    pub(crate) fn pass_now(
        &self,
        gate: Gate<'_>,
        model: &str,
        ask: Ask,
        pace: Pace,
    ) -> Result<Pass<'_>, TurnError> {
        let funds = self.before_rate(gate, model, ask)?;
        let demand = self.demand(model, &ask);
        let rate = gate.limiter.map(|limiter| limiter.try_reserve(demand)).transpose()?;
        self.after_rate(gate, funds, rate, pace)
    }

    /// Asked without taking a place: a refusal by the budget must not cost a probe, nor a probe wait
    /// for the rate.
    fn before_rate(&self, gate: Gate<'_>, model: &str, ask: Ask) -> Result<Funds<'_>, TurnError> {
        gate.breaker.map_or(Ok(()), CircuitBreaker::check)?;
        self.fund(model, ask)
    }

    fn after_rate<'s>(
        &self,
        gate: Gate<'_>,
        funds: Funds<'s>,
        rate: Option<RateReservation>,
        mut pace: Pace,
    ) -> Result<Pass<'s>, TurnError> {
        match gate.breaker.map(CircuitBreaker::try_acquire_told).transpose() {
            Ok(admitted) => {
                let (permit, change) = admitted.unzip();
                if let (Some(breaker), Some(Some(change))) = (gate.breaker, change) {
                    self.tell_breaker(breaker.name(), change);
                }
                if rate.is_some() {
                    pace.begin(self.now());
                }
                Ok(Pass { permit, funds, rate, pace })
            }
            Err(open) => {
                // Nothing was sent.
                if let Some(rate) = rate {
                    rate.cancel();
                }
                Err(open.into())
            }
        }
    }

    /// Waits until the rate limit has room, the time is over, or the session ends. Without a sleeper
    /// nobody would wake a task when there is room: it is refused.
    async fn room(
        &self,
        limiter: &RateLimiter,
        demand: Demand,
        pace: &Pace,
        parent: SpanId,
    ) -> Result<RateReservation, TurnError> {
        let Some(sleeper) = &self.setup.sleeper else { return Ok(limiter.try_reserve(demand)?) };
        let reserved = limiter.reserve(demand, &**sleeper, pace.end());
        let (mut unflagged, before) = (false, pace.before_the_call());
        let reserved = race(self, &before, &mut unflagged, reserved);
        let (reserved, wait) = self.waiting(Reason::RateLimit, parent, reserved).await;
        if let Some(wait) = wait {
            wait.ended(match &reserved {
                Ok(Ok(_)) => SpanOutcome::Ok,
                Ok(Err(_)) => SpanOutcome::Failed,
                Err(Interrupted::Time(..)) => SpanOutcome::TimedOut,
                Err(Interrupted::Closed(_)) => SpanOutcome::Cancelled,
            });
        }
        match reserved {
            Ok(Ok(reserved)) => Ok(reserved),
            Ok(Err(refused)) => Err(refused.into()),
            Err(Interrupted::Closed(end)) => Err(end.closed(false).into()),
            Err(Interrupted::Time(Kind::Deadline, deadline)) => {
                Err(DeadlineExceededError { deadline, call_began: false }.into())
            }
            Err(Interrupted::Time(Kind::Timeout(phase), timeout)) => {
                Err(TurnTimeoutError { timeout, phase }.into())
            }
        }
    }

    /// [`room`](Self::room) for threads.
    fn room_blocking(
        &self,
        limiter: &RateLimiter,
        demand: Demand,
        until: Option<Instant>,
        parent: SpanId,
    ) -> Result<RateReservation, TurnError> {
        if let Ok(reserved) = limiter.try_reserve(demand) {
            return Ok(reserved);
        }
        let wait = self.begin_wait(Reason::RateLimit, parent);
        let mut watch = Watch::of(self);
        let ended = |waker: &Waker| watch.ended(waker);
        match limiter.reserve_blocking_unless(demand, self.parker(), until, ended) {
            Ok(Ok(reserved)) => {
                wait.over();
                Ok(reserved)
            }
            Ok(Err(refused)) => {
                wait.ended(SpanOutcome::Failed);
                Err(refused.into())
            }
            Err(end) => Err(end.closed(false).into()),
        }
    }

    /// What a turn asks of rate limits.
    pub(crate) fn demand(&self, model: &str, ask: &Ask) -> Demand {
        let Some(estimate) = &ask.estimate else { return Demand::request() };
        let said = Some(estimate.total_output_tokens()).filter(|tokens| *tokens > 0);
        let expected = said.or_else(|| self.setup.usual.tokens(model));
        // No answer is longer than it may be, whatever is usual.
        let output = expected.into_iter().chain(ask.max_output).min();
        Demand::request()
            .input_tokens(estimate.total_input_tokens())
            .output_tokens(output.unwrap_or(0))
    }

    /// The times that a call admitted now keeps to. `total` is when all attempts have to be over,
    /// `pulse` by which the caller tells of tokens, where there is one already.
    pub(crate) fn pace(
        &self,
        limits: Option<&Limits>,
        total: Option<Until>,
        pulse: Option<&Arc<Pulse>>,
    ) -> Result<Pace, TurnError> {
        let whole = Until::earlier(self.until(None)?, total);
        let by_token = limits.map(|limits| [limits.first_token.as_ref(), limits.idle.as_ref()]);
        let by_token = by_token.unwrap_or_default();
        let attempt = limits.and_then(|limits| limits.attempt.clone());
        let by_tokens = pulse.is_some() || by_token.iter().any(Option::is_some);
        if attempt.is_none() && !by_tokens {
            return Ok(whole.into());
        }
        let begun = pulse.map_or_else(|| self.now(), |pulse| pulse.begun());
        let pace = Pace::beginning(begun, attempt, whole, self.setup.sleeper.as_ref());
        if !by_tokens {
            return Ok(pace);
        }
        let begins = || Arc::new(Pulse::new(Arc::clone(&self.setup.clock)));
        Ok(pace.by_token(by_token, pulse.cloned().unwrap_or_else(begins)))
    }

    /// When all attempts of a turn admitted now have to be over.
    pub(crate) fn total(&self, limits: Option<&Limits>) -> Option<Until> {
        let total = limits?.total.as_ref()?;
        Some(self.until_after(total, self.now(), Kind::Timeout(Phase::Total)))
    }

    /// What threads wait for the rate by.
    fn parker(&self) -> &dyn Sleeper {
        self.setup.sleeper.as_deref().unwrap_or(&NoSleeper)
    }

    pub(crate) fn guards(&self, stage: GuardrailStage) -> bool {
        self.setup.guardrails.has_any(stage)
    }
}

/// Parks threads. No task is to wait on it: it would wait for good.
#[derive(Debug)]
struct NoSleeper;

impl Sleeper for NoSleeper {
    fn sleep(&self, _duration: Duration) -> Sleep {
        Sleep::new(pending())
    }
}
