//! Calls of threads.

use std::time::Duration;

use runtime_events::{Clock as _, ManualClock};
use runtime_orchestrator::{Orchestrator, Turn};
use runtime_resilience::{Failure, Fault, FaultKind};
use runtime_testkit::RecordingEventSink;
use runtime_testkit::cassette::Tape;
use serde_json::json;

use super::{BoxError, Case, block_on};

fn ask(tape: &Tape, call: impl FnOnce() -> Result<String, BoxError>) -> Result<String, BoxError> {
    tape.blocking().model(&json!({ "model": "m" }), call)
}

#[test]
fn a_call_of_a_thread_is_played_in_its_time() {
    let case = Case::new();
    let clock = ManualClock::new();
    let tape = case.cassette().time(clock.clone()).record().unwrap();
    let slow = || {
        clock.advance(Duration::from_secs(600));
        Ok("hello".to_owned())
    };
    assert_eq!(ask(&tape, slow).unwrap(), "hello");
    let tape = case.play();
    let begun = tape.clock().now();
    assert_eq!(ask(&tape, || unreachable!("it is played")).unwrap(), "hello");
    assert_eq!(tape.clock().now() - begun, Duration::from_secs(600));
    tape.finish().unwrap();
}

#[test]
fn an_error_of_a_thread_is_played_with_its_fault() {
    let case = Case::new();
    let fails = || Err("429 Too Many Requests".into());
    let told = ask(&case.record(), fails).unwrap_err().to_string();
    let played = ask(&case.play(), || unreachable!("it is played")).unwrap_err();
    assert_eq!(played.to_string(), told);
    let fault = played.downcast_ref::<Failure>().map(Failure::fault);
    assert_eq!(fault.map(|fault: Fault| fault.kind), Some(FaultKind::RateLimit));
}

#[test]
fn a_task_and_a_thread_play_each_other_s_recordings() {
    let case = Case::new();
    let tape = case.record();
    let arguments = json!({ "city": "Rome" });
    let look = async || Ok::<_, BoxError>(21);
    block_on(tape.tool("weather", &arguments, look)).unwrap();
    tape.blocking().tool("time", &arguments, || Ok::<_, BoxError>(12)).unwrap();
    let tape = case.play();
    let found = tape.blocking().tool("weather", &arguments, || Ok::<_, BoxError>(0)).unwrap();
    let time = block_on(tape.tool("time", &arguments, async || Ok::<_, BoxError>(0))).unwrap();
    assert_eq!((found, time), (21, 12));
    tape.finish().unwrap();
}

#[test]
fn a_thread_is_told_of_a_recording_whose_caller_left() {
    let case = Case::new();
    let tape = case.record();
    let never = async || std::future::pending::<Result<String, BoxError>>().await;
    let left = block_on(async {
        let mut call = Box::pin(tape.model(&json!({ "model": "m" }), never));
        futures_util::poll!(&mut call).is_pending()
    });
    assert!(left);
    let told = ask(&case.play(), || Ok(String::new())).unwrap_err().to_string();
    assert_eq!(
        told,
        "the recording of call 1 never ended: its caller left it, which a thread cannot"
    );
}

#[test]
fn a_blocking_turn_has_the_same_events_when_it_is_played() {
    let case = Case::new();
    let run = |tape: &Tape| {
        let events = RecordingEventSink::new();
        let orchestrator = Orchestrator::new("guide", "answer").time(tape.clock()).ids(tape.ids());
        let session = orchestrator.event_sink(events.clone()).session().unwrap();
        let call = || ask(tape, || Ok("sunny".to_owned()));
        session.blocking().run_turn(Turn::model("m"), call).unwrap();
        drop(session);
        events.names()
    };
    let recorded = run(&case.record());
    assert_eq!(run(&case.play()), recorded);
    assert!(recorded.len() > 3);
}
