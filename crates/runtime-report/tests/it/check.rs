//! What is wrong with a log.

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, SpanId};
use runtime_report::Problem;
use runtime_report::Timeline;

use crate::common::{Session, golden_events, long, noon};

fn session() -> Session {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session
}

fn problems(events: &[AgentEvent]) -> Vec<(usize, Problem)> {
    let timeline = Timeline::read(events);
    timeline.findings().iter().map(|found| (found.event, found.problem.clone())).collect()
}

fn id(span: u64) -> SpanId {
    SpanId::from_u64(span)
}

#[test]
fn a_whole_log_has_no_findings() {
    assert_eq!(problems(&golden_events()), []);
    assert_eq!(problems(&long(500)), []);
}

#[test]
fn each_event_taken_out_of_a_log_is_found_missing() {
    let events = golden_events();
    for taken in 0..events.len() {
        let mut events = events.clone();
        let session = events.remove(taken).session_id;
        // What was the last event of its session is missed only where it ended something.
        let was_last = !events[taken..].iter().any(|event| event.session_id == session);
        let found = problems(&events);
        assert!(
            was_last
                || found
                    .iter()
                    .any(|(_, problem)| matches!(problem, Problem::Missing { count: 1, .. }))
        );
        assert!(!found.is_empty(), "event {taken}");
    }
}

#[test]
fn an_event_that_is_there_twice_is_found() {
    let mut events = long(50);
    events.insert(7, events[6].clone());
    let found = problems(&events);
    assert_eq!(found[0], (7, Problem::OutOfOrder { seq: 7, after: 7 }));
    assert!(matches!(found[1].1, Problem::BegunTwice(_) | Problem::EndedTwice(_)));
}

#[test]
fn spans_without_ends_and_ends_without_spans_are_found() {
    let mut log = session();
    log.begin(1, AgentEventName::TurnStarted, 2, 1);
    log.end(2, AgentEventName::ToolCompleted, 3);
    log.end(3, AgentEventName::AgentCompleted, 1);
    assert_eq!(
        problems(&log.events),
        [(1, Problem::NotEnded(id(2))), (2, Problem::NotBegun(id(3)))]
    );
}

#[test]
fn spans_that_outlive_or_follow_their_parents_are_found() {
    let mut log = session();
    log.begin(1, AgentEventName::TurnStarted, 2, 1);
    log.begin(1, AgentEventName::AttemptStarted, 3, 2);
    log.end(2, AgentEventName::TurnCompleted, 2);
    log.end(3, AgentEventName::AttemptCompleted, 3);
    log.begin(4, AgentEventName::AttemptStarted, 4, 2);
    log.end(5, AgentEventName::AttemptCompleted, 4);
    log.end(6, AgentEventName::AgentCompleted, 1);
    let outside = |span| Problem::OutsideParent { span: id(span), parent: id(2) };
    assert_eq!(problems(&log.events), [(4, outside(3)), (5, outside(4)), (6, outside(4))]);
}

#[test]
fn unknown_spans_and_parents_are_found() {
    let mut log = session();
    log.begin(1, AgentEventName::TurnStarted, 2, 77);
    log.event(2, AgentEventName::RecoveryAttempted).span = Some(id(88));
    log.end(3, AgentEventName::TurnCompleted, 2);
    log.end(6, AgentEventName::AgentCompleted, 1);
    let unknown = Problem::UnknownParent { span: id(2), parent: id(77) };
    assert_eq!(problems(&log.events), [(1, unknown), (2, Problem::UnknownSpan(id(88)))]);
}

#[test]
fn what_sinks_say_of_their_losses_is_found() {
    let record = |name, key: &'static str| {
        AgentEvent::new(name, AgentEventStatus::Failed, noon()).with_data(Data::new().with(key, 3))
    };
    let events = [
        record(AgentEventName::LogDropped, "count"),
        record(AgentEventName::LogRecovered, "torn_bytes"),
        record(AgentEventName::LogOpened, "x"),
    ];
    assert_eq!(
        problems(&events),
        [(0, Problem::Dropped { count: 3 }), (1, Problem::Torn { bytes: 3 })]
    );
}

#[test]
fn a_finding_says_what_and_where() {
    let mut log = session();
    log.skip(2);
    log.end(3, AgentEventName::AgentCompleted, 1);
    let timeline = Timeline::read(&log.events);
    assert_eq!(timeline.findings()[0].to_string(), "session s: 2 events from 2 on are missing");
    assert_eq!(timeline.lost(), 2);
    assert_eq!(timeline.sessions()[0].lost(), 2);
}
