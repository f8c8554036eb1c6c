//! Orchestrators with one shutdown, child sessions, and the sinks of all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use runtime_events::{AgentEvent, ManualClock};
use runtime_orchestrator::{BoxError, Orchestrator, Shutdown, Turn};
use runtime_sinks::{EventSink, SinkError, UsageRecord, UsageSink};

use super::{SECOND, draining, fine};
use crate::support::{Fixture, limit, now, wait_for};

#[test]
fn orchestrators_with_one_shutdown_drain_together() {
    let fixture = Fixture::new();
    let shutdown = Shutdown::on(fixture.clock.clone());
    let writer = fixture.orchestrator.clone().shutdown(&shutdown);
    let editor = Orchestrator::new("editor", "review").shutdown(&shutdown);
    let (draft, review) = (writer.session().unwrap(), editor.session().unwrap());
    let alone = fixture.orchestrator.session().unwrap();

    assert!(!shutdown.has_begun());
    shutdown.begin();
    assert!(shutdown.has_begun());
    assert!(now(draft.run_turn(Turn::model("m"), fine)).unwrap_err().is_shutdown());
    assert!(editor.session().unwrap_err().is_shutdown());
    now(alone.run_turn(Turn::model("m"), fine)).unwrap();

    let mut drain = Box::pin(shutdown.drain(limit(&fixture.clock, SECOND)));
    assert!(drain.as_mut().now_or_never().is_none());
    draft.complete().unwrap();
    fixture.clock.advance(SECOND);
    let drained = wait_for(drain);
    assert_eq!((drained.ended, drained.left_over.len()), (1, 1));
    assert_eq!(&*drained.left_over[0].role, "editor");
    assert!(review.summary().shutdown);
    alone.complete().unwrap();
    assert_eq!(wait_for(writer.drain(limit(&fixture.clock, SECOND))), drained);
    assert_eq!(shutdown.drain_blocking(SECOND), drained);
    assert_eq!(format!("{shutdown:?}"), "Shutdown { has_begun: true, .. }");
}

#[test]
fn child_of_another_orchestrator_drains_with_its_parent() {
    for parent_drains in [true, false] {
        let lead = Fixture::new();
        let search = Orchestrator::new("searcher", "search").time(lead.clock.clone());
        let parent = lead.orchestrator.session().unwrap();
        let child = search.session_below(&parent).unwrap();
        let grandchild = child.child("reader").unwrap();
        let drains = if parent_drains { &lead.orchestrator } else { &search };
        let mut drain = Box::pin(drains.drain(limit(&lead.clock, SECOND)));
        assert!(drain.as_mut().now_or_never().is_none());
        let workers = search.shared_registry().len();

        for session in [&child, &grandchild] {
            assert!(now(session.run_turn(Turn::model("m"), fine)).unwrap_err().is_shutdown());
            assert!(session.child("reader").unwrap_err().is_shutdown());
            assert!(lead.orchestrator.session_below(session).unwrap_err().is_shutdown());
        }
        assert_eq!(search.shared_registry().len(), workers);
        let turn = now(parent.run_turn(Turn::model("m"), fine));
        assert_eq!(turn.is_err(), parent_drains, "a parent does not drain with its child");
        assert_eq!(search.session().is_err(), !parent_drains);

        lead.clock.advance(SECOND);
        let drained = wait_for(drain);
        let roles: Vec<_> = drained.left_over.iter().map(|left| &*left.role).collect();
        let all = ["writer", "searcher", "reader"];
        assert_eq!(roles, if parent_drains { &all[..] } else { &all[1..] });
        assert!(child.summary().shutdown && grandchild.summary().shutdown);
    }
}

#[test]
fn child_inside_a_tool_is_cancelled_as_shutdown_not_dropped() {
    let fixture = Fixture::new();
    let parent = fixture.orchestrator.session().unwrap();
    let tool = parent.run_tool("research", || async {
        let child = parent.child("searcher")?;
        let hangs = async || std::future::pending::<Result<(), BoxError>>().await;
        let found = child.run_turn(Turn::model("m"), hangs).await;
        child.finish(found.map(|answer| answer.value)).result
    });
    let mut tool = Box::pin(tool);
    assert!(tool.as_mut().now_or_never().is_none());
    let mut drain = draining(&fixture);
    fixture.clock.advance(10 * SECOND);
    assert!(drain.as_mut().now_or_never().is_none());
    assert!(now(tool).is_err());
    let drained = wait_for(drain);
    assert_eq!(drained.ended, 0);
    let roles: Vec<_> =
        drained.left_over.iter().map(|left| (&*left.role, left.in_flight)).collect();
    assert_eq!(roles, [("writer", 1), ("searcher", 1)]);
}

#[derive(Clone, Default)]
struct Flushed {
    events: Arc<AtomicUsize>,
    usage: Arc<AtomicUsize>,
    fails: bool,
}

impl Flushed {
    fn count(&self, flushed: &AtomicUsize) -> Result<(), SinkError> {
        flushed.fetch_add(1, Ordering::SeqCst);
        if self.fails { Err(SinkError::new("flush", "disk full")) } else { Ok(()) }
    }

    /// The number of flushes since the last call.
    fn taken(&self) -> (usize, usize) {
        (self.events.swap(0, Ordering::SeqCst), self.usage.swap(0, Ordering::SeqCst))
    }
}

impl EventSink for Flushed {
    fn emit(&self, _: &Arc<AgentEvent>) -> Result<(), SinkError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.count(&self.events)
    }
}

impl UsageSink for Flushed {
    fn record(&self, _: &UsageRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.count(&self.usage)
    }
}

#[test]
fn drain_flushes_the_sinks_of_all_open_sessions() {
    let clock = ManualClock::new();
    let shutdown = Shutdown::on(clock.clone());
    let (own, other) = (Flushed::default(), Flushed::default());
    let with = |role: &str, sinks: &Flushed| {
        let orchestrator = Orchestrator::new(role, "draft").time(clock.clone());
        let orchestrator = orchestrator.event_sink(sinks.clone()).usage_sink(sinks.clone());
        orchestrator.shutdown(&shutdown)
    };
    let (writer, editor) = (with("writer", &own), with("editor", &other));
    let parent = editor.session().unwrap();
    drop((parent.child("reader"), editor.session(), parent));
    assert_eq!((own.taken(), other.taken()), ((0, 0), (3, 3)), "each at its session's end");

    let open = (editor.session().unwrap(), editor.session().unwrap());
    let mut drain = Box::pin(writer.drain(limit(&clock, SECOND)));
    assert!(drain.as_mut().now_or_never().is_none());
    open.0.complete().unwrap();
    open.1.complete().unwrap();
    assert_eq!(other.taken(), (2, 2));
    assert_eq!(wait_for(drain).sink_failures, [""; 0]);
    assert_eq!((own.taken(), other.taken()), ((1, 1), (1, 1)), "once");
}

struct Panics;
impl EventSink for Panics {
    fn emit(&self, _: &Arc<AgentEvent>) -> Result<(), SinkError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), SinkError> {
        panic!("boom")
    }
}

#[test]
fn drain_reports_failed_flushes_and_survives_panics() {
    let fails = Flushed { fails: true, ..Flushed::default() };
    let writer = Orchestrator::new("writer", "draft").event_sink(fails.clone()).usage_sink(fails);
    let drained = writer.drain_blocking(SECOND);
    assert_eq!(drained.sink_failures.len(), 2);
    assert!(drained.sink_failures[0].contains("disk full"), "{drained:?}");
    assert!(drained.to_string().contains("\n  a sink was not flushed: "));
    assert!(drained.in_time);

    let drained = Orchestrator::new("writer", "draft").event_sink(Panics).drain_blocking(SECOND);
    assert_eq!(drained.sink_failures, ["the sink panicked"]);
}
