//! Admission of turns and attempts.

use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use runtime_events::{SpanId, SpanOutcome};
use runtime_resilience::{CircuitBreaker, Demand, RateLimiter, RateReservation, RouteLease};

use crate::core::{Core, Entry, Hold};
use crate::error::{DeadlineExceededError, TurnError, TurnTimeoutError, text_of};
use crate::limits::Kind;
use crate::park::is_thread;
use crate::parts::money::{Ask, Funds};
use crate::parts::pace::Pace;
use crate::tell;
use crate::turn::active::ActiveTurn;
use crate::turn::describe::Spec;
use crate::turn::guard;
use crate::turn::held::Held;
use crate::turn::part::Part;
use crate::wait::{Interrupted, race};

/// The breaker and the limiter before a call.
#[derive(Debug)]
pub(crate) struct Gate<'s, 'g> {
    /// The parent span of a wait.
    pub(crate) parent: SpanId,
    /// The permit is to live as long as the turn.
    pub(crate) breaker: Option<Cow<'s, CircuitBreaker>>,
    pub(crate) limiter: Option<&'g RateLimiter>,
    /// The route that was selected, which may have come to rest by the end of a wait.
    pub(crate) lease: Option<&'g RouteLease>,
}

impl<'s, 'g> Gate<'s, 'g> {
    /// The gate of turns without a route.
    pub(crate) fn of(core: &'g Hold<'s>) -> Self {
        let limiter = core.setup.limiter.as_ref();
        Self { parent: core.stream.root(), breaker: core.breaker(), limiter, lease: None }
    }
}

/// Admits a turn, in the order of the architecture guide. A refused turn releases everything but
/// its iteration.
pub(crate) fn admit_now<'s>(core: Hold<'s>, spec: &Spec) -> Result<ActiveTurn<'s>, TurnError> {
    let (entry, asked) = Entry::of_turn(core.clone())?;
    let passed = asked
        .and_then(|()| own_pace(&core, spec))
        .and_then(|pace| pass_now(&core, Gate::of(&core), &spec.model, spec.ask(), pace));
    begin(core, entry, spec, passed)
}

/// [`admit_now`] that waits for money that comes in parts, for the rate limit, if there is one, and for
/// guardrails that check the prompt.
pub(crate) async fn admit_in_time<'s>(
    core: Hold<'s>,
    spec: &Spec,
) -> Result<ActiveTurn<'s>, TurnError> {
    let (entry, asked) = Entry::of_turn(core.clone())?;
    let passed = match asked.and_then(|()| own_pace(&core, spec)) {
        Ok(pace) => pass(&core, Gate::of(&core), &spec.model, spec.ask(), pace).await,
        Err(error) => Err(error),
    };
    let mut active = begin(core, entry, spec, passed)?;
    if let Some(input) = &spec.prompt {
        guard::check_input(&mut active, input).await?;
    }
    Ok(active)
}

#[inline]
fn begin<'s>(
    core: Hold<'s>,
    mut entry: Entry<'s>,
    spec: &Spec,
    passed: Result<(Held<'s>, Pace), TurnError>,
) -> Result<ActiveTurn<'s>, TurnError> {
    match passed {
        Ok(pass) => {
            let model = Arc::clone(&spec.model);
            Ok(ActiveTurn::begin(core, Part::Turn { _entry: entry }, model, pass))
        }
        Err(error) => {
            entry.stop_working();
            refused(&core, &spec.model, &error);
            Err(error)
        }
    }
}

/// The time that a turn has, if there is any left.
fn own_pace(core: &Core, spec: &Spec) -> Result<Pace, TurnError> {
    let limits = spec.limits.as_deref();
    Ok(core.time.pace(limits, core.time.total(limits), None)?)
}

/// Emits the refusal of a turn.
pub(crate) fn refused(core: &Core, model: &str, error: &TurnError) {
    let why = (error.failure_class(), error.reason(), text_of(error));
    tell::turn_refused(&core.stream, model, why);
}

/// Admits one attempt. Waits for money that comes in parts, and for the rate limit, if there is one.
pub(crate) async fn pass<'s>(
    core: &Hold<'s>,
    gate: Gate<'s, '_>,
    model: &str,
    ask: &Ask,
    pace: Pace,
) -> Result<(Held<'s>, Pace), TurnError> {
    let funds = funds(core, &gate, model, ask, &pace).await?;
    let rate = match gate.limiter {
        None => None,
        Some(limiter) => {
            let demand = core.money.demand(model, ask);
            Some(room(core, limiter, demand, &pace, gate.parent).await?)
        }
    };
    after_rate(core, gate, funds, rate, pace)
}

/// [`pass`] without waiting, for a hedge.
#[inline]
pub(crate) fn pass_now<'s>(
    core: &Hold<'s>,
    gate: Gate<'s, '_>,
    model: &str,
    ask: &Ask,
    pace: Pace,
) -> Result<(Held<'s>, Pace), TurnError> {
    let funds = before_rate(core, &gate, model, ask)?;
    let reserve = |limiter: &RateLimiter| limiter.try_reserve(core.money.demand(model, ask));
    let rate = gate.limiter.map(reserve).transpose()?;
    after_rate(core, gate, funds, rate, pace)
}

/// How often money is asked for where it comes from: other turns may take what came.
const TRIES: usize = 4;

/// [`before_rate`] that asks for more money, if it comes in parts from elsewhere, before it refuses.
async fn funds<'s>(
    core: &Hold<'s>,
    gate: &Gate<'s, '_>,
    model: &str,
    ask: &Ask,
    pace: &Pace,
) -> Result<Funds<'s>, TurnError> {
    let mut tries = TRIES;
    loop {
        match (before_rate(core, gate, model, ask), core.money.account()) {
            (Err(TurnError::Budget(refused)), Some(account))
                if tries > 0 && core.money.is_funded() =>
            {
                tries -= 1;
                let (before, mut unflagged) = (pace.before_the_call(), false);
                let more = account.fund(refused.asked);
                match race(&**core, &before, &mut unflagged, more).await {
                    Ok(true) => {}
                    // Money that did not come in time is money that did not come: no call was made.
                    Ok(false) | Err(Interrupted::Time(Kind::Timeout(_), _)) => {
                        return Err(refused.into());
                    }
                    Err(by) => return Err(interrupted(by)),
                }
            }
            (decided, _) => return decided,
        }
    }
}

/// The refusal of a turn that waited for its admission.
fn interrupted(by: Interrupted) -> TurnError {
    match by {
        Interrupted::Closed(end) => end.closed(false).into(),
        Interrupted::Time(Kind::Deadline, deadline) => {
            DeadlineExceededError { deadline, call_began: false }.into()
        }
        Interrupted::Time(Kind::Timeout(phase), timeout) => {
            TurnTimeoutError { timeout, phase }.into()
        }
    }
}

/// The breaker is asked without taking a place: a refusal by the budget must not cost a probe, and
/// a probe must not wait for the rate limit.
#[inline]
fn before_rate<'s>(
    core: &Hold<'s>,
    gate: &Gate<'s, '_>,
    model: &str,
    ask: &Ask,
) -> Result<Funds<'s>, TurnError> {
    gate.breaker.as_deref().map_or(Ok(()), CircuitBreaker::check)?;
    core.money.expire_estimates(|| core.setup.timers.clock.utc_now());
    core.fund(model, ask)
}

#[inline]
fn after_rate<'s>(
    core: &Core,
    gate: Gate<'s, '_>,
    funds: Funds<'s>,
    rate: Option<RateReservation>,
    mut pace: Pace,
) -> Result<(Held<'s>, Pace), TurnError> {
    let rested = gate.lease.map_or(Ok(()), RouteLease::check).map_err(TurnError::from);
    let permit =
        rested.and_then(|()| Ok(gate.breaker.map(CircuitBreaker::try_acquire_told).transpose()?));
    match permit {
        Ok(admitted) => {
            let (permit, change) = admitted.unzip();
            if let (Some(permit), Some(Some(change))) = (&permit, change) {
                tell::breaker(&core.stream, permit.breaker().name(), change);
            }
            if rate.is_some() {
                pace.begin(core.time.now());
            }
            Ok((Held::new(permit, rate, funds), pace))
        }
        Err(refused) => {
            // Nothing was sent.
            if let Some(rate) = rate {
                rate.cancel();
            }
            Err(refused)
        }
    }
}

/// Waits until the rate limit has room, the time is over, or the session ends. A task without a
/// sleeper could not be woken, so it is refused.
async fn room(
    core: &Core,
    limiter: &RateLimiter,
    demand: Demand,
    pace: &Pace,
    parent: SpanId,
) -> Result<RateReservation, TurnError> {
    if core.time.sleeper().is_none() && !poll_fn(|cx| Poll::Ready(is_thread(cx.waker()))).await {
        return Ok(limiter.try_reserve(demand)?);
    }
    let reserved = limiter.reserve(demand, core.time.timers(), pace.end());
    let (mut unflagged, before) = (false, pace.before_the_call());
    let reserved = race(core, &before, &mut unflagged, reserved);
    let (reserved, wait) =
        tell::waiting(&core.stream, tell::Reason::RateLimit, parent, reserved).await;
    if let Some(wait) = wait {
        wait.ended(match &reserved {
            Ok(Ok(_)) => SpanOutcome::Ok,
            Ok(Err(_)) => SpanOutcome::Failed,
            Err(Interrupted::Time(..)) => SpanOutcome::TimedOut,
            Err(Interrupted::Closed(_)) => SpanOutcome::Cancelled,
        });
    }
    Ok(reserved.map_err(interrupted)??)
}
