//! The model.

use std::time::Duration;

use chrono::TimeDelta;
use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass};
use runtime_report::{SpanKind, Timeline};

use crate::common::{Session, golden_events, noon};

#[test]
fn a_clock_that_is_set_in_the_middle_of_a_session_moves_nothing() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.turn(10, 2_010, 2, 0.0);
    session.end(3_000, AgentEventName::AgentCompleted, 1);
    let right = Timeline::read(&session.events);
    for event in &mut session.events[2..] {
        event.emitted_at += TimeDelta::days(20_000);
    }
    let set = Timeline::read(&session.events);
    let spans = |timeline: &Timeline| {
        timeline.spans().iter().map(runtime_report::Span::duration).collect::<Vec<_>>()
    };
    assert_eq!(spans(&set), spans(&right));
    assert_eq!(set.duration(), Duration::from_secs(3));
}

#[test]
fn sessions_are_placed_by_the_wall_clock() {
    let open = |id: &str, after| {
        let mut session = Session::new(id, id).opened_after(after);
        session.begin(0, AgentEventName::AgentStarted, 1, 0);
        session.end(1_000, AgentEventName::AgentCompleted, 1);
        session.events
    };
    // The later one stands first in the log.
    let timeline = Timeline::read([open("b", 5_000), open("a", 0)].concat());
    assert_eq!(timeline.duration(), Duration::from_secs(6));
    assert_eq!(timeline.began(), Some(noon()));
    let at: Vec<_> = timeline.events().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(at, [5, 6, 0, 1]);
    // Both number their spans from 1.
    assert!(timeline.findings().is_empty());
}

#[test]
fn spans_have_kinds_names_and_ends() {
    let timeline = Timeline::read(golden_events());
    let count = |kind| timeline.spans().iter().filter(|span| span.kind() == kind).count();
    let counts = SpanKind::ALL.map(count);
    assert_eq!(counts, [3, 7, 2, 5, 3]);
    assert!(timeline.spans().iter().all(|span| !span.is_unfinished()));
    let attempt = timeline.spans().iter().find(|span| span.kind() == SpanKind::Attempt).unwrap();
    assert_eq!((attempt.name(), attempt.is_failed()), ("openai", true));
}

#[test]
fn a_log_of_the_original_has_a_line_for_each_role() {
    let at = |mut event: AgentEvent, seconds| {
        event.emitted_at = noon() + TimeDelta::seconds(seconds);
        event
    };
    let events = [
        at(AgentEvent::started("writer", "draft"), 0),
        at(AgentEvent::started("editor", "draft"), 2),
        at(AgentEvent::completed("writer", "draft"), 4),
        at(AgentEvent::failed("editor", "draft", AgentFailureClass::LlmError), 9),
    ];
    let timeline = Timeline::read(&events);
    let roles: Vec<_> = timeline.sessions().iter().map(|session| session.role()).collect();
    assert_eq!(roles, [Some("writer"), Some("editor")]);
    assert_eq!(timeline.sessions()[1].duration(), Duration::from_secs(7));
    assert!(timeline.spans().is_empty() && timeline.findings().is_empty());
    let page = timeline.html(&runtime_report::html::Options::default());
    assert!(page.contains("completed, ") || page.contains("running, 4.00 s"));
}
