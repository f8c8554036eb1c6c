//! Sessions below a session.

use std::sync::Arc;

use runtime_usage::{Account, Limit, Usd};

use crate::error::{ChildSessionError, DeadlineExceededError, ForeignAccountError};
use crate::orchestrator::Setup;
use crate::session::OrchestrationSession;
use crate::session::origin::Origin;
use crate::wait::later;

/// # Children
impl OrchestrationSession {
    /// Opens a session below this one, for an agent of another role: with this session's settings,
    /// inside its span, with what is left of its budget, and no later a deadline.
    ///
    /// The child's turns are paid from this session's budget as well, so that a run with all its
    /// children keeps one limit. For other settings:
    /// [`Orchestrator::session_below`](crate::Orchestrator::session_below).
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    /// use runtime_usage::{Limit, Usd};
    ///
    /// let limit = Limit::enforced(Usd::from_dollars(2));
    /// let parent = Orchestrator::new("lead", "research").budget(limit).session()?;
    /// parent.account().unwrap().charge(Usd::from_cents(150));
    ///
    /// let child = parent.child("searcher")?;
    /// assert_eq!(child.account().unwrap().limit().amount, Usd::from_cents(50));
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`ChildSessionError`] if this session is over, past its deadline or draining, or if the
    /// registry refuses the worker.
    pub fn child(&self, role: impl Into<Arc<str>>) -> Result<Self, ChildSessionError> {
        let mut setup = Setup::clone(&self.core.setup);
        setup.role = role.into();
        setup.phase = Arc::clone(&self.core.phase);
        setup.project_id = self.core.project_id;
        setup.budget = None;
        setup.deadline = None;
        setup.labels = self.core.stream().labels();
        self.open_child(setup)
    }

    pub(crate) fn open_child(&self, mut setup: Setup) -> Result<Self, ChildSessionError> {
        let core = &self.core;
        let _entry = core.enter(false)?;
        core.state().accepting()?;
        setup.roster.accepting()?;
        // Before the parent's clock: where both are one, the child's time does not begin later.
        let now = setup.clock.now();
        let mut until = core.session_deadline();
        if let Some(until) = &mut until {
            let left = until.at.saturating_duration_since(core.now());
            if left.is_zero() {
                let deadline = until.after;
                return Err(DeadlineExceededError { deadline, call_began: false }.into());
            }
            until.after = left;
            // Another clock cannot tell the parent's instant: what is left counts from now, on the
            // child's sleeper.
            if !Arc::ptr_eq(&setup.clock, &core.setup.clock) {
                until.at = later(now, left);
                until.sleeper = setup.sleeper.clone().or_else(|| until.sleeper.take());
            }
        }
        if let (Some(shared), Some(above)) = (&setup.account, &core.account)
            && !above.path().any(|account| account.is(shared))
        {
            let account = shared.limit().name.clone();
            return Err(ForeignAccountError { account }.into());
        }
        let limit = setup.budget.take();
        let (account, owned) = match &core.account {
            Some(above) => (Some(remainder(above, limit, &setup.role)), true),
            None => Origin::account(setup.account.as_ref(), limit),
        };
        let setup = Arc::new(setup);
        let worker = Self::hire(&setup)?;
        let rosters = core.places.above(&setup.roster);
        let origin = Origin { parent: Some(core.root()), account, owned, until, rosters };
        Ok(Self::begin(&setup, &worker, origin)?)
    }
}

/// What is left, under the rules of the account above unless there are others.
fn remainder(above: &Account, limit: Option<Limit>, role: &Arc<str>) -> Account {
    let rules = limit.unwrap_or_else(|| {
        // What is set aside stays with the account above.
        above.limit().clone().wrap_up(Usd::ZERO).named(Arc::clone(role))
    });
    above.remainder(rules)
}
