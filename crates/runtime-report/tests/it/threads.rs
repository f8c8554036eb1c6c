//! The lives of a thread are one run, and the page says where each of them ended.

use std::sync::Arc;

use runtime_events::{AgentEvent, AgentEventName as Name, Data, Labels, SpanOutcome};
use runtime_report::{PageConfig, Timeline};

use crate::common::Session;

/// A life that begins, and asks a model or is about to.
fn life(thread: &str, number: u32, opened: i64) -> Session {
    let id = format!("{thread}-{}", 100 - number);
    let mut session = Session::new(&id, "clerk").opened_after(opened);
    session.begin(0, Name::AgentStarted, 1, 0);
    if number > 1 {
        session.event(1, Name::ThreadResumed);
    }
    session.begin(2, Name::TurnStarted, 2, 1);
    session
}

fn labelled(session: Session, thread: &str, number: u32) -> Vec<AgentEvent> {
    let labels = [("thread", thread.to_owned()), ("life", number.to_string())];
    let labels = labels.map(|(name, value)| (name.to_owned(), value));
    let labels = Arc::new(Labels::from(labels));
    let mut events = session.events;
    for event in &mut events {
        event.labels = Some(Arc::clone(&labels));
    }
    events
}

/// The first life is lost in its turn, the second is parked, the third fails, the last one ends well. Another
/// agent works meanwhile, and another thread has no end.
fn log() -> Vec<AgentEvent> {
    let lost = life("order-1", 1, 0);
    let mut parked = life("order-1", 2, 10_000);
    parked.end(20, Name::TurnCompleted, 2);
    let end = parked.end(30, Name::AgentFailed, 1);
    end.outcome = Some(SpanOutcome::Cancelled);
    end.detail = Some("somebody to approve tool `pay`".into());
    end.data = Some(Data::new().with("reason", "parked"));
    let mut failed = life("order-1", 3, 20_000);
    failed.fail(25, Name::TurnFailed, 2, "HTTP 503");
    failed.fail(30, Name::AgentFailed, 1, "HTTP 503");
    let mut done = life("order-1", 4, 30_000);
    done.end(20, Name::TurnCompleted, 2);
    done.end(30, Name::AgentCompleted, 1);
    let mut plain = Session::new("plain", "reader").opened_after(5_000);
    plain.begin(0, Name::AgentStarted, 1, 0);
    plain.end(30_000, Name::AgentCompleted, 1);
    let lives = [(lost, 1), (parked, 2), (failed, 3), (done, 4)];
    let mut lives: Vec<_> =
        lives.into_iter().map(|(life, number)| labelled(life, "order-1", number)).collect();
    // A log may have a later life before an earlier one, as a table has.
    lives.reverse();
    [lives.concat(), plain.events].concat()
}

fn text(html: &str) -> String {
    let parts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_says_where_each_life_ended() {
    let page = Timeline::read(log()).html(&PageConfig::default());
    let (_, section) = page.split_once("<h2>Threads</h2>").expect("it has threads");
    let section = section.split_once("</section>").expect("it ends").0;
    let ends: Vec<_> = section.split("<tr>").skip(2).map(text).collect();
    let expected = [
        "✕ broke off: its process was lost , in turn (no model)",
        "waited for somebody to approve tool `pay`",
        "✕ failed : HTTP 503",
        "done",
    ];
    assert_eq!(ends.len(), expected.len(), "{ends:?}");
    for (number, (end, expected)) in (1..).zip(ends.iter().zip(expected)) {
        assert!(end.starts_with(&format!("order-1 {number} ")), "{end}");
        assert!(end.ends_with(expected), "{end}");
    }
}

#[test]
fn a_thread_that_came_to_its_end_has_ended_well() {
    let page = Timeline::read(log()).html(&PageConfig::default());
    assert!(page.contains("✓ ended well"), "its lives before the last were gone on with");
    assert!(!page.contains("id=died"));
    // Without the last life it has failed.
    let lives: Vec<_> = log().into_iter().filter(|event| !is_of(event, "4")).collect();
    let page = Timeline::read(&lives).html(&PageConfig::default());
    assert!(page.contains("✕ failed</a>") && page.contains("id=died"));
}

fn is_of(event: &AgentEvent, life: &str) -> bool {
    event.labels.as_ref().is_some_and(|labels| labels["life"] == life)
}

#[test]
fn lives_follow_each_other_whatever_else_the_log_has() {
    let timeline = Timeline::read(log());
    let [thread] = timeline.threads() else { panic!("{:?}", timeline.threads()) };
    assert_eq!((thread.name(), thread.lives()), ("order-1", 4));
    let events = thread.events(&timeline);
    let sessions: Vec<_> = events.iter().filter_map(|event| event.session_id.as_deref()).collect();
    assert_eq!(sessions.len(), log().len() - 2);
    assert!(sessions.is_sorted_by(|a, b| a >= b), "{sessions:?}");
    // In the waterfall, no other agent stands between them.
    let page = timeline.html(&PageConfig::default());
    let rows = page.split("<summary class=").skip(1);
    let names: Vec<_> = rows.map(|row| text(row.split("</summary>").next().unwrap())).collect();
    let life = |name: &String| name.contains("life ");
    assert_eq!(names.iter().position(life), Some(0), "{names:?}");
    assert_eq!(names.iter().filter(|name| life(name)).count(), 4, "{names:?}");
    assert!(!life(names.last().unwrap()), "{names:?}");
}
