//! A running turn that repeats its call after a failure.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::SpanId;
use runtime_resilience::{
    Fault, FaultKind, GaveUp, NextAttempt, RecoverySituation, RecoveryVerdict, Rested, RetryBudget,
    Route, RouteLease, TimeoutPhase, TriedRoutes, TurnRecovery,
};
use serde_json::Value;

use super::attempt::{Attempt, Facts};
use super::meaning::ends_the_session;
use super::story::{Pending, Story};
use crate::core::{Entry, Hold};
use crate::error::{TurnError, TurnTimeoutError};
use crate::failure::{fault_of, refused_inside, retried_inside};
use crate::limits::{Limits, Until};
use crate::parts::money::Ask;
use crate::parts::pace::{Pace, Pulse};
use crate::turn::admit::{Gate, pass, pass_now, refused};
use crate::turn::part::{Part, Place};
use crate::turn::{ActiveTurn, Held, Spec, guard};

/// The turn around its attempts. Dropping it before its end cancels it.
pub(super) struct Recovering<'s> {
    pub(super) core: Hold<'s>,
    pub(super) story: Story<'s>,
    limits: Option<Box<Limits>>,
    total: Option<Until>,
    ask: Option<Box<Ask>>,
    pub(super) repeatable: bool,
    pub(super) plan: TurnRecovery,
    /// The routes that have failed.
    pub(super) tried: TriedRoutes,
    /// The route of the next or the running attempt.
    pub(super) lease: Option<RouteLease>,
    /// The retry that was drawn for the next attempt, until that begins.
    drawn: Option<Drawn>,
    /// Until when the first of two calls at once to fail was asked to wait.
    pub(super) asked_until: Option<Instant>,
    /// Whether a call may have been made and billed.
    pub(super) called: bool,
    /// True exactly while the recovery handler runs.
    pub(super) in_callers_code: bool,
    /// Last, so that the session's last event waits for the turn's.
    pub(super) entry: Entry<'s>,
}

/// A retry of a budget, which is given back unless it is made.
struct Drawn(Option<RetryBudget>);

impl Drawn {
    fn used(mut self) {
        self.0 = None;
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        if let Some(budget) = &self.0 {
            budget.give_back();
        }
    }
}

/// An admitted attempt: the turn with its permit and reservations, and the caller's view.
pub(super) struct Started<'s> {
    pub(super) active: ActiveTurn<'s>,
    pub(super) attempt: Attempt,
}

/// An attempt before its admission.
struct Ready {
    model: Arc<str>,
    route: Option<Route>,
    /// Whether it is called despite an open breaker, because no route is left.
    last_resort: bool,
    pace: Pace,
    pulse: Arc<Pulse>,
}

impl Ready {
    /// The breaker and limiter that must admit it: the route's, or the orchestrator's.
    fn gate<'s, 'g>(
        &'g self,
        core: &'g Hold<'s>,
        parent: SpanId,
        lease: Option<&'g RouteLease>,
    ) -> Gate<'s, 'g> {
        match &self.route {
            Some(route) => {
                let breaker = (!self.last_resort).then(|| Cow::Owned(route.breaker().clone()));
                Gate { parent, breaker, limiter: route.limiter(), lease }
            }
            None => Gate { parent, ..Gate::of(core) },
        }
    }
}

/// The decision after a failure.
pub(super) enum After {
    /// Carry out the steps, wait, and make another attempt. Has the failure for the handler.
    Again(Pending, TurnError),
    /// Make no other attempt.
    Stop(TurnError, GaveUp),
    /// Return the error: recovery does not apply.
    Pass(TurnError),
}

impl<'s> Recovering<'s> {
    pub(super) fn admit(core: Hold<'s>, spec: &mut Spec) -> Result<Self, TurnError> {
        let (mut entry, asked) = Entry::of_turn(core.clone())?;
        // Each attempt checks the deadline again.
        if let Err(error) = asked.and_then(|()| Ok(core.time.until(None).map(drop)?)) {
            entry.stop_working();
            refused(&core, &spec.model, &error);
            return Err(error);
        }
        let recovery = &core.setup.recovery;
        let plan = TurnRecovery::new(recovery.recipes.clone(), recovery.backoff);
        Ok(Self {
            plan: if spec.same_request { plan.same_request() } else { plan },
            story: Story::new(core.clone(), Arc::clone(&spec.model)),
            total: core.time.total(spec.limits.as_deref()),
            core,
            limits: spec.limits.take(),
            ask: spec.ask.take(),
            repeatable: spec.repeatable,
            tried: TriedRoutes::default(),
            lease: None,
            drawn: None,
            asked_until: None,
            called: false,
            in_callers_code: false,
            entry,
        })
    }

    pub(super) fn ask(&self) -> &Ask {
        self.ask.as_deref().unwrap_or(&Ask::NOTHING)
    }

    /// Admits the next attempt of a call, after recovering from refusals. Guardrails check the
    /// prompt before the first one. After an error the turn has ended.
    pub(super) async fn next(&mut self, prompt: Option<&Value>) -> Result<Started<'s>, TurnError> {
        let mut started = loop {
            match self.attempt().await {
                Ok(started) => break started,
                Err(refused) => Box::pin(self.recover(refused)).await?,
            }
        };
        if self.is_first()
            && let Some(input) = prompt
            && let Err(objected) = Box::pin(guard::check_input(&mut started.active, input)).await
        {
            drop(started);
            return Err(self.passed(objected));
        }
        Ok(started)
    }

    /// Admits the next attempt. Waits for the rate limit of its route, if there is one.
    async fn attempt(&mut self) -> Result<Started<'s>, TurnError> {
        let mut ready = self.ready()?;
        let core = &self.core;
        let pace = std::mem::take(&mut ready.pace);
        let gate = ready.gate(core, self.story.around(), self.lease.as_ref());
        let pass = pass(core, gate, &ready.model, self.ask(), pace).await?;
        Ok(self.start(ready, pass, false))
    }

    /// Admits a hedge without waiting, on `route` if there are routes.
    pub(super) fn attempt_now(&mut self, route: Option<Route>) -> Result<Started<'s>, TurnError> {
        let mut ready = self.ready_on(route)?;
        let core = &self.core;
        let pace = std::mem::take(&mut ready.pace);
        let gate = ready.gate(core, self.story.around(), None);
        let pass = pass_now(core, gate, &ready.model, self.ask(), pace)?;
        Ok(self.start(ready, pass, true))
    }

    /// Chooses the route of the next attempt, and computes its times.
    fn ready(&mut self) -> Result<Ready, TurnError> {
        let core = &self.core;
        if let Some(lease) = &self.lease {
            // Others may have been asked to leave it alone while this turn waited. It must not wait for room then.
            lease.check()?;
        } else if let Some(routes) = &core.setup.recovery.routes {
            self.lease =
                Some(routes.select(&self.tried, core.money.demand(&self.story.model, self.ask()))?);
        }
        let route = self.lease.as_ref().map(|lease| lease.route().clone());
        let mut ready = self.ready_on(route)?;
        let last_resort = self.lease.as_ref().filter(|lease| lease.is_last_resort());
        ready.last_resort =
            last_resort.is_some_and(|lease| lease.route().breaker().check().is_err());
        Ok(ready)
    }

    fn ready_on(&self, route: Option<Route>) -> Result<Ready, TurnError> {
        let core = &self.core;
        let model = route.as_ref().map(Route::model).filter(|model| !model.is_empty());
        let model = model.map_or_else(|| Arc::clone(&self.story.model), Arc::from);
        if let Some(total) = self.total.as_ref().filter(|total| total.at <= core.time.now()) {
            let (timeout, phase) = (total.after, TimeoutPhase::Total);
            return Err(TurnTimeoutError { timeout, phase }.into());
        }
        let pulse = Arc::new(Pulse::new(Arc::clone(core.time.clock())));
        let limits = self.limits.as_deref();
        let pace = core.time.pace(limits, self.total.clone(), Some(&pulse))?;
        Ok(Ready { model, route, last_resort: false, pace, pulse })
    }

    fn start(&mut self, ready: Ready, pass: (Held<'s>, Pace), hedge: bool) -> Started<'s> {
        let Ready { model, route, pulse, .. } = ready;
        let (held, times) = &pass;
        self.story.attempt(&model);
        if !hedge && let Some(drawn) = self.drawn.take() {
            drawn.used();
        }
        let provider: Option<Arc<str>> = route.as_ref().map(|route| route.provider().into());
        if let Some(route) = route.as_ref().filter(|_| !hedge) {
            self.story.tell_switch(route);
        }
        let place = Place {
            turn: self.story.span,
            number: self.story.attempts,
            provider,
            hedge,
            tally: Arc::clone(&self.story.tally),
        };
        let facts = Facts {
            number: self.story.attempts,
            model: Arc::clone(&model),
            route,
            hedge,
            cause: self.story.pending.as_ref().map(|pending| pending.fault.scenario()),
            changes: self.plan.changes(),
            max_output: held.output_tokens(),
            end: times.end(),
            clock: Arc::clone(self.core.time.clock()),
            pulse,
            rate: held.rate().map(|rate| (rate.limiter().clone(), rate.sent())),
        };
        let active =
            ActiveTurn::begin(self.core.clone(), Part::Attempt(Box::new(place)), model, pass);
        Started { active, attempt: Attempt::new(facts) }
    }

    /// Whether this is the first attempt.
    const fn is_first(&self) -> bool {
        self.story.attempts == 1
    }

    /// Decides after a failed or refused attempt.
    pub(super) fn after(&mut self, error: TurnError) -> After {
        let refused = error.is_refusal();
        let Some(mut fault) = fault_of(&error) else {
            return if refused && self.called && !ends_the_session(&error) {
                After::Stop(error, GaveUp::Refused)
            } else {
                After::Pass(error)
            };
        };
        self.called |= self.story.attempts > 0 && !refused;
        if let Some(until) = self.asked_until.take() {
            let left = self.core.time.left_until(until);
            fault.asked = fault.asked.max(Some(left).filter(|left| !left.is_zero()));
        }
        let lease = self.lease.as_ref();
        let rested = lease.and_then(|lease| self.tell_routes(&error, &fault, lease.route()));
        if let (Some(lease), Some(rested)) = (&mut self.lease, &rested) {
            lease.note_rest(rested.rest);
        }
        if retried_inside(&error) {
            return After::Stop(error, GaveUp::RetriedBelow);
        }
        let other = self.other_route(&fault);
        let situation = RecoverySituation { left: self.left(), elsewhere: other.is_some() };
        let next = match self.plan.after(&fault, situation) {
            RecoveryVerdict::Again(next) => next,
            RecoveryVerdict::GiveUp(why) => return After::Stop(error, why),
        };
        // Only a repeated call is a retry. For a refused attempt, the budget has already been
        // charged.
        let again = self.story.attempts > 0 && !refused;
        if again && let Some(budget) = self.burdened(&fault, &next, other.as_ref()).cloned() {
            if budget.try_withdraw().is_err() {
                return After::Stop(error, GaveUp::RetryBudget);
            }
            self.drawn = Some(Drawn(Some(budget)));
        }
        let mut from = None;
        if next.switch
            && let Some(left) = self.lease.take()
        {
            // A route that was switched to and refused was never called: the switch is from the
            // route before.
            let untold = self.story.pending.as_mut().and_then(|pending| pending.from.take());
            from = untold.or_else(|| Some(left.route().clone()));
            drop(left);
            self.lease = other;
        }
        After::Again(Pending { fault, next, from, rested }, error)
    }

    /// The retry budget of the place that gets extra load by the next attempt, if one does.
    ///
    /// A healthy route takes the call as it takes any other turn's. A smaller request after one
    /// that was refused unbilled repeats nothing.
    fn burdened<'b>(
        &'b self,
        fault: &Fault,
        next: &NextAttempt,
        other: Option<&'b RouteLease>,
    ) -> Option<&'b RetryBudget> {
        if next.switch {
            let other = other?;
            let is_out = other.is_last_resort() || other.is_probe();
            return is_out.then(|| self.budget(Some(other.route())));
        }
        let shrinks = fault.kind == FaultKind::ContextLength && !fault.may_be_billed();
        (!shrinks).then(|| self.budget(self.lease.as_ref().map(RouteLease::route)))
    }

    /// The retry budget of a route, or of the only place.
    pub(super) fn budget<'r>(&'r self, route: Option<&'r Route>) -> &'r RetryBudget {
        route.map_or(&self.core.setup.recovery.retry_budget, Route::retries)
    }

    /// Makes the failed route rest for all sessions. A refused attempt did not reach the route,
    /// whether refused here or by a turn inside the call.
    pub(super) fn tell_routes(
        &self,
        error: &TurnError,
        fault: &Fault,
        route: &Route,
    ) -> Option<Rested> {
        let asked = !error.is_refusal() && !error.failure().is_some_and(refused_inside);
        self.core.setup.recovery.routes.as_ref().filter(|_| asked)?.apply(route, fault)
    }

    /// Another route, if the fault may not occur there.
    fn other_route(&mut self, fault: &Fault) -> Option<RouteLease> {
        let routes = self.core.setup.recovery.routes.as_ref()?;
        if let Some(lease) = &self.lease {
            self.tried.add(lease.route());
        }
        // Selecting a route takes a place there and advances the rotation.
        if !self.plan.may_switch(fault) {
            return None;
        }
        routes.select(&self.tried, self.core.money.demand(&self.story.model, self.ask())).ok()
    }

    /// The remaining time of the turn.
    pub(super) fn left(&self) -> Option<Duration> {
        let until = self.end()?;
        Some(self.core.time.left_until(until.at))
    }

    /// The end of the turn's time, if it is limited.
    pub(super) fn end(&self) -> Option<Until> {
        Until::earlier(self.total.clone(), self.core.time.deadline().cloned())
    }
}
