//! The registry, one caller at a time.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime_events::{Clock, CountingIds, IdSource, ManualClock};
use runtime_lifecycle::AgentStatus::{Cancelled, Completed, Failed, Idle, Initializing, Running};
use runtime_lifecycle::RegistryConfig;
use runtime_lifecycle::{
    AgentRegistry, AgentWorker, ClaimError, CreateWorkerError, Offer, StatusHandle, TransitionError,
};

pub(crate) fn counting() -> RegistryConfig {
    RegistryConfig::default()
        .ids(Arc::new(CountingIds::default()))
        .clock(Arc::new(ManualClock::new()))
}

pub(crate) fn ids(workers: &[AgentWorker]) -> Vec<String> {
    workers.iter().map(|worker| worker.id().to_string()).collect()
}

fn complete(registry: &AgentRegistry, id: &str) {
    for to in [Initializing, Running, Completed] {
        registry.transition(id, to, None).unwrap();
    }
}

/// Draws the numbers of a script, and then its last one again and again.
#[derive(Debug)]
struct Scripted(Vec<u128>, AtomicUsize);

impl Scripted {
    fn new(draws: &[u128]) -> Arc<Self> {
        Arc::new(Self(draws.to_vec(), AtomicUsize::new(0)))
    }
}

impl IdSource for Scripted {
    fn draw(&self) -> u128 {
        let next = self.1.fetch_add(1, Ordering::Relaxed);
        *self.0.get(next).or_else(|| self.0.last()).unwrap()
    }
}

#[test]
fn worker_id_is_role_phase_and_eight_digits() {
    let ids = Scripted::new(&[0xdead_beef_0000_00ab_u128]);
    let registry = AgentRegistry::with_config(RegistryConfig::default().ids(ids));
    let worker = registry.create("writer", "draft", None).unwrap();
    assert_eq!(&**worker.id(), "writer-draft-000000ab");
    assert_eq!(worker.status(), Idle);
}

#[test]
fn taken_id_is_drawn_again() {
    let draws = Scripted::new(&[7, 7, 7, 8]);
    let registry = AgentRegistry::with_config(RegistryConfig::default().ids(draws));
    let first = registry.create("writer", "draft", Some(1)).unwrap();
    let second = registry.create("writer", "draft", Some(2)).unwrap();
    assert_eq!(ids(&registry.list_active()), ["writer-draft-00000007", "writer-draft-00000008"]);
    assert_eq!(registry.get(first.id()).unwrap().project_id(), Some(1), "it was replaced");
    assert_eq!(registry.get(second.id()).unwrap().project_id(), Some(2));
}

#[test]
fn repeating_id_source_is_an_error() {
    let registry = AgentRegistry::with_config(RegistryConfig::default().ids(Scripted::new(&[7])));
    let first = registry.create("writer", "draft", Some(1)).unwrap();
    let error = registry.create("writer", "draft", Some(2)).unwrap_err();
    assert_eq!(error.to_string(), "no free worker id `writer-draft-…` after 64 draws");
    assert_eq!(registry.len(), 1);
    assert_eq!(registry.get(first.id()), Some(first));
    assert!(registry.get_by_project(2).is_empty());
}

#[test]
fn removed_worker_frees_its_id() {
    let registry = AgentRegistry::with_config(RegistryConfig::default().ids(Scripted::new(&[7])));
    let first = registry.create("writer", "draft", None).unwrap();
    registry.remove(first.id()).unwrap();
    assert_eq!(registry.create("writer", "draft", None).unwrap().id(), first.id());
}

#[test]
fn blank_role_is_refused_with_its_value() {
    let registry = AgentRegistry::new();
    for blank in ["", " \t"] {
        let error = registry.create(blank, "draft", None).unwrap_err();
        assert!(matches!(&error, CreateWorkerError::Blank { field: "role", .. }));
        assert_eq!(error.to_string(), format!("role must not be blank, found `{blank}`"));
        assert!(registry.offer(blank, "draft", None, "").is_err());
    }
    assert!(registry.is_empty());
}

#[test]
fn invalid_transition_changes_nothing() {
    let registry = AgentRegistry::with_config(counting());
    let worker = registry.create("writer", "draft", None).unwrap();
    let error = registry.transition(worker.id(), Completed, Some("too soon")).unwrap_err();
    assert!(matches!(error, TransitionError::Invalid(_)));
    assert_eq!(error.to_string(), "Invalid transition: idle → completed");
    assert_eq!(registry.get(worker.id()), Some(worker.clone()));
    assert_eq!(registry.list_active(), [worker]);
}

#[test]
fn unknown_id_is_reported_as_not_found() {
    let registry = AgentRegistry::new();
    let error = registry.transition("ghost", Running, None).unwrap_err();
    assert_eq!(error.to_string(), "Worker not found: ghost");
    assert_eq!(registry.claim("ghost").unwrap_err().to_string(), "Worker not found: ghost");
    assert!(registry.note_retry("ghost").is_err());
    assert!(registry.note_provider("ghost", "azure").is_err());
    assert!(registry.remove("ghost").is_none());
    assert!(registry.status("ghost").is_none());
}

#[test]
fn get_by_role_phase_returns_the_oldest_active_worker() {
    let registry = AgentRegistry::with_config(counting());
    let first = registry.create("writer", "draft", None).unwrap();
    let second = registry.create("writer", "draft", None).unwrap();
    registry.create("writerd", "raft", None).unwrap();
    let found = || registry.get_by_role_phase("writer", "draft").map(|w| w.id().clone());
    assert_eq!(found().as_ref(), Some(first.id()));
    registry.transition(first.id(), Failed, None).unwrap();
    assert_eq!(found().as_ref(), Some(second.id()));
    registry.remove(second.id());
    assert_eq!(found(), None);
}

#[test]
fn long_role_and_phase_are_found() {
    let registry = AgentRegistry::new();
    for length in [1, 14, 15, 28, 29, 30, 300] {
        let role = "ä".repeat(length);
        let worker = registry.create(&*role, "entwurf", None).unwrap();
        assert_eq!(registry.get_by_role_phase(&role, "entwurf"), Some(worker));
        assert_eq!(registry.get_by_role_phase(&format!("{role}e"), "ntwurf"), None);
    }
}

#[test]
fn times_come_from_the_clock() {
    let clock = ManualClock::new();
    let registry =
        AgentRegistry::with_config(RegistryConfig::default().clock(Arc::new(clock.clone())));
    let worker = registry.create("writer", "draft", None).unwrap();
    clock.advance(Duration::from_mins(1));
    let worker = registry.transition(worker.id(), Failed, Some("disk")).unwrap();
    assert_eq!((worker.updated_at() - worker.created_at()).num_seconds(), 60);
    assert_eq!(worker.last_error().unwrap().timestamp, clock.utc_now());
}

#[test]
fn retries_and_provider_are_recorded() {
    let registry = AgentRegistry::new();
    let id = registry.create("writer", "draft", None).unwrap().id().clone();
    registry.note_retry(&id).unwrap();
    registry.note_retry(&id).unwrap();
    registry.note_provider(&id, "azure").unwrap();
    let worker = registry.get(&id).unwrap();
    assert_eq!((worker.retry_count(), worker.provider_used()), (2, Some("azure")));
}

#[test]
fn finished_workers_are_bounded_oldest_first() {
    let registry = AgentRegistry::with_config(counting().finished_capacity(2));
    let workers: Vec<_> =
        (0..4).map(|_| registry.create("writer", "draft", Some(1)).unwrap()).collect();
    for place in [2, 0, 3] {
        complete(&registry, workers[place].id());
    }
    assert!(registry.get(workers[2].id()).is_none(), "the first to finish is the first out");
    assert_eq!(
        ids(&registry.get_by_project(1)),
        ids(&[workers[0].clone(), workers[1].clone(), workers[3].clone()]),
    );
    assert_eq!((registry.len(), registry.finished_dropped()), (3, 1));
}

#[test]
fn finished_capacity_of_zero_keeps_none() {
    let registry = AgentRegistry::with_config(counting().finished_capacity(0));
    let worker = registry.create("writer", "draft", Some(1)).unwrap();
    let status = registry.status(worker.id()).unwrap();
    let ended = registry.transition(worker.id(), Failed, Some("disk")).unwrap();
    assert_eq!((ended.status(), status.get()), (Failed, Failed));
    assert!(registry.is_empty() && registry.get_by_project(1).is_empty());
}

#[test]
fn removed_finished_workers_do_not_count() {
    let registry = AgentRegistry::with_config(counting().finished_capacity(1));
    let first = registry.create("writer", "draft", None).unwrap();
    complete(&registry, first.id());
    registry.remove(first.id()).unwrap();
    let second = registry.create("writer", "draft", None).unwrap();
    complete(&registry, second.id());
    assert!(registry.get(second.id()).is_some());
    assert_eq!(registry.finished_dropped(), 0);
}

#[test]
fn status_handle_follows_the_worker() {
    let registry = AgentRegistry::new();
    let worker = registry.create("writer", "draft", None).unwrap();
    let handle = registry.status(worker.id()).unwrap();
    let somebody_else = registry.clone();
    somebody_else.transition(worker.id(), Cancelled, Some("user")).unwrap();
    assert_eq!(handle.get(), Cancelled);
    assert_eq!(format!("{handle:?}"), "StatusHandle(Cancelled)");
    registry.remove(worker.id());
    assert_eq!(handle.get(), Cancelled, "it goes on showing the last state");
}

#[test]
fn offer_is_claimed_once() {
    let registry = AgentRegistry::with_config(counting());
    let offered = registry.offer("editor", "draft", Some(1), "handoff from writer").unwrap();
    assert_eq!(offered.status(), Initializing);
    assert_eq!(offered.events().next().unwrap().detail.as_deref(), Some("handoff from writer"));
    assert_eq!(registry.get_by_role_phase("editor", "draft"), Some(offered.clone()));
    assert_eq!(registry.list_unclaimed(), std::slice::from_ref(&offered));

    assert_eq!(registry.claim(offered.id()).unwrap().status(), Running);
    assert!(registry.list_unclaimed().is_empty());
    let error = registry.claim(offered.id()).unwrap_err();
    assert!(matches!(error, ClaimError::AlreadyClaimed { .. }));
    assert_eq!(
        error.to_string(),
        "worker `editor-draft-00000001` was claimed before and is `running`"
    );
}

/// Comes back to its registry when it is dropped.
struct ComesBack(AgentRegistry);

impl Drop for ComesBack {
    fn drop(&mut self) {
        assert!(self.0.list_active().len() <= 1);
    }
}

#[test]
fn attachment_is_kept_until_the_claim_or_the_end() {
    let registry = AgentRegistry::new();
    let kept = Arc::new(ComesBack(registry.clone()));
    let offer = |registry: &AgentRegistry| {
        let offer = Offer::new("").attach(kept.clone());
        registry.offer("editor", "draft", None, offer).unwrap()
    };
    let (claimed, cancelled, moved) = (offer(&registry), offer(&registry), offer(&registry));
    assert!(registry.attachment(claimed.id()).unwrap().is::<ComesBack>());
    assert_eq!(Arc::strong_count(&kept), 4);
    registry.claim(claimed.id()).unwrap();
    assert!(registry.attachment(claimed.id()).is_none());
    registry.transition(moved.id(), Failed, None).unwrap();
    assert!(registry.attachment(moved.id()).is_none());
    assert_eq!(Arc::strong_count(&kept), 2, "a worker that has ended keeps none");
    registry.cancel_unclaimed("shutdown");
    assert!(registry.attachment(cancelled.id()).is_none());
    registry.remove(moved.id()).unwrap();
    assert_eq!(Arc::strong_count(&kept), 1);

    let plain = registry.offer("editor", "draft", None, "").unwrap();
    assert!(registry.attachment(plain.id()).is_none());
    registry.cancel_unclaimed("");
    let last = registry.offer("editor", "draft", None, Offer::new("").attach(kept)).unwrap();
    registry.cancel_unclaimed("");
    assert!(registry.attachment(last.id()).is_none(), "dropped without a lock");
}

#[test]
fn unoffered_and_ended_workers_cannot_be_claimed() {
    let registry = AgentRegistry::with_config(counting());
    let created = registry.create("writer", "draft", None).unwrap();
    let error = registry.claim(created.id()).unwrap_err();
    assert_eq!(error.to_string(), "worker `writer-draft-00000001` was never offered and is `idle`");

    let offered = registry.offer("editor", "draft", None, "").unwrap();
    registry.transition(offered.id(), Cancelled, None).unwrap();
    assert!(registry.list_unclaimed().is_empty());
    let error = registry.claim(offered.id()).unwrap_err();
    assert_eq!(error.to_string(), "worker `editor-draft-00000002` has ended and is `cancelled`");
}

#[test]
fn unclaimed_offers_are_bounded_oldest_first() {
    let bound = NonZeroUsize::new(2).unwrap();
    let registry = AgentRegistry::with_config(counting().unclaimed_capacity(bound));
    let offers: Vec<_> =
        (0..4).map(|_| registry.offer("editor", "draft", None, "").unwrap()).collect();
    registry.claim(offers[2].id()).unwrap();
    registry.offer("editor", "draft", None, "").unwrap();

    for place in [0, 1] {
        let lapsed = registry.get(offers[place].id()).unwrap();
        assert_eq!(lapsed.status(), Cancelled);
        let detail = lapsed.events().next_back().unwrap().detail.clone();
        assert_eq!(detail.as_deref(), Some("never claimed: more than 2 workers were waiting"));
        assert!(matches!(registry.claim(lapsed.id()), Err(ClaimError::Ended { .. })));
    }
    assert_eq!(registry.list_unclaimed().len(), 2);
    assert_eq!(registry.list_active().len(), 3);
}

#[test]
fn cancel_unclaimed_ends_every_open_offer() {
    let registry = AgentRegistry::with_config(counting());
    let claimed = registry.offer("editor", "draft", None, "").unwrap();
    let waiting = registry.offer("editor", "draft", None, "").unwrap();
    registry.claim(claimed.id()).unwrap();
    let cancelled = registry.cancel_unclaimed("shutdown");
    assert_eq!(ids(&cancelled), [&**waiting.id()]);
    assert_eq!(cancelled[0].status(), Cancelled);
    assert!(registry.cancel_unclaimed("again").is_empty());
    assert_eq!(ids(&registry.list_active()), [&**claimed.id()]);
}

#[test]
fn cleared_registry_is_empty_and_usable() {
    let registry = AgentRegistry::with_config(counting());
    let status = registry.create("writer", "draft", Some(1)).unwrap();
    let status = registry.status(status.id()).unwrap();
    registry.offer("editor", "draft", Some(1), "").unwrap();
    registry.clear();
    assert!(registry.is_empty() && registry.list_active().is_empty());
    assert!(registry.get_by_project(1).is_empty() && registry.list_unclaimed().is_empty());
    assert_eq!(status.get(), Idle);
    registry.create("writer", "draft", Some(1)).unwrap();
    assert!(registry.get_by_role_phase("writer", "draft").is_some());
}

#[test]
fn debug_output_does_not_list_workers() {
    let registry = AgentRegistry::with_config(counting());
    registry.create("writer", "draft", None).unwrap();
    let printed = format!("{registry:?}");
    assert!(printed.contains("len: 1") && !printed.contains("writer-draft"), "{printed}");
}

const fn shared<T: Send + Sync + Clone + 'static>() {}
const _: () = shared::<AgentRegistry>();
const _: () = shared::<StatusHandle>();
