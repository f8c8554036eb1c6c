//! Opening sessions: at the top, for a handoff, and below another session.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use runtime_lifecycle::{AgentStatus, AgentWorker, Handoff};
use runtime_usage::{Account, Limit, Usd};

use super::OrchestrationSession;
use crate::core::{Core, Origin};
use crate::error::{DeadlineExceededError, ForeignAccountError, SessionError, ShuttingDownError};
use crate::limits::later;
use crate::log::log;
use crate::setup::{Setup, account};

/// Opens a session at the top.
pub(crate) fn open(setup: &Arc<Setup>) -> Result<OrchestrationSession, SessionError> {
    setup.roster.accepting()?;
    let worker = hire(setup)?;
    Ok(begin(setup, &worker, of_its_own(setup))?)
}

/// Opens a session for the worker of a handoff.
pub(crate) fn accept(
    setup: &Arc<Setup>,
    handoff: &Handoff,
) -> Result<OrchestrationSession, SessionError> {
    if *setup.role != *handoff.target_role {
        return Err(SessionError::Role {
            expected: handoff.target_role.to_string(),
            found: setup.role.to_string(),
        });
    }
    setup.roster.accepting()?;
    let worker = setup.registry.claim(&handoff.target_worker_id)?;
    Ok(begin(setup, &worker, of_its_own(setup))?)
}

/// The settings of a child with another role: its parent's, except budget and deadline, which the
/// child takes from the parent's session.
pub(crate) fn child_setup(parent: &Core, role: Arc<str>) -> Setup {
    let mut setup = Setup::clone(&parent.setup);
    setup.role = role;
    setup.phase = Arc::clone(parent.phase());
    setup.project_id = parent.stream.speaker().project_id;
    setup.budget = None;
    setup.deadline = None;
    setup.labels = parent.stream.labels();
    setup
}

/// Opens a session below `parent`.
pub(crate) fn open_below(
    parent: &Core,
    mut setup: Setup,
) -> Result<OrchestrationSession, SessionError> {
    let _entry = parent.enter(false)?;
    parent.life.accepting()?;
    setup.roster.accepting()?;
    // Read before the parent's clock: if both are the same clock, the child's time does not begin
    // later.
    let now = setup.clock.now();
    let mut until = parent.time.deadline().cloned();
    if let Some(until) = &mut until {
        let left = parent.time.left_until(until.at);
        if left.is_zero() {
            let deadline = until.after;
            return Err(DeadlineExceededError { deadline, call_began: false }.into());
        }
        until.after = left;
        // On another clock the parent's instant has no meaning: the rest counts from now, on the
        // child's sleeper.
        if !Arc::ptr_eq(&setup.clock, parent.time.clock()) {
            until.at = later(now, left);
            until.sleeper = setup.sleeper.clone().or_else(|| until.sleeper.take());
        }
    }
    let above = parent.money.account();
    if let (Some(shared), Some(above)) = (&setup.account, above)
        && !above.path().any(|account| account.is(shared))
    {
        let account = shared.limit().name.clone();
        return Err(ForeignAccountError { account }.into());
    }
    let limit = setup.budget.take();
    let account = match above {
        Some(above) => (Some(remainder(above, limit, &setup.role)), true),
        None => account(setup.account.as_ref(), limit),
    };
    let setup = Arc::new(setup);
    let worker = hire(&setup)?;
    let rosters = parent.places.above(&setup.roster);
    let origin = Origin { parent: Some(parent.stream.root()), account, until, rosters };
    Ok(begin(&setup, &worker, origin)?)
}

fn of_its_own(setup: &Setup) -> Origin {
    let account = account(setup.account.as_ref(), setup.budget.clone());
    Origin { account, ..Origin::default() }
}

/// Registers a running worker.
fn hire(setup: &Setup) -> Result<AgentWorker, SessionError> {
    let (role, phase) = (Arc::clone(&setup.role), Arc::clone(&setup.phase));
    let worker = setup.registry.create(role, phase, setup.project_id);
    let worker =
        worker.map_err(|source| SessionError::Worker { role: setup.role.to_string(), source })?;
    // A new worker can make both transitions, unless it was ended at once. In that case the first
    // turn is refused.
    for status in [AgentStatus::Initializing, AgentStatus::Running] {
        let _ = setup.registry.transition(worker.id(), status, None);
    }
    Ok(worker)
}

/// Joins the rosters, which is the decisive check for draining: the check before the worker's
/// registration may be outdated. If a roster drains, the worker is cancelled.
fn begin(
    setup: &Arc<Setup>,
    worker: &AgentWorker,
    origin: Origin,
) -> Result<OrchestrationSession, ShuttingDownError> {
    let core = Arc::new(Core::new(setup, worker, origin));
    core.places.join(&core.as_member()).inspect_err(|_| core.life.withdraw())?;
    core.say_hello();
    if setup.recovery.is_off() {
        log!(warn, session = %core.session_id(), role = %core.role(), "retries are off: no recipe allows another attempt");
    }
    Ok(OrchestrationSession { core, polling: AtomicBool::new(false) })
}

/// An account with the rest of `above`, under `limit` or else the rules of `above`.
fn remainder(above: &Account, limit: Option<Limit>, role: &Arc<str>) -> Account {
    let rules = limit.unwrap_or_else(|| {
        // Wrap-up money stays with the account above.
        above.limit().clone().wrap_up(Usd::ZERO).named(Arc::clone(role))
    });
    above.remainder(rules)
}
