//! The summary of a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use runtime_lifecycle::{AgentStatus, AgentWorker};
use runtime_usage::{Account, UsageTracker};

use crate::core::Core;
use crate::error::{SessionError, text_of};
use crate::parts::stream::{Snapshot, Speaker};
use crate::report::Summary;
use crate::setup::Setup;

/// The current summary of a session.
pub(crate) fn of(core: &Core) -> Summary {
    let Snapshot { events: agent_events, emitted, sink_failures } = core.stream.snapshot();
    let kept = u64::try_from(agent_events.len()).unwrap_or(u64::MAX);
    let mut statements = core.money.statements();
    let (budget, budgets_above) = (statements.next(), statements.collect());
    Summary {
        worker: worker(core),
        usage: core.money.tracker().summary(),
        per_model_cost: core.money.tracker().per_model_summary(),
        recovery_events: core.books.events(),
        agent_events,
        session_id: Arc::clone(core.session_id()),
        shutdown: core.life.ended().is_some_and(|end| end.shutdown),
        iterations: core.life.iterations(),
        budget,
        budgets_above,
        events_emitted: emitted,
        events_dropped: emitted - kept,
        sink_failures: sink_failures + core.money.sink_failures(),
    }
}

fn worker(core: &Core) -> AgentWorker {
    core.life.worker(core.time.clock().utc_now(), |id, created_at| {
        let Speaker { role, phase, project_id, .. } = core.stream.speaker();
        AgentWorker::new(id, Arc::clone(role), Arc::clone(phase), *project_id, created_at)
    })
}

/// The summary of a session that was not opened.
pub(crate) fn unopened(setup: &Setup, error: &SessionError) -> Summary {
    let (role, phase) = (Arc::clone(&setup.role), Arc::clone(&setup.phase));
    let now = setup.timers.clock.utc_now();
    let mut worker = AgentWorker::new("", role, phase, setup.project_id, now);
    let shutdown = error.is_shutdown();
    let status = if shutdown { AgentStatus::Cancelled } else { AgentStatus::Failed };
    // A new worker can always fail or be cancelled.
    let _ = worker.transition(status, Some(&text_of(error)), now);
    Summary {
        worker,
        usage: UsageTracker::new().summary(),
        per_model_cost: BTreeMap::new(),
        recovery_events: Vec::new(),
        agent_events: Vec::new(),
        session_id: "".into(),
        shutdown,
        iterations: 0,
        budget: setup.account.as_ref().map(Account::statement),
        budgets_above: Vec::new(),
        events_emitted: 0,
        events_dropped: 0,
        sink_failures: 0,
    }
}
