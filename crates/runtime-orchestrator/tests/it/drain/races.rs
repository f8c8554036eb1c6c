//! Races between two steps, forced by the caller's id source and waker.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use runtime_events::IdSource;
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{BoxError, Orchestrator, SessionError, Shutdown, Turn};
use runtime_sinks::testing::RecordingEventSink;

use super::fine;
use crate::support::{Fixture, limit, now, wait_for};

/// Begins the shutdown after `left` more draws.
#[derive(Debug)]
struct Trigger {
    left: AtomicU64,
    shutdown: Shutdown,
}

impl IdSource for Trigger {
    fn draw(&self) -> u128 {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left == 0 {
            self.shutdown.begin();
        }
        u128::from(left) + 1_000
    }
}

#[test]
fn session_refused_while_opening_leaves_a_cancelled_worker() {
    let (shutdown, events) = (Shutdown::new(), RecordingEventSink::new());
    // One draw for the worker, one for the session.
    let ids = Trigger { left: AtomicU64::new(1), shutdown: shutdown.clone() };
    let orchestrator = Orchestrator::new("writer", "draft")
        .ids(ids)
        .project_id(7)
        .event_sink(events.clone())
        .shutdown(&shutdown);
    let refused = orchestrator.session().unwrap_err();
    assert!(matches!(refused, SessionError::ShuttingDown(_)));
    assert!(events.events().is_empty());
    let [worker] = &*orchestrator.shared_registry().get_by_project(7) else { panic!() };
    assert_eq!(worker.status(), AgentStatus::Cancelled);
    let log = worker.events().last().unwrap();
    assert_eq!(log.detail.as_deref(), Some("shutdown before it began"));
    let drained = shutdown.drain_blocking(Duration::ZERO);
    assert_eq!((drained.ended, drained.left_over.len(), drained.in_time), (0, 0, true));
}

#[test]
fn child_refused_by_the_parents_roster_is_on_no_other() {
    let lead = Fixture::new();
    let shutdown = Shutdown::on(lead.clock.clone());
    let parent = lead.orchestrator.clone().shutdown(&shutdown).session().unwrap();
    let ids = Trigger { left: AtomicU64::new(1), shutdown };
    let search = Orchestrator::new("searcher", "search").ids(ids).time(lead.clock);
    assert!(search.session_below(&parent).unwrap_err().is_shutdown());
    let drained = search.drain_blocking(Duration::ZERO);
    assert_eq!((drained.ended, drained.left_over.len(), drained.in_time), (0, 0, true));
    parent.complete().unwrap();
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An executor that drops its task on wake-up.
struct DropsAtWake(Mutex<Option<Work>>);

impl Wake for DropsAtWake {
    fn wake(self: Arc<Self>) {
        let work = self.0.lock().map(|mut work| work.take());
        drop(work);
    }
}

#[test]
fn child_is_cancelled_as_shutdown_before_its_parents_drop() {
    let fixture = Fixture::new();
    let parent = Arc::new(fixture.orchestrator.session().unwrap());
    let child = parent.child("searcher").unwrap();
    let handle = child.handle();
    let inside = Arc::clone(&parent);
    let work: Work = Box::pin(async move {
        let _ = inside
            .run_tool("research", || async {
                let _child = child;
                pending::<Result<(), BoxError>>().await
            })
            .await;
    });
    let task = Arc::new(DropsAtWake(Mutex::new(Some(work))));
    let waker = Waker::from(Arc::clone(&task));
    let mut work = task.0.lock().unwrap().take().unwrap();
    assert!(work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    *task.0.lock().unwrap() = Some(work);

    let drained = wait_for(fixture.orchestrator.drain(limit(&fixture.clock, Duration::ZERO)));
    assert!(task.0.lock().unwrap().is_none(), "it was woken");
    assert_eq!(drained.ended, 0, "{drained}");
    assert_eq!(drained.left_over.len(), 2);
    assert_eq!(handle.status(), AgentStatus::Cancelled);
    assert!(now(parent.run_turn(Turn::model("m"), fine)).unwrap_err().is_shutdown());
}
