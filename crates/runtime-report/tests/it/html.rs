//! The page.

use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass, Data, SpanOutcome};
use runtime_report::PageConfig;
use runtime_report::Timeline;

use crate::common::{Session, golden_events, long};

fn page(timeline: &Timeline) -> String {
    timeline.html(&PageConfig::default())
}

#[test]
fn nothing_is_loaded_and_a_policy_sees_to_it() {
    let page = page(&Timeline::read(golden_events()));
    assert!(page.contains("default-src 'none'"));
    for outside in ["http:", "https:", "//", "src=", "url(", "@import", "<link", "<iframe"] {
        let of_ours = page.replace("<script>", "");
        assert!(!of_ours.contains(outside), "{outside}");
    }
}

#[test]
fn a_page_of_ten_thousand_events_is_below_three_megabytes() {
    let events = long(10_000);
    assert!(events.len() >= 9_990);
    let page = page(&Timeline::read(&events));
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
}

#[test]
fn every_event_has_a_row_that_the_waterfall_links_to() {
    let events = golden_events();
    let page = page(&Timeline::read(&events));
    for number in 0..events.len() {
        assert!(page.contains(&format!(" id=e{number}>")), "{number}");
    }
    let links = page.split("href=\"#e").skip(1);
    for link in links {
        let number: usize = link.split('"').next().unwrap().parse().unwrap();
        assert!(number < events.len());
    }
}

#[test]
fn a_page_names_the_spans_beyond_max_spans() {
    let timeline = Timeline::read(long(2_000));
    let spans = timeline.spans().len();
    let page = timeline.html(&PageConfig::default().max_spans(30));
    assert!(page.contains(&format!("Showing 30 of {spans} spans")));
    assert!(page.contains("not shown: "));
    // The agent and everything that failed are there.
    let failed = timeline.spans().iter().filter(|span| span.is_failed()).count();
    assert!(failed > 5 && failed < 29);
    assert_eq!(page.matches("<a class=\"r bad\"").count(), failed);
    assert_eq!(page.matches("<a class=\"r ").count(), 29);
}

#[test]
fn beyond_the_most_events_the_page_says_so() {
    let page = Timeline::read(long(500)).html(&PageConfig::default().max_events(100));
    assert!(page.contains("Showing the first 100 of "));
    assert_eq!(page.matches("<td>researcher<td>").count(), 100);
}

#[test]
fn what_has_no_end_is_shown_as_such() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.begin(5, AgentEventName::TurnStarted, 2, 1);
    session.event(700, AgentEventName::BudgetMark);
    let page = page(&Timeline::read(&session.events));
    assert!(page.contains("… unfinished"));
    assert!(page.contains("… no end in the log"));
    assert!(page.contains("… 695 ms"), "to the last event of the session");
}

#[test]
fn missing_events_are_told_at_the_top() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.skip(3);
    session.end(9, AgentEventName::AgentCompleted, 1);
    let page = Timeline::read(&session.events).unread(2).html(&PageConfig::default());
    assert!(page.contains("✕ 3 missing, 2 unreadable"));
    assert!(page.contains("3 events from 2 on are missing"));
}

#[test]
fn the_losses_of_a_sink_are_told_once_and_in_words() {
    let mut session = Session::new("a", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.end(1, AgentEventName::AgentCompleted, 1);
    let sessions = serde_json::json!([{ "session_id": "a", "count": 4 }]);
    let mut dropped = AgentEvent::failed("", "", AgentFailureClass::Unknown)
        .with_data(Data::new().with("count", 4).with("sessions", sessions));
    (dropped.event, dropped.role, dropped.phase) = (AgentEventName::LogDropped, None, None);
    session.events.push(dropped);
    let page = page(&Timeline::read(&session.events));
    let problems = page.split("<section class=problems>").nth(1).unwrap();
    let problems = problems.split("</section>").next().unwrap();
    assert_eq!(problems.matches("<td>log").count(), 1, "{problems}");
    assert!(problems.contains("a sink dropped 4 events"), "{problems}");
}

#[test]
fn a_cancelled_span_says_so_once() {
    let mut session = Session::new("a", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.begin(1, AgentEventName::TurnStarted, 2, 1);
    let turn = session.end(3, AgentEventName::TurnFailed, 2);
    turn.outcome = Some(SpanOutcome::Cancelled);
    turn.failure_class = Some(AgentFailureClass::Cancelled);
    session.end(4, AgentEventName::AgentCompleted, 1);
    let page = page(&Timeline::read(&session.events));
    let label = page.split("∅ cancelled · 2.00 ms").nth(1).unwrap().split("</b>").next();
    assert_eq!(label, Some(""));
}

#[test]
fn a_failure_has_a_sign_and_not_only_a_colour() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.turn(1, 2_000, 2, 0.0);
    session.events.last_mut().unwrap().outcome = Some(SpanOutcome::TimedOut);
    assert!(page(&Timeline::read(&session.events)).contains("✕ timed out · 1.99 s"));
}

#[test]
fn a_day_without_work_is_cut_out_of_the_axis() {
    let run = |opened| {
        let mut session = Session::new(&format!("s{opened}"), "writer").opened_after(opened);
        session.begin(0, AgentEventName::AgentStarted, 1, 0);
        session.turn(10, 900, 2, 0.0);
        session.end(1_000, AgentEventName::AgentCompleted, 1);
        session.events
    };
    let events = [run(0), run(86_400_000)].concat();
    let page = page(&Timeline::read(events));
    assert!(page.contains("23 h 59 m without work"));
    // Each of the two turns keeps nearly half of the width.
    assert_eq!(page.matches(";--w:43.2").count(), 2);
}

#[test]
fn an_empty_log_has_a_page() {
    let none: [AgentEvent; 0] = [];
    let page = page(&Timeline::read(none));
    assert!(page.contains("<h2>Timeline</h2>"));
}

#[test]
fn the_page_is_written_as_it_is_made() {
    let timeline = Timeline::read(golden_events());
    let mut written = Vec::new();
    timeline.write_html(&PageConfig::default(), &mut written).unwrap();
    assert_eq!(written, page(&timeline).into_bytes());
}

#[test]
fn ticks_after_a_cut_are_told_apart() {
    let run = |opened| {
        let mut session = Session::new(&format!("s{opened}"), "writer").opened_after(opened);
        session.begin(0, AgentEventName::AgentStarted, 1, 0);
        session.end(3_000, AgentEventName::AgentCompleted, 1);
        session.events
    };
    let page = page(&Timeline::read([run(0), run(86_400_000)].concat()));
    for label in [">1 s</b>", ">24:00:01</b>", ">24:00:02</b>"] {
        assert!(page.contains(label), "{label}");
    }
}

#[test]
fn what_agents_without_a_row_did_is_summed_up() {
    let mut events = Vec::new();
    for number in 0..5 {
        let mut session = Session::new(&format!("s{number}"), "writer");
        session.begin(0, AgentEventName::AgentStarted, 1, 0);
        session.turn(1_000, 3_000, 2, 0.0);
        session.end(4_000, AgentEventName::AgentCompleted, 1);
        events.extend(session.events);
    }
    let page = Timeline::read(&events).html(&PageConfig::default().max_spans(3));
    assert_eq!(page.matches("<details open class=a>").count(), 3);
    assert!(page.contains("not shown: 2 × session, 8.00 s in all; 2 × turn, 4.00 s in all"));
}

#[test]
fn an_agent_with_many_spans_has_an_overview_and_folded_rows() {
    let page_of = |events| page(&Timeline::read(long(events)));
    let (few, some, many) = (page_of(60), page_of(200), page_of(2_000));
    assert!(!few.contains("class=\"r ov\""));
    assert!(some.contains("class=\"r ov\"") && some.contains("<details class=rows open>"));
    assert!(many.contains("<details class=rows><summary>"));
    for page in [few, some, many] {
        assert_eq!(page.matches("<details").count(), page.matches("</details>").count());
    }
}
