//! The registry, compared with a vector that is searched from end to end.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use proptest::prelude::*;
use runtime_lifecycle::{
    AgentRegistry, AgentStatus, AgentWorker, ClaimError, StatusHandle, TransitionError,
};

use crate::registry::{counting, ids};

const ROLES: [&str; 3] = ["writer", "editor", "a role whose name is too long to be short"];
const PHASES: [&str; 2] = ["draft", "review"];

#[derive(Clone, Debug)]
enum Op {
    Create { role: usize, phase: usize, project: Option<i64> },
    Offer { role: usize, phase: usize, project: Option<i64> },
    Transition { pick: usize, to: AgentStatus },
    Claim { pick: usize },
    NoteRetry { pick: usize },
    Remove { pick: usize },
    CancelUnclaimed,
    Clear,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let place = (0..ROLES.len(), 0..PHASES.len(), proptest::option::of(0_i64..3));
    // Picks are from all workers that ever existed, so some are gone.
    let pick = 0_usize..1_000;
    let op = prop_oneof![
        6 => place.clone().prop_map(|(role, phase, project)| Op::Create { role, phase, project }),
        4 => place.prop_map(|(role, phase, project)| Op::Offer { role, phase, project }),
        12 => (pick.clone(), proptest::sample::select(AgentStatus::ALL))
            .prop_map(|(pick, to)| Op::Transition { pick, to }),
        4 => pick.clone().prop_map(|pick| Op::Claim { pick }),
        1 => pick.clone().prop_map(|pick| Op::NoteRetry { pick }),
        2 => pick.prop_map(|pick| Op::Remove { pick }),
        1 => Just(Op::CancelUnclaimed),
        1 => Just(Op::Clear),
    ];
    proptest::collection::vec(op, 0..80)
}

/// A worker of the model.
#[derive(Clone, Debug)]
struct Known {
    id: String,
    role: usize,
    phase: usize,
    project: Option<i64>,
    status: AgentStatus,
    retries: u32,
    offered: bool,
    unclaimed: bool,
    /// The place in the order of finishing.
    finished: Option<usize>,
}

#[derive(Default)]
struct Model {
    finished_capacity: usize,
    unclaimed_capacity: usize,
    /// In the order of creation.
    workers: Vec<Known>,
    /// The last known state of each worker that ever existed, and its handle.
    ever: Vec<(String, AgentStatus, StatusHandle)>,
    finishes: usize,
    finished_dropped: u64,
}

impl Model {
    fn find(&mut self, id: &str) -> Option<&mut Known> {
        self.workers.iter_mut().find(|known| known.id == id)
    }

    fn picked(&self, pick: usize) -> String {
        let place = pick.checked_rem(self.ever.len());
        place.map_or_else(|| "nobody".to_owned(), |place| self.ever[place].0.clone())
    }

    fn born(&mut self, registry: &AgentRegistry, worker: &AgentWorker, role: usize, phase: usize) {
        let id = worker.id().to_string();
        let handle = registry.status(&id).unwrap();
        let offered = worker.status() == AgentStatus::Initializing;
        self.ever.push((id.clone(), worker.status(), handle));
        self.workers.push(Known {
            id,
            role,
            phase,
            project: worker.project_id(),
            status: worker.status(),
            retries: 0,
            offered,
            unclaimed: offered,
            finished: None,
        });
        let waiting: Vec<String> = self.unclaimed().map(|known| known.id.clone()).collect();
        if waiting.len() > self.unclaimed_capacity {
            self.moved(&waiting[0], AgentStatus::Cancelled);
        }
    }

    fn moved(&mut self, id: &str, to: AgentStatus) {
        let place = self.finishes;
        let known = self.find(id).unwrap();
        known.status = to;
        known.unclaimed = false;
        self.ever.iter_mut().find(|(ever, ..)| ever == id).unwrap().1 = to;
        if to.is_terminal() {
            self.find(id).unwrap().finished = Some(place);
            self.finishes += 1;
            let finished = self.workers.iter().filter_map(|known| known.finished);
            if finished.clone().count() > self.finished_capacity {
                let first = finished.min();
                self.workers.retain(|known| known.finished != first || first.is_none());
                self.finished_dropped += 1;
            }
        }
    }

    fn unclaimed(&self) -> impl Iterator<Item = &Known> {
        self.workers.iter().filter(|known| known.unclaimed)
    }

    fn active(&self) -> impl Iterator<Item = &Known> {
        self.workers.iter().filter(|known| !known.status.is_terminal())
    }
}

fn apply(registry: &AgentRegistry, model: &mut Model, op: &Op) -> Result<(), TestCaseError> {
    match *op {
        Op::Create { role, phase, project } => {
            let worker = registry.create(ROLES[role], PHASES[phase], project).unwrap();
            model.born(registry, &worker, role, phase);
        }
        Op::Offer { role, phase, project } => {
            let worker = registry.offer(ROLES[role], PHASES[phase], project, "handoff").unwrap();
            model.born(registry, &worker, role, phase);
        }
        Op::Transition { pick, to } => {
            let id = model.picked(pick);
            let moved = registry.transition(&id, to, None);
            match model.find(&id).map(|known| known.status) {
                None => prop_assert!(matches!(moved, Err(TransitionError::NotFound(_)))),
                Some(from) if from.can_become(to) => {
                    prop_assert_eq!(moved.unwrap().status(), to);
                    model.moved(&id, to);
                }
                Some(_) => prop_assert!(matches!(moved, Err(TransitionError::Invalid(_)))),
            }
        }
        Op::Claim { pick } => {
            let id = model.picked(pick);
            let claimed = registry.claim(&id);
            match model.find(&id).cloned() {
                None => prop_assert!(matches!(claimed, Err(ClaimError::NotFound(_)))),
                Some(known) if known.unclaimed => {
                    prop_assert_eq!(claimed.unwrap().status(), AgentStatus::Running);
                    model.moved(&id, AgentStatus::Running);
                }
                Some(known) if known.status.is_terminal() => {
                    let ended = matches!(claimed, Err(ClaimError::Ended { .. }));
                    prop_assert!(ended);
                }
                Some(known) if known.offered => {
                    let taken = matches!(claimed, Err(ClaimError::AlreadyClaimed { .. }));
                    prop_assert!(taken);
                }
                Some(_) => {
                    let never = matches!(claimed, Err(ClaimError::NeverOffered { .. }));
                    prop_assert!(never);
                }
            }
        }
        Op::NoteRetry { pick } => {
            let id = model.picked(pick);
            let noted = registry.note_retry(&id).is_ok();
            let known = model.find(&id);
            prop_assert_eq!(noted, known.is_some());
            if let Some(known) = known {
                known.retries += 1;
            }
        }
        Op::Remove { pick } => {
            let id = model.picked(pick);
            let removed = registry.remove(&id);
            prop_assert_eq!(
                removed.map(|worker| worker.status()),
                model.find(&id).map(|known| known.status)
            );
            model.workers.retain(|known| known.id != id);
        }
        Op::CancelUnclaimed => {
            let waiting: Vec<String> = model.unclaimed().map(|known| known.id.clone()).collect();
            prop_assert_eq!(ids(&registry.cancel_unclaimed("shutdown")), waiting.clone());
            for id in &waiting {
                model.moved(id, AgentStatus::Cancelled);
            }
        }
        Op::Clear => {
            registry.clear();
            model.workers.clear();
        }
    }
    Ok(())
}

/// Compares the results of every look-up.
fn agree(registry: &AgentRegistry, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(registry.len(), model.workers.len());
    prop_assert_eq!(registry.is_empty(), model.workers.is_empty());
    prop_assert_eq!(registry.finished_dropped(), model.finished_dropped);

    for known in &model.workers {
        let worker = registry.get(&known.id).unwrap();
        prop_assert_eq!(worker.status(), known.status);
        prop_assert_eq!(worker.retry_count(), known.retries);
        prop_assert_eq!(&**worker.role(), ROLES[known.role]);
        prop_assert_eq!(&**worker.phase(), PHASES[known.phase]);
        prop_assert_eq!(worker.project_id(), known.project);
    }
    let there: HashSet<&str> = model.workers.iter().map(|known| &*known.id).collect();
    for (id, last, handle) in &model.ever {
        prop_assert_eq!(registry.get(id).is_some(), there.contains(&**id));
        prop_assert_eq!(handle.get(), *last, "the handle of {} shows something else", id);
    }

    let names = |known: &Known| known.id.clone();
    let active: Vec<_> = model.active().map(names).collect();
    prop_assert_eq!(ids(&registry.list_active()), active);
    let unclaimed: Vec<_> = model.unclaimed().map(names).collect();
    prop_assert_eq!(ids(&registry.list_unclaimed()), unclaimed);
    for (role, name) in ROLES.iter().enumerate() {
        for (phase, at) in PHASES.iter().enumerate() {
            let oldest = model.active().find(|known| (known.role, known.phase) == (role, phase));
            let found = registry.get_by_role_phase(name, at);
            prop_assert_eq!(
                found.map(|worker| worker.id().to_string()),
                oldest.map(|known| known.id.clone())
            );
        }
    }
    for project in 0..3 {
        let known = model.workers.iter().filter(|known| known.project == Some(project));
        let known: Vec<_> = known.map(names).collect();
        prop_assert_eq!(ids(&registry.get_by_project(project)), known);
    }
    Ok(())
}

proptest! {
    #[test]
    fn lookups_agree_with_a_full_scan(
        ops in ops(),
        finished_capacity in 0_usize..6,
        unclaimed_capacity in 1_usize..4,
    ) {
        let config = counting()
            .finished_capacity(finished_capacity)
            .unclaimed_capacity(NonZeroUsize::new(unclaimed_capacity).unwrap());
        let registry = AgentRegistry::with_config(config);
        let mut model = Model { finished_capacity, unclaimed_capacity, ..Model::default() };
        for op in &ops {
            apply(&registry, &mut model, op)?;
            agree(&registry, &model)?;
        }

        // Every worker can be ended, and the registry takes new ones.
        for worker in registry.list_active() {
            registry.transition(worker.id(), AgentStatus::Cancelled, None).unwrap();
        }
        prop_assert!(registry.list_active().is_empty());
        prop_assert!(registry.len() <= finished_capacity);
        let newest = registry.create("writer", "draft", None).unwrap();
        prop_assert_eq!(registry.get_by_role_phase("writer", "draft"), Some(newest));
    }
}
