//! Applies what the rules decided to the local accounts, breakers, limiters and routes, and tells of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use runtime_events::payload::{FleetReach, MarkCrossed, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock as _, Data};
use runtime_resilience::BreakerFollower;
use runtime_usage::{Purse, Usd};

use super::glue::rest_of;
use super::seats::LimiterSeat;
use super::shared::Shared;
use crate::config::Moment;
use crate::core::{About, Cap, Due, Effect, Followed, Leaving, Mark, News};
use crate::error::StateError;

/// Applies everything that has followed. Only the driver does this, so it is done in order.
pub(crate) fn all(shared: &Arc<Shared>, now: Moment) {
    let (effects, news) = shared.core().effects();
    // What calls may do comes before they find out that they may.
    caps(shared, now);
    parts(shared);
    for effect in effects {
        one(shared, effect);
    }
    if news {
        let leaving = shared.core().leaving;
        if let (Leaving::Over { .. }, Some(sink)) = (leaving, &shared.config.sink) {
            // Who waits for the end may end the process.
            let _ = catch_unwind(AssertUnwindSafe(|| sink.flush()));
        }
        for waker in shared.waiters().take_others() {
            waker.wake();
        }
    }
}

/// Keeps why an account is not opened, for those who wait for it.
pub(crate) fn note(shared: &Shared, due: &Due, error: &StateError) {
    if let About::Account(index) = &due.about
        && !error.is_unavailable()
    {
        shared.waiters().refused.insert(*index, error.clone());
    }
}

/// What the accounts may spend.
fn caps(shared: &Shared, now: Moment) {
    let core = shared.core();
    let caps: Vec<_> = core.tills.values().map(|till| core.cap(till, now)).collect();
    drop(core);
    let mut changed = Vec::new();
    let mut seats = shared.seats();
    for (seat, cap) in seats.accounts.values_mut().zip(caps) {
        if seat.applied != Some(cap) {
            seat.applied = Some(cap);
            changed.push((seat.purse.clone(), cap));
        }
    }
    drop(seats);
    for (purse, may) in changed {
        cap(&purse, may);
    }
}

/// What an account may spend.
pub(super) fn cap(purse: &Purse, (cap, elsewhere): (Cap, Usd)) {
    match cap {
        Cap::Granted(total) => purse.set_granted(total, elsewhere),
        Cap::Lifted(total) => purse.lift(total, elsewhere),
    }
}

/// What the limiters go by.
fn parts(shared: &Shared) {
    let (applied, mut changed) = (shared.core().applied(), Vec::new());
    let mut seats = shared.seats();
    for (seat, applied) in seats.limiters.values_mut().zip(applied) {
        if seat.applied != applied {
            seat.applied = applied;
            changed.push((seat.limiter.clone(), applied));
        }
    }
    drop(seats);
    for (limiter, applied) in changed {
        LimiterSeat::apply(&limiter, applied);
    }
}

fn one(shared: &Arc<Shared>, effect: Effect) {
    match effect {
        Effect::Answered { account, waiter, came } => {
            let waker = shared.waiters().answer(account, waiter, came);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        Effect::Follow { breaker, followed } => {
            let breaker = shared.seats().breakers.get(breaker).cloned();
            if let Some(breaker) = breaker {
                follow(&breaker, followed);
            }
        }
        Effect::Paused { limit, wait } => {
            let limiter = shared.seats().limiters.get(limit).map(|seat| seat.limiter.clone());
            if let Some(limiter) = limiter {
                limiter.follow_pause(wait);
            }
        }
        Effect::Rest { route, wait } => {
            let all = shared.seats().routes.clone();
            for routes in &all {
                for own in routes.iter().filter(|own| rest_of(own) == route) {
                    routes.follow_rest(own, wait);
                }
            }
        }
        Effect::Mark(mark) => emit(shared, mark_event(&mark)),
        Effect::News(News::Degraded { of, why }) => {
            emit(shared, degraded(shared, of.as_deref(), &why));
        }
        Effect::News(News::Recovered { of, away }) => {
            emit(shared, recovered(shared, of.as_deref(), away));
        }
    }
}

fn follow(breaker: &BreakerFollower, followed: Followed) {
    match followed {
        Followed::Open(wait) => breaker.open(wait),
        Followed::Closed => breaker.close(),
    }
}

/// An event of this kind, with its detail and its data.
type Told = (AgentEventName, AgentEventStatus, String, Data);

fn mark_event(mark: &Mark) -> Told {
    let Mark { account, percent, limit, spent } = mark;
    let detail = format!("`{account}`: {percent} % of {limit} reached: {spent} spent");
    let name = account.as_str().into();
    let data = MarkCrossed {
        account: Some(Word::Shared(&name)),
        percent: Some((*percent).into()),
        limit_usd: Some(limit.to_f64()),
        spent_usd: Some(spent.to_f64()),
    }
    .data();
    (AgentEventName::BudgetMark, AgentEventStatus::Running, detail, data)
}

fn degraded(shared: &Shared, of: Option<&str>, why: &str) -> Told {
    let detail = match of {
        Some(of) => format!("the fleet does not share {of}: {why}"),
        None => format!("the backend of the fleet is away: {why}"),
    };
    let why = why.into();
    let data = fleet_data(
        shared,
        of,
        FleetReach { why: Some(Word::Shared(&why)), ..FleetReach::default() },
    );
    (AgentEventName::FleetDegraded, AgentEventStatus::Blocked, detail, data)
}

fn recovered(shared: &Shared, of: Option<&str>, away: Duration) -> Told {
    let detail = match of {
        Some(of) => format!("the fleet shares {of} again, after {away:?}"),
        None => format!("the backend of the fleet is there again, after {away:?}"),
    };
    let away = FleetReach { away_s: Some(away.as_secs_f64()), ..FleetReach::default() };
    (AgentEventName::FleetRecovered, AgentEventStatus::Green, detail, fleet_data(shared, of, away))
}

/// The data of an event of this member.
fn fleet_data(shared: &Shared, of: Option<&str>, said: FleetReach<'_>) -> Data {
    let member = shared.member.as_str().into();
    FleetReach {
        fleet: Some(Word::Shared(&shared.config.name)),
        member: Some(Word::Shared(&member)),
        of: of.map(Word::Read),
        ..said
    }
    .data()
}

fn emit(shared: &Shared, (name, status, detail, data): Told) {
    let Some(sink) = &shared.config.sink else { return };
    let event = AgentEvent::new(name, status, shared.clock.utc_now());
    let event = Arc::new(event.with_detail(detail).with_data(data));
    // A sink that fails, or panics, takes nothing from the fleet.
    let _ = catch_unwind(AssertUnwindSafe(|| sink.emit(&event)));
}
