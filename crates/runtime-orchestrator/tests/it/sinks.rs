//! Sinks that fail, panic, block, or call back into their session.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak, mpsc};
use std::thread;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass, Clock, ManualClock};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{BoxError, OrchestrationSession, Orchestrator, Report, Turn};
use runtime_sinks::testing::RecordingEventSink;
use runtime_sinks::{EventSink, FanOut, SinkError, UsageRecord, UsageSink};
use serde_json::Value;

use crate::support::{GatedSink, assert_lawful, dollar, now, prices, returns, spin_until};

fn run(orchestrator: &Orchestrator) -> Report<()> {
    now(orchestrator.run(async |session| {
        for _ in 0..3 {
            let turn = Turn::model("m").usage(dollar());
            session.run_turn(turn, async || Ok::<_, BoxError>(())).await?;
        }
        Ok(())
    }))
}

fn unharmed(report: Report<()>, failures: u64) {
    report.result.unwrap();
    let summary = report.summary;
    assert_eq!(summary.status(), AgentStatus::Completed);
    assert_eq!(summary.usage.turns, 3);
    assert_eq!(summary.sink_failures, failures);
    assert!(summary.to_string().contains(&format!("sinks     {failures} deliveries failed")));
    assert_lawful(&summary.agent_events);
}

#[test]
fn failing_event_sink_is_counted_and_the_session_continues() {
    let full = |_: &Arc<AgentEvent>| Err(SinkError::new("write", "disk full"));
    let orchestrator = Orchestrator::new("writer", "draft").pricing(prices()).event_sink(full);
    unharmed(run(&orchestrator), 11);
}

#[test]
fn panicking_event_sink_is_counted_and_the_session_continues() {
    let bomb = |_: &Arc<AgentEvent>| -> Result<(), SinkError> { resume_unwind(Box::new("sink")) };
    let orchestrator = Orchestrator::new("writer", "draft").pricing(prices()).event_sink(bomb);
    unharmed(run(&orchestrator), 11);
}

#[test]
fn broken_usage_sinks_are_counted_and_the_session_continues() {
    let full = |_: &UsageRecord| Err(SinkError::new("write", "disk full"));
    let orchestrator = Orchestrator::new("writer", "draft").pricing(prices());
    unharmed(run(&orchestrator.clone().usage_sink(full)), 3);
    let bomb = |_: &UsageRecord| -> Result<(), SinkError> { resume_unwind(Box::new("sink")) };
    unharmed(run(&orchestrator.usage_sink(bomb)), 3);
}

/// Calls back into its session at the first event with this name.
#[derive(Clone)]
struct CallsBack {
    at: AgentEventName,
    session: Arc<OnceLock<Weak<OrchestrationSession>>>,
    errors: Arc<Mutex<Vec<BoxError>>>,
}

impl CallsBack {
    fn at(at: AgentEventName) -> Self {
        Self { at, session: Arc::default(), errors: Arc::default() }
    }

    fn opened(&self, orchestrator: &Orchestrator) -> Arc<OrchestrationSession> {
        let session = Arc::new(orchestrator.session().unwrap());
        assert!(self.session.set(Arc::downgrade(&session)).is_ok());
        session
    }

    fn call(&self) {
        let Some(session) = self.session.get().and_then(Weak::upgrade) else { return };
        let call = async || Ok::<_, BoxError>(());
        let errors: Vec<BoxError> = vec![
            now(session.run_turn(Turn::model("m"), call)).unwrap_err().into(),
            now(session.run_turn_recovering(Turn::model("m"), async |_| call().await))
                .unwrap_err()
                .into(),
            now(session.run_tool("search", call)).unwrap_err().into(),
            now(session.begin_turn(Turn::model("m"))).unwrap_err().into(),
            now(session.pause_for_input("go on?")).unwrap_err().into(),
            session.child("searcher").unwrap_err().into(),
            session.handoff_to("editor", "polish", Value::Null).unwrap_err().into(),
            session.complete().unwrap_err().into(),
            session.complete_with("done").unwrap_err().into(),
            session.fail("enough", AgentFailureClass::Unknown).unwrap_err().into(),
            session.cancel("enough").unwrap_err().into(),
            session.handle().cancel("enough").unwrap_err().into(),
        ];
        // What emits no event, or has no error, works or has no effect.
        session.label("seen", "yes");
        assert_eq!(session.summary().status(), session.status());
        assert!(session.authorize("search").allowed);
        self.errors.lock().unwrap().extend(errors);
    }

    fn assert_refused(&self) {
        let errors = self.errors.lock().unwrap();
        assert_eq!(errors.len(), 12, "called back once");
        for error in &*errors {
            let said = error.to_string();
            assert!(said.starts_with("a sink called its own session"), "{said}");
        }
    }
}

impl EventSink for CallsBack {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        if event.event == self.at {
            self.call();
        }
        Ok(())
    }
}

impl UsageSink for CallsBack {
    fn record(&self, _: &UsageRecord) -> Result<(), SinkError> {
        self.call();
        Ok(())
    }
}

#[test]
fn sink_that_calls_back_into_its_session_gets_an_error() {
    let sink = CallsBack::at(AgentEventName::TurnStarted);
    let (asks, events) = (sink.clone(), RecordingEventSink::new());
    let both = FanOut::<dyn EventSink>::new().with(events.clone()).with(sink.clone());
    returns(move || {
        let orchestrator = Orchestrator::new("writer", "draft").event_sink(both);
        let session = asks.opened(&orchestrator);
        now(session.run_turn(Turn::model("m"), async || Ok::<_, BoxError>(()))).unwrap();
        session.complete().unwrap();
        assert_eq!(session.summary().iterations, 1, "refused calls are not counted");
    });
    sink.assert_refused();
    assert_lawful(&events.events());
    let labels = events.events().last().unwrap().labels.clone();
    assert_eq!(labels.unwrap().get("seen").map(String::as_str), Some("yes"));
}

#[test]
fn sink_that_calls_back_through_another_session_gets_an_error() {
    let sink = CallsBack::at(AgentEventName::TurnStarted);
    let asks = sink.clone();
    returns(move || {
        let turn = async || Ok::<_, BoxError>(());
        let inner = Orchestrator::new("inner", "draft").event_sink(asks.clone());
        let inner = inner.session().unwrap();
        let outer =
            Orchestrator::new("outer", "draft").event_sink(move |event: &Arc<AgentEvent>| {
                if event.event == AgentEventName::TurnStarted {
                    now(inner.run_turn(Turn::model("m"), turn)).unwrap();
                }
                Ok(())
            });
        let session = asks.opened(&outer);
        now(session.run_turn(Turn::model("m"), turn)).unwrap();
        session.label("after", "the sink");
        session.complete().unwrap();
    });
    sink.assert_refused();
}

#[test]
fn usage_sink_that_calls_back_into_its_session_gets_an_error() {
    let sink = CallsBack::at(AgentEventName::LogOpened);
    let asks = sink.clone();
    returns(move || {
        let orchestrator = Orchestrator::new("writer", "draft").pricing(prices());
        let session = asks.opened(&orchestrator.usage_sink(asks.clone()));
        let turn = Turn::model("m").usage(dollar());
        now(session.run_turn(turn, async || Ok::<_, BoxError>(()))).unwrap();
    });
    sink.assert_refused();
}

/// Drops its value at the first event with this name.
struct Drops(AgentEventName, Mutex<Option<Box<dyn Send>>>);

impl EventSink for Drops {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        if event.event == self.0 {
            let dropped = self.1.lock().unwrap().take();
            drop(dropped);
        }
        Ok(())
    }
}

#[test]
fn events_of_drops_inside_a_sink_come_after_its_event() {
    let drops = Arc::new(Drops(AgentEventName::ToolCalled, Mutex::default()));
    let events = RecordingEventSink::new();
    let both = FanOut::<dyn EventSink>::new().with(events.clone()).with(Arc::clone(&drops));
    let told = events.clone();
    returns(move || {
        let session =
            Arc::new(Orchestrator::new("writer", "d").event_sink(both).session().unwrap());
        let held = Arc::clone(&session);
        let mut turn = Box::pin(async move {
            let call = || pending::<Result<(), BoxError>>();
            let _ = held.run_turn(Turn::model("m"), call).await;
        });
        assert!(turn.as_mut().now_or_never().is_none());
        *drops.1.lock().unwrap() = Some(Box::new(turn));
        let call = async || Ok::<_, BoxError>(told.names());
        let told = now(session.run_tool("search", call)).unwrap();
        assert_eq!(told.last(), Some(&AgentEventName::TurnFailed), "told before the call");
        session.complete().unwrap();
    });
    assert_lawful(&events.events());
}

#[test]
fn session_may_be_dropped_inside_its_sink() {
    let drops = Arc::new(Drops(AgentEventName::AgentFailed, Mutex::default()));
    let events = RecordingEventSink::new();
    let both = FanOut::<dyn EventSink>::new().with(events.clone()).with(Arc::clone(&drops));
    returns(move || {
        let session = Orchestrator::new("writer", "draft").event_sink(both).session().unwrap();
        let handle = session.handle();
        *drops.1.lock().unwrap() = Some(Box::new(session));
        handle.cancel("enough").unwrap();
        assert!(drops.1.lock().unwrap().is_none());
    });
    assert_lawful(&events.events());
}

#[test]
fn summary_and_label_do_not_wait_for_a_sink() {
    let sink = GatedSink::default();
    let session =
        Arc::new(Orchestrator::new("writer", "d").event_sink(sink.clone()).session().unwrap());
    sink.shut();
    let held = Arc::clone(&session);
    let works = thread::spawn(move || {
        let call = || Ok::<_, BoxError>(());
        held.blocking().run_tool("search", call).unwrap();
    });
    spin_until(|| sink.blocks() == 1);
    let asked = Arc::clone(&session);
    let emitted = returns(move || {
        asked.label("tenant", "acme");
        assert_eq!(asked.status(), AgentStatus::Running);
        asked.summary().events_emitted
    });
    assert_eq!(emitted, 4, "the event in the sink is one of them");
    assert!(!works.is_finished(), "only the emitter waits");
    sink.open();
    works.join().unwrap();
    session.complete().unwrap();
    assert_lawful(&sink.taken.events());
    assert!(sink.taken.events().last().unwrap().labels.is_some());
}

/// A wall clock that is set back at every second reading.
#[derive(Debug)]
struct SetBack(ManualClock, AtomicI64);

impl Clock for SetBack {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn utc_now(&self) -> DateTime<Utc> {
        let read = self.1.fetch_add(1, Ordering::Relaxed);
        let hour = if read % 2 == 0 { 0 } else { -3_600 };
        self.0.utc_now() + TimeDelta::seconds(read + hour)
    }
}

#[test]
fn stamps_never_run_backwards() {
    let (clock, events) = (ManualClock::new(), RecordingEventSink::new());
    let time = (SetBack(clock.clone(), AtomicI64::new(0)), clock);
    let orchestrator = Orchestrator::new("writer", "draft").time(time).event_sink(events.clone());
    let session = orchestrator.session().unwrap();
    now(session.run_turn(Turn::model("m"), async || Ok::<_, BoxError>(()))).unwrap();
    session.fail("enough", AgentFailureClass::Unknown).unwrap();
    let stamps: Vec<_> = events.events().iter().map(|event| event.emitted_at).collect();
    assert!(stamps.is_sorted(), "{stamps:#?}");
    assert!(stamps.first() < stamps.last());
}

#[test]
fn kept_handle_does_not_keep_the_sinks() {
    let ends: [fn(OrchestrationSession); 4] = [
        |session| session.complete().unwrap(),
        |session| drop(session.finish(Err::<(), BoxError>("disk full".into()))),
        |session| session.handle().cancel("enough").unwrap(),
        drop,
    ];
    for end in ends {
        let (events, received) = mpsc::channel();
        let (usage, recorded) = mpsc::channel();
        let orchestrator = Orchestrator::new("writer", "draft")
            .event_sink(move |event: &Arc<AgentEvent>| {
                events.send(Arc::clone(event)).map_err(|error| SinkError::new("send", error))
            })
            .usage_sink(move |record: &UsageRecord| {
                usage.send(record.cost).map_err(|error| SinkError::new("send", error))
            });
        let session = orchestrator.session().unwrap();
        let child = session.child("reader").unwrap();
        drop(orchestrator);
        let handle = session.handle();
        let turn = Turn::model("m").usage(dollar());
        now(session.run_turn(turn, async || Ok::<_, BoxError>(()))).unwrap();
        child.complete().unwrap();
        assert!(
            matches!(received.try_iter().last(), Some(last) if last.role.as_deref() == Some("reader"))
        );
        end(session);

        // The obvious handler of server-sent events: it ends with the session.
        let last = received.try_iter().last().unwrap();
        assert_eq!(received.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        assert!(last.outcome.is_some() && last.role.as_deref() == Some("writer"));
        assert_eq!(recorded.try_iter().count(), 1);
        assert_eq!(recorded.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        assert!(handle.status().is_terminal());
    }
}

#[test]
fn kept_summary_and_session_do_not_keep_the_sinks() {
    let sink = Arc::new(RecordingEventSink::new());
    let session = Orchestrator::new("writer", "d").event_sink(Arc::clone(&sink)).session().unwrap();
    assert_eq!(Arc::strong_count(&sink), 2);
    session.complete().unwrap();
    assert_eq!(Arc::strong_count(&sink), 1);
    assert_eq!(session.summary().events_emitted, 5);
}

#[test]
fn panic_of_a_dropped_sink_is_counted() {
    struct Bomb;
    impl EventSink for Bomb {
        fn emit(&self, _: &Arc<AgentEvent>) -> Result<(), SinkError> {
            Ok(())
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("sink"));
        }
    }
    let session = Orchestrator::new("writer", "draft").event_sink(Bomb).session().unwrap();
    session.complete().unwrap();
    assert_eq!(session.summary().sink_failures, 1);
}
