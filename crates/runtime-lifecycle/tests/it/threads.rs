//! The registry, used by eight threads.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use runtime_lifecycle::AgentStatus::{Cancelled, Completed, Initializing, Running};
use runtime_lifecycle::RegistryConfig;
use runtime_lifecycle::{AgentRegistry, AgentWorker};

const THREADS: usize = 8;
const ROUNDS: usize = 400;
const ROLES: [&str; 3] = ["writer", "editor", "researcher"];

fn at_once(work: impl Fn(usize) + Sync) {
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(thread);
            });
        }
    });
}

fn id_set(workers: &[AgentWorker]) -> BTreeSet<&str> {
    workers.iter().map(|worker| &**worker.id()).collect()
}

/// Checks that every index has the same workers.
fn indexes_agree(registry: &AgentRegistry, projects: i64) {
    let all: Vec<AgentWorker> = (0..projects).flat_map(|p| registry.get_by_project(p)).collect();
    assert_eq!(all.len(), registry.len(), "by project and by id differ");
    assert!(all.iter().all(|worker| registry.get(worker.id()).as_ref() == Some(worker)));

    let active: Vec<AgentWorker> =
        all.iter().filter(|w| !w.status().is_terminal()).cloned().collect();
    let listed = registry.list_active();
    assert_eq!(id_set(&listed), id_set(&active), "the list of the active ones differs");
    for role in ROLES {
        let oldest = listed.iter().find(|worker| &**worker.role() == role);
        assert_eq!(registry.get_by_role_phase(role, "draft").as_ref(), oldest);
    }
}

#[test]
fn concurrent_changes_lose_no_worker() {
    let registry =
        AgentRegistry::with_config(RegistryConfig::default().finished_capacity(usize::MAX));
    let (ended, removed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    at_once(|thread| {
        let project = i64::try_from(thread).unwrap();
        for round in 0..ROUNDS {
            let role = ROLES[(thread + round) % ROLES.len()];
            let worker = registry.create(role, "draft", Some(project)).unwrap();
            assert_eq!(registry.get(worker.id()), Some(worker.clone()));
            let status = registry.status(worker.id()).unwrap();
            registry.transition(worker.id(), Initializing, None).unwrap();
            registry.transition(worker.id(), Running, None).unwrap();
            // A found worker may end at any time, but its role, phase and project are right.
            if let Some(found) = registry.get_by_role_phase(role, "draft") {
                assert_eq!(&**found.role(), role);
                assert!(!found.status().is_terminal());
            }
            match round % 4 {
                0 => {}
                1 => {
                    registry.transition(worker.id(), Completed, None).unwrap();
                    assert_eq!(status.get(), Completed);
                    ended.fetch_add(1, Ordering::Relaxed);
                }
                2 => {
                    registry.remove(worker.id()).unwrap();
                    removed.fetch_add(1, Ordering::Relaxed);
                }
                _ => {
                    registry.transition(worker.id(), Cancelled, None).unwrap();
                    registry.remove(worker.id()).unwrap();
                    removed.fetch_add(1, Ordering::Relaxed);
                }
            }
            if round % 50 == 0 {
                assert!(registry.list_active().iter().all(|worker| !worker.status().is_terminal()));
                assert!(registry.get_by_project(project).len() <= round + 1);
            }
        }
    });

    let (ended, removed) = (ended.into_inner(), removed.into_inner());
    assert_eq!(registry.len(), THREADS * ROUNDS - removed);
    assert_eq!(registry.list_active().len(), THREADS * ROUNDS - removed - ended);
    indexes_agree(&registry, 8);
}

#[test]
fn contested_workers_end_once_and_are_removed_once() {
    const WORKERS: usize = 5_000;
    let registry = AgentRegistry::with_config(RegistryConfig::default().finished_capacity(3));
    let create = |_| registry.create("writer", "draft", Some(0)).unwrap();
    let workers: Vec<AgentWorker> = (0..WORKERS).map(create).collect();
    let (ended, removed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // All in the same order, so that threads meet.
    at_once(|thread| {
        for worker in &workers {
            let id = worker.id();
            match thread % 4 {
                0 | 1 => {
                    let won = registry.transition(id, Cancelled, None).is_ok();
                    ended.fetch_add(usize::from(won), Ordering::Relaxed);
                }
                2 => {
                    let won = registry.remove(id).is_some();
                    removed.fetch_add(usize::from(won), Ordering::Relaxed);
                }
                _ => {
                    let found = registry.get_by_role_phase("writer", "draft");
                    assert!(
                        found.is_none_or(|found| !found.status().is_terminal()),
                        "it has ended"
                    );
                }
            }
        }
    });

    let (ended, removed) = (ended.into_inner(), removed.into_inner());
    assert!(ended <= WORKERS, "one ended twice");
    let dropped = usize::try_from(registry.finished_dropped()).unwrap();
    assert_eq!(removed + dropped + registry.len(), WORKERS, "one went twice, or was lost");
    assert!(registry.list_active().is_empty() && registry.len() <= 3);
    indexes_agree(&registry, 1);
}

#[test]
fn bounds_hold_under_concurrency() {
    let config = RegistryConfig::default()
        .finished_capacity(5)
        .unclaimed_capacity(NonZeroUsize::new(4).unwrap());
    let registry = AgentRegistry::with_config(config);
    let claimed = AtomicUsize::new(0);
    at_once(|thread| {
        let project = i64::try_from(thread).unwrap();
        for _ in 0..ROUNDS {
            let offered = registry.offer("editor", "draft", Some(project), "handoff").unwrap();
            // The oldest one, so that threads claim and cancel each other's workers.
            let oldest = registry.list_unclaimed().into_iter().next().unwrap_or(offered);
            if registry.claim(oldest.id()).is_ok() {
                claimed.fetch_add(1, Ordering::Relaxed);
                registry.transition(oldest.id(), Completed, None).unwrap();
            }
        }
    });

    let waiting = registry.list_unclaimed();
    assert!(waiting.len() <= 4);
    assert_eq!(id_set(&waiting), id_set(&registry.list_active()));
    assert_eq!(registry.len(), 5 + waiting.len());
    let finished = THREADS * ROUNDS - waiting.len();
    assert_eq!(registry.finished_dropped(), finished as u64 - 5);
    assert!(claimed.into_inner() <= finished);
    indexes_agree(&registry, 8);
}

#[test]
fn offer_is_claimed_by_one_thread() {
    let registry = AgentRegistry::new();
    for _ in 0..ROUNDS {
        let offered = registry.offer("editor", "draft", None, "handoff").unwrap();
        let claims = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let won = registry.claim(offered.id()).is_ok();
                    claims.fetch_add(usize::from(won), Ordering::Relaxed);
                });
            }
        });
        assert_eq!(claims.into_inner(), 1);
    }
}
