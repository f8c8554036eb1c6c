//! Hedges: a second attempt beside a slow one.

use runtime_resilience::{Route, RouteLease};

use super::plan::{Recovering, Started};
use crate::error::TurnError;
use crate::failure::fault_of;
use crate::limits::later;

/// An admitted hedge, and its place on a route.
pub(super) struct Hedged<'s> {
    pub(super) started: Started<'s>,
    pub(super) lease: Option<RouteLease>,
}

impl<'s> Recovering<'s> {
    /// Admits a hedge, unless a wait would be needed.
    pub(super) fn hedge(&mut self) -> Option<Hedged<'s>> {
        let lease = match &self.core.setup.recovery.routes {
            None => None,
            Some(_) => Some(self.beside()?),
        };
        let route = lease.as_ref().map(RouteLease::route).cloned();
        let budget = self.budget(route.as_ref()).clone();
        budget.try_withdraw().ok()?;
        let Ok(started) = self.attempt_now(route) else {
            budget.give_back();
            return None;
        };
        Some(Hedged { started, lease })
    }

    /// Another route if possible, or else any that accepts a call.
    fn beside(&self) -> Option<RouteLease> {
        let routes = self.core.setup.recovery.routes.as_ref()?;
        let demand = self.core.money.demand(&self.story.model, self.ask());
        let mut others = self.tried.clone();
        if let Some(lease) = &self.lease {
            others.add(lease.route());
        }
        routes.select(&others, demand).or_else(|_| routes.select(&self.tried, demand)).ok()
    }

    /// Reports the failure of one of two calls at once: others must not call its route while the other call goes on.
    /// Excludes the route from this turn. Without routes, the turn itself is to remember what it was asked.
    pub(super) fn note_failure(&mut self, error: &TurnError, route: Option<Route>) {
        let Some(fault) = fault_of(error) else { return };
        if let Some(route) = route {
            let _ = self.tell_routes(error, &fault, &route);
            self.tried.add(&route);
        } else {
            self.asked_until = fault.asked.map(|asked| later(self.core.time.now(), asked));
        }
    }
}
