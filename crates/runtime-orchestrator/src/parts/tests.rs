//! Tests of the stream, the time and the record of recovery without a session.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{
    AgentEventName, AgentEventStatus, AgentFailureClass, Clock, FailureScenario, ManualClock,
};
use runtime_resilience::{
    RecoveryContextConfig, RecoveryEventType, RecoveryOutcome, RecoveryResult,
};
use runtime_sinks::testing::RecordingEventSink;

use super::books::Books;
use super::stream::{Outlet, Speaker, Stream};
use super::time::Time;
use crate::limits::{Kind, Timeout};
use crate::park::Timers;

const SECOND: Duration = Duration::from_secs(1);

fn timers(clock: &ManualClock) -> Arc<Timers> {
    Arc::new(Timers { clock: Arc::new(clock.clone()), sleeper: None })
}

fn stream(clock: &ManualClock, kept: usize, sink: Option<RecordingEventSink>) -> Stream {
    let speaker = Speaker {
        session_id: "s1".into(),
        role: "writer".into(),
        phase: "draft".into(),
        project_id: None,
    };
    let outlet = Outlet {
        sink: sink.map(|sink| Arc::new(sink) as _),
        capacity: NonZeroUsize::new(kept).unwrap(),
        keeps: true,
    };
    Stream::new(speaker, outlet, None, (timers(clock), clock.now()), (10, None))
}

#[test]
fn stream_numbers_events_keeps_the_last_and_emits_all() {
    let (clock, sink) = (ManualClock::new(), RecordingEventSink::new());
    let stream = stream(&clock, 2, Some(sink.clone()));
    for _ in 0..3 {
        clock.advance(SECOND);
        stream.emit(stream.root_event(AgentEventName::AgentResumed, AgentEventStatus::Running));
    }
    let seen: Vec<_> = sink.events().iter().map(|event| event.seq.unwrap()).collect();
    assert_eq!(seen, [1, 2, 3]);
    let snapshot = stream.snapshot();
    assert_eq!((snapshot.events.len(), snapshot.emitted), (2, 3));
    assert_eq!(snapshot.events[1].elapsed, Some(3 * SECOND));
    assert_ne!(stream.new_span(), stream.new_span());
}

#[test]
fn keys_in_failure_details_are_redacted() {
    let (clock, sink) = (ManualClock::new(), RecordingEventSink::new());
    let stream = stream(&clock, 2, Some(sink.clone()));
    let event = stream.event(AgentEventName::TurnFailed, AgentEventStatus::Failed);
    let event = event.with_failure_class(AgentFailureClass::LlmError);
    stream.emit(event.with_detail("bad key sk-abcdefghijklmnopqrstuvwx0123456789".to_owned()));
    let detail = sink.events()[0].detail.clone().unwrap();
    assert!(detail.contains("[redacted]") && !detail.contains("sk-abc"), "{detail}");
}

#[test]
fn call_ends_at_its_timeout_or_the_deadline() {
    let clock = ManualClock::new();
    let deadline = Timeout::after(10 * SECOND);
    let time = Time::new(timers(&clock), (clock.now(), Duration::ZERO), Some(&deadline), None);
    let own = time.until(Some(&Timeout::after(3 * SECOND))).unwrap().unwrap();
    assert!(matches!(own.kind, Kind::Timeout(_)));
    clock.advance(8 * SECOND);
    let until = time.until(Some(&Timeout::after(3 * SECOND))).unwrap().unwrap();
    assert_eq!(until.kind, Kind::Deadline);
    assert_eq!(time.left_until(until.at), 2 * SECOND);
    clock.advance(2 * SECOND);
    assert_eq!(time.until(None).unwrap_err().deadline, 10 * SECOND);
}

#[test]
fn books_keep_the_last_entries() {
    let config = || RecoveryContextConfig::default().max_events(1);
    let books = Books::default();
    assert!(books.events().is_empty() && books.exhausted().is_empty());
    for _ in 0..2 {
        let result = RecoveryResult::new(RecoveryOutcome::Recovered, Vec::new(), Vec::new(), "");
        books.note(config, RecoveryEventType::Succeeded, FailureScenario::LlmError, result);
    }
    assert_eq!(books.events().len(), 1);
}
