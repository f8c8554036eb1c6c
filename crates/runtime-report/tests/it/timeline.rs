//! The model.

use std::time::Duration;

use chrono::TimeDelta;
use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass, Data, SpanId, SpanOutcome};
use runtime_report::PageConfig;
use runtime_report::Problem;
use runtime_report::{SpanKind, Timeline};

use crate::common::{Session, golden_events, noon};

#[test]
fn a_wall_clock_set_within_a_session_moves_nothing() {
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
    let page = timeline.html(&PageConfig::default());
    assert!(page.contains("completed, ") || page.contains("running, 4.00 s"));
}

#[test]
fn a_pause_is_a_wait_for_input() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.event(1_000, AgentEventName::AgentPaused).detail = Some("publish?".into());
    session.event(3_000, AgentEventName::AgentResumed).detail = Some("input received".into());
    session.event(4_000, AgentEventName::AgentPaused);
    session.event(5_000, AgentEventName::AgentResumed).detail = Some("gave up waiting".into());
    session.event(6_000, AgentEventName::AgentPaused);
    session.end(9_000, AgentEventName::AgentFailed, 1);
    let waits = |events: &[AgentEvent]| -> Vec<(u64, Option<SpanOutcome>)> {
        let timeline = Timeline::read(events);
        assert!(timeline.findings().iter().all(|finding| finding.problem == open_session()));
        let waits = timeline.spans().iter().filter(|span| span.kind() == SpanKind::Wait);
        waits
            .map(|wait| {
                assert_eq!(wait.name(), "input");
                (wait.duration().as_secs(), wait.outcome())
            })
            .collect()
    };
    let cancelled = Some(SpanOutcome::Cancelled);
    let all = [(2, Some(SpanOutcome::Ok)), (1, cancelled), (3, cancelled)];
    assert_eq!(waits(&session.events), all);
    // A crash while it waits.
    assert_eq!(waits(&session.events[..6])[2], (0, None));
    let stats = Timeline::read(&session.events).stats();
    assert_eq!((stats.waits[0].calls, stats.waits[0].failed), (3, 0), "cancelled is not failed");
    let page = Timeline::read(&session.events).html(&PageConfig::default());
    assert!(page.contains("2.00 s · <bdi>publish?</bdi>"), "what was asked");
}

fn open_session() -> Problem {
    Problem::NotEnded(SpanId::from_u64(1))
}

#[test]
fn a_pause_with_a_span_of_its_own_is_shown_once() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.event(1_000, AgentEventName::AgentPaused);
    session.begin(1_000, AgentEventName::WaitStarted, 2, 1);
    session.events.last_mut().unwrap().data = Some(Data::new().with("for", "input"));
    session.end(3_000, AgentEventName::WaitEnded, 2);
    session.event(3_000, AgentEventName::AgentResumed);
    session.end(4_000, AgentEventName::AgentCompleted, 1);
    let timeline = Timeline::read(&session.events);
    assert!(timeline.findings().is_empty());
    let waits = timeline.spans().iter().filter(|span| span.kind() == SpanKind::Wait);
    assert_eq!(waits.count(), 1);
}
