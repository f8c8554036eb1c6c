//! Opening sessions: at the top, for a handoff, and below another session.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use runtime_events::Clock;
use runtime_lifecycle::{AgentStatus, AgentWorker};
use runtime_usage::{Account, Charge, Limit, Usd};

use super::estate::{Acceptance, Estate};
use super::{OrchestrationSession, Restored};
use crate::core::{Core, Origin};
use crate::error::{DeadlineExceededError, ForeignAccountError, SessionError, ShuttingDownError};
use crate::limits::{Until, later};
use crate::log::log;
use crate::parts::sinks::Sinks;
use crate::setup::{Setup, account};

/// Opens a session at the top.
pub(crate) fn open(
    setup: &Arc<Setup>,
    sinks: &Sinks,
) -> Result<OrchestrationSession, SessionError> {
    setup.roster.accepting(None)?;
    let worker = hire(setup)?;
    Ok(begin(setup, sinks, &worker, of_its_own(setup))?)
}

/// Opens a session that continues its earlier lives.
pub(crate) fn resume(
    setup: &Arc<Setup>,
    sinks: &Sinks,
    before: &Restored,
) -> Result<OrchestrationSession, SessionError> {
    setup.roster.accepting(None)?;
    let worker = hire(setup)?;
    let origin =
        Origin { iterations: before.iterations, elapsed: before.elapsed, ..of_its_own(setup) };
    if let (Some(account), true) = &origin.account {
        for (model, usage) in &before.models {
            account.carry(Charge::new(usage.cost).model(model));
        }
    }
    let session = begin(setup, sinks, &worker, origin)?;
    for (model, usage) in &before.models {
        session.tracker().carry(model, usage);
    }
    Ok(session)
}

/// Opens a session for the worker of a handoff.
pub(crate) fn accept(
    setup: &Arc<Setup>,
    sinks: &Sinks,
    acceptance: Acceptance<'_>,
) -> Result<OrchestrationSession, SessionError> {
    let handoff = acceptance.handoff;
    if *setup.role != *handoff.target_role {
        return Err(SessionError::Role {
            expected: handoff.target_role.to_string(),
            found: setup.role.to_string(),
        });
    }
    setup.roster.accepting(None)?;
    let origin = match Estate::waiting(&setup.registry, handoff) {
        Some(estate) => inherited(setup, &estate, acceptance)?,
        None => of_its_own(setup),
    };
    let worker = setup.registry.claim(&handoff.target_worker_id)?;
    Ok(begin(setup, sinks, &worker, origin)?)
}

/// What a session takes from the one that handed over to it.
fn inherited(
    setup: &Setup,
    estate: &Estate,
    acceptance: Acceptance<'_>,
) -> Result<Origin, SessionError> {
    let Estate { account: (above, owned), until, clock, iterations, labels, roles } = estate;
    let account = match acceptance.account.of_earlier(above.as_ref()) {
        Some(above) => {
            check_shared(setup, above)?;
            let limit = setup.budget.clone();
            limit.map_or((Some(above.clone()), *owned), |own| (Some(above.remainder(own)), true))
        }
        None => own_account(setup),
    };
    let now = setup.timers.clock.now();
    let until = acceptance.deadline.of_earlier(until.as_ref());
    Ok(Origin {
        account,
        until: until.map(|until| rest(until, clock, setup, now)).transpose()?,
        iterations: acceptance.iterations.of_earlier(Some(*iterations)).unwrap_or_default(),
        labels: acceptance.labels.of_earlier(labels.clone()),
        earlier: Some(Arc::clone(roles)),
        ..Origin::default()
    })
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
    sinks: &Sinks,
) -> Result<OrchestrationSession, SessionError> {
    let _entry = parent.enter(false)?;
    parent.life.accepting()?;
    let above = parent.places.above(&setup.roster)?;
    // Read before the parent's clock: if both are the same clock, the child's time does not begin
    // later.
    let now = setup.timers.clock.now();
    let until = parent.time.deadline();
    let until = until.map(|until| rest(until, parent.time.clock(), &setup, now)).transpose()?;
    let account = match parent.money.account() {
        Some(above) => {
            check_shared(&setup, above)?;
            (Some(remainder(above, setup.budget.take(), &setup.role)), true)
        }
        None => own_account(&setup),
    };
    let setup = Arc::new(setup);
    let worker = hire(&setup)?;
    let (labels, parent) = (parent.stream.labels(), Some(parent.stream.root()));
    let origin = Origin { parent, account, until, labels, above, ..Origin::default() };
    Ok(begin(&setup, sinks, &worker, origin)?)
}

fn of_its_own(setup: &Setup) -> Origin {
    Origin { account: own_account(setup), ..Origin::default() }
}

fn own_account(setup: &Setup) -> (Option<Account>, bool) {
    account(setup.account.as_ref(), setup.budget.clone())
}

/// Checks that the orchestrator's shared account, if it has one, is on the path of `above`.
fn check_shared(setup: &Setup, above: &Account) -> Result<(), ForeignAccountError> {
    match &setup.account {
        Some(shared) if !above.path().any(|account| account.is(shared)) => {
            Err(ForeignAccountError { account: shared.limit().name.clone() })
        }
        _ => Ok(()),
    }
}

/// The deadline of another session, whose clock is `clock`, for a session that begins `now`.
fn rest(
    until: &Until,
    clock: &Arc<dyn Clock>,
    setup: &Setup,
    now: Instant,
) -> Result<Until, DeadlineExceededError> {
    let left = until.at.saturating_duration_since(clock.now());
    if left.is_zero() {
        return Err(DeadlineExceededError { deadline: until.after, call_began: false });
    }
    let mut until = Until { after: left, ..until.clone() };
    // On another clock the instant has no meaning: the rest counts from now, on the session's
    // sleeper.
    if !Arc::ptr_eq(&setup.timers.clock, clock) {
        until.at = later(now, left);
        until.sleeper = setup.timers.sleeper.clone().or_else(|| until.sleeper.take());
    }
    Ok(until)
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
    sinks: &Sinks,
    worker: &AgentWorker,
    origin: Origin,
) -> Result<OrchestrationSession, ShuttingDownError> {
    let parent = origin.above.parent;
    let core = Arc::new(Core::new(setup, sinks.clone(), worker, origin));
    let drains =
        core.places.join(&core.as_member(), parent).inspect_err(|_| core.life.withdraw())?;
    if drains {
        core.life.drain(true);
    }
    core.say_hello();
    if setup.recovery.is_off() {
        log!(warn, session = %core.session_id(), role = %core.role(), "retries are off: no recipe allows another attempt");
    }
    Ok(OrchestrationSession { core, polling: AtomicBool::new(false) })
}

/// An account with the rest of `above`, under `limit` or else the rules of `above`.
fn remainder(above: &Account, limit: Option<Arc<Limit>>, role: &Arc<str>) -> Account {
    let rules = limit.unwrap_or_else(|| {
        // Wrap-up money stays with the account above.
        above.limit().clone().wrap_up(Usd::ZERO).named(Arc::clone(role)).into()
    });
    above.remainder(rules)
}
