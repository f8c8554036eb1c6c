//! Drains whose sinks block or fail.

use std::sync::Arc;

use futures_util::join;
use runtime_events::{AgentEvent, AgentEventName, ManualClock};
use runtime_orchestrator::{BoxError, Orchestrator, Shutdown, Turn};
use runtime_sinks::testing::RecordingEventSink;
use runtime_sinks::{EventSink, NoopEventSink, SinkError, UsageRecord, UsageSink};

use super::SECOND;
use crate::support::{GatedSink, assert_lawful, limit, now, spin_until};

/// An orchestrator whose drain passes its timeout at once.
fn writer(sink: &GatedSink) -> Orchestrator {
    Orchestrator::new("writer", "draft").time(ManualClock::skipping()).event_sink(sink.clone())
}

#[test]
fn drain_returns_although_a_sink_blocks() {
    let sink = GatedSink::default();
    let orchestrator = writer(&sink);
    let idle = orchestrator.session().unwrap();
    sink.shut();
    let drained = orchestrator.drain_blocking(SECOND);
    assert!(idle.summary().shutdown);
    assert_eq!((drained.in_time, drained.ended, drained.undelivered), (false, 0, 1));
    assert!(drained.left_over[0].stuck && drained.left_over[0].undelivered);
    assert_eq!(drained.sink_failures, ["the sink has not returned after 1s"]);
    let text = drained.to_string();
    assert!(text.contains("0 ended, 1 left over, 1 last event undelivered\n"), "{text}");
    assert!(text.contains("cancelled, stuck, last event undelivered\n"), "{text}");

    sink.open();
    spin_until(|| sink.taken.names().last() == Some(&AgentEventName::AgentFailed));
    let again = orchestrator.drain_blocking(SECOND);
    assert_eq!((again.undelivered, again.left_over.len()), (0, 1), "delivered meanwhile");
    assert!(!again.left_over[0].stuck && again.sink_failures.is_empty());
    assert_lawful(&sink.taken.events());
}

#[test]
fn drain_does_not_block_its_executor() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (sink, clock) = (GatedSink::default(), ManualClock::skipping());
    let orchestrator = writer(&sink);
    let idle = orchestrator.session().unwrap();
    sink.shut();
    // The sink returns only if this task runs beside the drain.
    let opens = async {
        while sink.blocks() == 0 {
            tokio::task::yield_now().await;
        }
        sink.open();
    };
    let (drained, ()) =
        runtime.block_on(async { join!(orchestrator.drain(limit(&clock, SECOND)), opens) });
    assert_eq!((drained.undelivered, drained.left_over.len()), (0, 1));
    assert!(!drained.left_over[0].stuck && idle.summary().shutdown);
    assert_lawful(&sink.taken.events());
}

#[test]
fn blocked_sink_holds_up_no_session_with_another_sink() {
    let (blocked, fine) = (GatedSink::default(), RecordingEventSink::new());
    let shutdown = Shutdown::on(ManualClock::skipping());
    let first = writer(&blocked).shutdown(&shutdown).session().unwrap();
    let others = Orchestrator::new("editor", "review").event_sink(fine.clone());
    let others = others.shutdown(&shutdown);
    let (second, third) = (others.session().unwrap(), others.session().unwrap());
    blocked.shut();
    let drained = shutdown.drain_blocking(SECOND);
    assert_eq!(fine.all(AgentEventName::AgentFailed).len(), 2);
    assert_eq!((drained.undelivered, drained.left_over.len()), (1, 3));
    let stuck = drained.left_over.iter().map(|left| left.stuck).collect::<Vec<_>>();
    assert_eq!(stuck, [true, false, false]);
    blocked.open();
    drop((first, second, third));
}

#[test]
fn last_events_that_a_sink_refuses_are_counted() {
    let full = |event: &Arc<AgentEvent>| match event.event {
        AgentEventName::AgentCompleted | AgentEventName::AgentFailed => {
            Err(SinkError::new("write", "disk full"))
        }
        _ => Ok(()),
    };
    let orchestrator =
        Orchestrator::new("writer", "draft").time(ManualClock::skipping()).event_sink(full);
    let (ends, idle) = (orchestrator.session().unwrap(), orchestrator.session().unwrap());
    orchestrator.session().unwrap().complete().unwrap();
    let turn = now(ends.begin_turn(Turn::model("m"))).unwrap();
    drop(turn);
    let drained = orchestrator.drain_blocking(SECOND);
    assert_eq!(drained.undelivered, 2, "of the sessions that were open: {drained}");
    assert!(drained.left_over.iter().all(|left| left.undelivered && !left.stuck));
    drop((ends, idle));
}

#[test]
fn sessions_without_a_sink_owe_nothing() {
    let orchestrator = Orchestrator::new("writer", "draft").time(ManualClock::skipping());
    let idle = orchestrator.session().unwrap();
    let drained = orchestrator.drain_blocking(SECOND);
    assert_eq!((drained.undelivered, drained.left_over.len()), (0, 1));
    assert!(!drained.left_over[0].undelivered);
    drop(idle);
}

#[test]
fn usage_sink_that_blocks_does_not_hold_up_the_drain() {
    struct Blocks(GatedSink);
    impl UsageSink for Blocks {
        fn record(&self, _: &UsageRecord) -> Result<(), SinkError> {
            Ok(())
        }

        fn flush(&self) -> Result<(), SinkError> {
            self.0.flush()
        }
    }
    let gate = GatedSink::default();
    gate.shut();
    let orchestrator = Orchestrator::new("writer", "draft")
        .time(ManualClock::skipping())
        .event_sink(NoopEventSink)
        .usage_sink(Blocks(gate.clone()));
    let idle = orchestrator.session().unwrap();
    let drained = orchestrator.drain_blocking(SECOND);
    assert_eq!((drained.undelivered, drained.left_over.len()), (0, 1), "the event is out");
    assert!(drained.left_over[0].stuck, "the flush at its end has not returned");
    assert_eq!(drained.sink_failures.len(), 1);
    gate.open();
    let report = idle.finish(Ok::<_, BoxError>(()));
    assert!(report.summary.shutdown);
}
