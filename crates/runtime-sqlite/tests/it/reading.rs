//! Written events can be read back.

use std::sync::Arc;
use std::time::Duration;

use runtime_events::{AgentEventName, Data, Labels, SpanOutcome};
use runtime_sinks::EventSink;
use runtime_sqlite::{SqliteReader, SqliteSink};
use runtime_usage::Usd;

use crate::common::{Place, Story, lines, numbered};

#[test]
fn events_are_read_back_equal_page_by_page() {
    let place = Place::new("pages");
    let log = SqliteSink::open(place.db()).unwrap();
    let events: Vec<_> = (1..=1_300).map(|seq| numbered("s", seq)).collect();
    log.emit_all(&events).unwrap();
    log.emit_all(&[numbered("r", 1), numbered("t", 1)]).unwrap();
    let reader = SqliteReader::open(place.db()).unwrap();
    let back: Vec<_> = reader.events("s").map(Result::unwrap).collect();
    assert_eq!(back.len(), events.len());
    assert!(back.iter().zip(&events).all(|(back, event)| *back == **event));
    assert!(reader.events("nobody").next().is_none());
}

#[test]
fn events_committed_during_a_read_are_read() {
    let place = Place::new("growing");
    let log = SqliteSink::open(place.db()).unwrap();
    let reader = log.reader().unwrap();
    log.emit_all(&[numbered("s", 1)]).unwrap();
    let mut events = reader.events("s");
    assert!(events.next().is_some());
    log.emit_all(&[numbered("s", 2)]).unwrap();
    assert_eq!(events.next().unwrap().unwrap().seq, Some(2));
    assert!(events.next().is_none());
    log.emit_all(&[numbered("s", 3)]).unwrap();
    assert!(events.next().is_none(), "the end is the end");
}

#[test]
fn sessions_have_an_outcome_and_missing_events() {
    let place = Place::new("sessions");
    let mut story = Story::new("a", "writer");
    let spent = Data::new().with("model", "gpt-5").with("cost_usd", 0.25);
    story.pass(10).tell(AgentEventName::TurnStarted, Some((2, Some(1))), None, Data::new());
    let ok = Some(SpanOutcome::Ok);
    story.pass(10).tell(AgentEventName::TurnCompleted, Some((2, Some(1))), ok, spent);
    // An `agent.failed` without an outcome does not end the session.
    story.pass(10).tell(AgentEventName::AgentFailed, None, None, Data::new());
    story.pass(10).tell(AgentEventName::AgentCompleted, Some((1, None)), ok, Data::new());
    let log = SqliteSink::open(place.db()).unwrap();
    log.emit_all(&story.events).unwrap();
    log.emit_all(&[numbered("b", 2), numbered("b", 5)]).unwrap();

    let sessions = log.reader().unwrap().sessions().unwrap();
    let [a, b] = &sessions[..] else { panic!("{sessions:?}") };
    assert_eq!((a.session_id.as_str(), a.role.as_deref()), ("a", Some("writer")));
    assert_eq!((a.events, a.missing, a.outcome), (5, 0, ok));
    assert_eq!(a.elapsed, Some(Duration::from_millis(40)));
    assert_eq!(a.cost, Usd::from_cents(25));
    assert_eq!((b.events, b.missing, b.outcome, b.cost), (2, 3, None, Usd::ZERO));
}

#[test]
fn an_imported_export_is_the_same_database() {
    let (place, other) = (Place::new("export"), Place::new("export-other"));
    let log = SqliteSink::open(place.db()).unwrap();
    let record =
        r#"{"event":"log.opened","status":"running","emitted_at":"2026-01-01T00:00:00+00:00"}"#;
    let text =
        format!("{record}\n{}", lines(&[numbered("a", 1), numbered("a", 2), numbered("b", 1)]));
    log.import(text.as_bytes()).unwrap();
    let mut exported = Vec::new();
    assert_eq!(log.reader().unwrap().export(&mut exported).unwrap(), 4);
    assert_eq!(String::from_utf8(exported).unwrap(), text);

    let copy = SqliteSink::open(other.db()).unwrap();
    assert_eq!(copy.import(text.as_bytes()).unwrap().new, 4);
    let everything = "SELECT * FROM event UNION ALL SELECT emitted_at, event, body,
        1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1 FROM log_record";
    assert_eq!(place.rows(everything), other.rows(everything));
}

#[test]
fn a_reader_sees_only_committed_events() {
    let place = Place::new("committed");
    let log = SqliteSink::open(place.db()).unwrap();
    let reader = log.reader().unwrap();
    log.emit(&numbered("s", 1)).unwrap();
    assert!(reader.sessions().unwrap().is_empty());
    EventSink::flush(&log).unwrap();
    assert_eq!(reader.sessions().unwrap().len(), 1);
}

#[test]
fn the_lives_of_a_thread_are_one_stream() {
    let place = Place::new("lives");
    let log = SqliteSink::open(place.db()).unwrap();
    let event = |session: &str, seq, thread: &str, life: u32| {
        let labels = [("thread", thread.to_owned()), ("life", life.to_string())];
        let labels = labels.map(|(name, value)| (name.to_owned(), value));
        let mut event = (*numbered(session, seq)).clone();
        event.labels = Some(Arc::new(Labels::from(labels)));
        Arc::new(event)
    };
    // The sessions' ids are in another order than the lives, of which there are more than nine.
    let lives: Vec<_> = (1..=12).map(|life| (format!("s{}", 20 - life), life)).collect();
    for (session, life) in lives.iter().rev() {
        log.emit_all(&[event(session, 1, "order-1", *life), event(session, 2, "order-1", *life)])
            .unwrap();
    }
    log.emit_all(&[event("other", 1, "order-2", 1), numbered("plain", 1)]).unwrap();
    let reader = log.reader().unwrap();
    let read: Vec<_> = reader.thread("order-1").unwrap().map(Result::unwrap).collect();
    let places =
        read.iter().map(|event| (event.session_id.as_deref().unwrap(), event.seq.unwrap()));
    let expected = lives.iter().flat_map(|(session, _)| [(&**session, 1), (&**session, 2)]);
    assert!(places.eq(expected), "{read:?}");
    assert_eq!(reader.thread("nobody").unwrap().count(), 0);
}
