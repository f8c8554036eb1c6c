//! The page names what a run died of, and no cap cuts it.

use std::collections::BTreeSet;

use runtime_events::{AgentEvent, AgentEventName, Data, SpanOutcome};
use runtime_report::{PageConfig, Timeline};

use crate::common::{Session, dying, golden_events};

fn page(events: &[AgentEvent]) -> String {
    Timeline::read(events).html(&PageConfig::default())
}

/// The section of problems.
fn problems(page: &str) -> &str {
    let (_, rest) = page.split_once("<h2>Problems</h2>").expect("there are problems");
    rest.split_once("</section>").expect("it ends").0
}

/// The steps of each chain, as text without elements.
fn chains(page: &str) -> Vec<Vec<String>> {
    let chain = |chain: &str| {
        let chain = chain.split("</ol>").next().unwrap_or_default();
        chain.split("<li").skip(1).map(text).collect()
    };
    page.split("<ol class=chain").skip(1).map(chain).collect()
}

/// A part of a page as text.
fn text(html: &str) -> String {
    let parts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that texts follow each other.
fn in_order(page: &str, texts: &[&str]) {
    let mut from = 0;
    for text in texts {
        let at = page[from..].find(text).unwrap_or_else(|| panic!("no {text:?} after {from}"));
        from += at + text.len();
    }
}

#[test]
fn problems_begin_with_the_chain_to_the_error() {
    let events = dying(15_000);
    assert!(events.len() > 13_000, "{}", events.len());
    let page = page(&events);
    assert!(problems(&page).trim_start().starts_with("<div id=died"), "{}", &problems(&page)[..99]);
    let [chain] = &chains(&page)[..] else { panic!("one session failed") };
    let [session, turn, attempt, error] = &chain[..] else { panic!("{chain:?}") };
    assert!(session.contains("session lead"), "{session}");
    assert!(turn.contains("turn gpt-5") && attempt.contains("attempt"), "{chain:?}");
    assert!(error.contains("HTTP 401 Unauthorized: the API key was revoked"), "{error}");
    assert!(page.contains("<a href=\"#died\">✕ failed</a>"), "the head links to it");
}

#[test]
fn equal_problems_are_one_line_with_a_count_and_recovered_ones_come_last() {
    let events = dying(15_000);
    let count = |said: &str| {
        let is =
            |event: &&AgentEvent| event.detail.as_deref().is_some_and(|it| it.starts_with(said));
        events.iter().filter(is).count()
    };
    let page = page(&events);
    let listed = problems(&page);
    let limited = format!("× {}", runtime_report::show::count(count("rate_limit") as u64));
    let reset = format!("× {}", runtime_report::show::count(count("connection reset") as u64));
    // They differ in the id of the request.
    assert_eq!(listed.matches("rate_limit, status 429").count(), 1);
    assert_eq!(listed.matches("connection reset by peer").count(), 1);
    assert_eq!(listed.matches("99 agents").count(), 2);
    in_order(listed, &["HTTP 401", &limited]);
    in_order(listed, &["HTTP 401", &reset]);
    assert_eq!(listed.matches(">recovered</b>").count(), 2);
}

#[test]
fn unrecovered_problems_come_before_recovered_ones() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    for (span, tool) in [(2, "search"), (3, "write")] {
        session.begin(10 * span, AgentEventName::ToolCalled, span, 1);
        session.fail(10 * span + 1, AgentEventName::ToolCompleted, span, tool).data =
            Some(Data::new().with("tool", tool));
    }
    session.tool(50, 60, 4);
    session.end(70, AgentEventName::AgentCompleted, 1);
    let page = page(&session.events);
    assert!(chains(&page).is_empty());
    let listed = problems(&page);
    in_order(listed, &["<bdi>write</bdi>", "<bdi>search</bdi>", ">recovered</b>"]);
    assert_eq!(listed.matches(">recovered</b>").count(), 1);
}

#[test]
fn no_cap_cuts_a_distinct_problem_or_a_failed_session() {
    let words = |number: u64| -> String {
        format!("{number:09b}").chars().map(|bit| if bit == '0' { 'a' } else { 'b' }).collect()
    };
    let mut all = Vec::new();
    for number in 0..300 {
        let mut session = Session::new(&format!("{number}"), &format!("agent{number}"));
        session.begin(0, AgentEventName::AgentStarted, 1, 0);
        session.begin(5, AgentEventName::ToolCalled, 2, 1);
        session.fail(6, AgentEventName::ToolCompleted, 2, &format!("tool {}", words(number)));
        session.turn(10, 20, 3, 0.0);
        session.begin(30, AgentEventName::TurnStarted, 4, 1);
        session.fail(40, AgentEventName::TurnFailed, 4, &format!("died {}", words(number)));
        session.fail(50, AgentEventName::AgentFailed, 1, "given up");
        all.extend(session.events);
    }
    let page = page(&all);
    assert_eq!(chains(&page).len(), 300);
    for number in 0..300 {
        assert!(problems(&page).contains(&format!("died {}", words(number))), "{number}");
        assert!(problems(&page).contains(&format!("tool {}", words(number))), "{number}");
    }
}

#[test]
fn agents_that_died_alike_share_a_chain_and_are_all_named() {
    let mut all = Vec::new();
    for number in 0..300_u64 {
        let mut session = Session::new(&format!("{number}-id"), &format!("agent{number}"));
        session.begin(0, AgentEventName::AgentStarted, 1, 0);
        session.begin(30, AgentEventName::TurnStarted, 4, 1);
        session.fail(40, AgentEventName::TurnFailed, 4, "HTTP 401").data =
            Some(Data::new().with("model", "gpt-5"));
        session.fail(50 + number, AgentEventName::AgentFailed, 1, "HTTP 401");
        all.extend(session.events);
    }
    let page = page(&all);
    assert_eq!(chains(&page).len(), 1);
    assert!(chains(&page)[0][0].contains("session agent299"), "the last one first");
    assert!(problems(&page).contains("299 more agents failed in the same way"));
    for number in 0..299 {
        assert!(problems(&page).contains(&format!("<bdi>agent{number}</bdi>")), "{number}");
    }
}

#[test]
fn a_chain_goes_through_the_child_session_that_failed() {
    let mut lead = Session::new("a", "lead");
    lead.begin(0, AgentEventName::AgentStarted, 1, 0);
    lead.begin(10, AgentEventName::ToolCalled, 2, 1);
    let mut child = Session::new("b", "helper");
    child.begin(20, AgentEventName::AgentStarted, 11, 2);
    child.begin(30, AgentEventName::TurnStarted, 12, 11);
    child.fail(40, AgentEventName::TurnFailed, 12, "no such model");
    child.fail(50, AgentEventName::AgentFailed, 11, "no such model");
    lead.fail(60, AgentEventName::ToolCompleted, 2, "the helper failed").data =
        Some(Data::new().with("tool", "ask_helper"));
    lead.fail(70, AgentEventName::AgentFailed, 1, "the helper failed");
    let mut all = [lead.events, child.events].concat();
    all.sort_by_key(|event| event.emitted_at);
    let chains = chains(&page(&all));
    let [chain] = &chains[..] else { panic!("{chains:?}") };
    let starts = ["session lead", "tool ask_helper", "session helper", "turn", "no such model"];
    assert_eq!(chain.len(), starts.len(), "{chain:?}");
    for (step, start) in chain.iter().zip(starts) {
        assert!(step.contains(start), "{step}");
    }
}

#[test]
fn the_failure_that_ended_the_run_comes_before_one_it_survived() {
    let mut lead = Session::new("a", "lead");
    lead.begin(0, AgentEventName::AgentStarted, 1, 0);
    let mut all = Vec::new();
    for (id, parent, error) in [("b", 1, "HTTP 500"), ("c", 0, "HTTP 401")] {
        let mut session = Session::new(id, id);
        session.begin(5, AgentEventName::AgentStarted, 11, parent);
        session.begin(10, AgentEventName::TurnStarted, 12, 11);
        session.fail(20, AgentEventName::TurnFailed, 12, error);
        session.fail(30, AgentEventName::AgentFailed, 11, error);
        all.extend(session.events);
    }
    lead.turn(40, 50, 2, 0.0);
    lead.end(60, AgentEventName::AgentCompleted, 1);
    let page = page(&[lead.events, all].concat());
    in_order(
        problems(&page),
        &["Cause of the failure", "HTTP 401", "the agent around it ended well", "HTTP 500"],
    );
}

#[test]
fn spans_of_two_sessions_inside_each_other_have_an_end() {
    let mut outer = Session::new("a", "outer");
    outer.begin(0, AgentEventName::AgentStarted, 1, 0);
    let mut inner = Session::new("b", "inner");
    inner.begin(10, AgentEventName::TurnStarted, 12, 1);
    outer.begin(20, AgentEventName::AttemptStarted, 3, 12);
    inner.begin(30, AgentEventName::AgentStarted, 11, 3);
    inner.fail(40, AgentEventName::TurnFailed, 12, "HTTP 401");
    inner.fail(50, AgentEventName::AgentFailed, 11, "HTTP 401");
    outer.fail(60, AgentEventName::AttemptFailed, 3, "HTTP 401");
    outer.fail(70, AgentEventName::AgentFailed, 1, "HTTP 401");
    let mut all = [outer.events, inner.events].concat();
    all.sort_by_key(|event| event.emitted_at);
    assert_eq!(chains(&page(&all)).len(), 1);
}

#[test]
fn a_refusal_and_a_budget_are_causes() {
    let editor = &chains(&page(&golden_events()))[0];
    assert!(editor[0].contains("session editor the budget is used up"), "{editor:?}");
    assert!(editor[1].contains("refused claude-sonnet-4"), "{editor:?}");
    assert!(editor[2].contains("budget $0.0500 exceeded: $0.0516"), "{editor:?}");
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.turn(10, 20, 2, 0.06);
    session.event(20, AgentEventName::AgentFailed).detail = Some("budget exceeded: $0.06".into());
    session.fail(30, AgentEventName::AgentFailed, 1, "over");
    let writer = &chains(&page(&session.events))[0];
    assert!(writer[1].contains("budget"), "{writer:?}");
    assert!(writer[2].contains("budget exceeded: $0.06"), "{writer:?}");
}

#[test]
fn a_failure_before_a_later_success_is_no_cause() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.begin(10, AgentEventName::TurnStarted, 2, 1);
    session.fail(20, AgentEventName::TurnFailed, 2, "HTTP 500");
    session.turn(30, 40, 3, 0.0);
    session.fail(50, AgentEventName::AgentFailed, 1, "the answer is no JSON");
    let page = page(&session.events);
    let chain = &chains(&page)[0];
    assert_eq!(chain.len(), 2, "{chain:?}");
    assert!(chain[1].contains("the answer is no JSON"), "{chain:?}");
}

#[test]
fn an_error_that_the_session_quotes_is_its_cause() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.begin(10, AgentEventName::TurnStarted, 2, 1);
    session.fail(20, AgentEventName::TurnFailed, 2, "HTTP 401");
    // A call beside it ends well.
    session.turn(15, 30, 3, 0.0);
    session.fail(50, AgentEventName::AgentFailed, 1, "gave up: HTTP 401");
    let page = page(&session.events);
    assert_eq!(chains(&page)[0].len(), 3);
    assert!(chains(&page)[0][1].contains("turn"));
}

#[test]
fn a_chain_to_an_error_without_a_text_keeps_the_texts_above() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.begin(10, AgentEventName::TurnStarted, 2, 1);
    session.fail(20, AgentEventName::TurnFailed, 2, "").detail = None;
    session.fail(30, AgentEventName::AgentFailed, 1, "no answer");
    let page = page(&session.events);
    let [session, _, error] = &chains(&page)[0][..] else { panic!("{:?}", chains(&page)) };
    assert!(session.contains("no answer") && error.contains("no reason is told"));
}

#[test]
fn a_session_dropped_after_a_failure_has_a_chain() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.begin(10, AgentEventName::TurnStarted, 2, 1);
    session.fail(20, AgentEventName::TurnFailed, 2, "HTTP 401");
    let unfinished = page(&session.events);
    session.end(30, AgentEventName::AgentFailed, 1).outcome = Some(SpanOutcome::Cancelled);
    let dropped = page(&session.events);
    for (page, said) in [(unfinished, "… unfinished"), (dropped, "✕ cancelled after a failure")]
    {
        assert!(page.contains(&format!("<a href=\"#died\">{said}</a>")), "{said}");
        assert!(chains(&page)[0].last().unwrap().contains("HTTP 401"), "{said}");
    }
}

#[test]
fn a_death_beyond_max_events_keeps_its_rows() {
    let events = dying(15_000);
    let page = Timeline::read(&events).html(&PageConfig::default().max_events(100));
    let numbers = |before: &str, after: char| -> BTreeSet<usize> {
        let parts = page.split(before).skip(1);
        parts.filter_map(|part| part.split(after).next()?.parse().ok()).collect()
    };
    let listed = numbers(" id=e", '>');
    let dies = |event: &AgentEvent| event.role.as_deref() == Some("lead") && event.detail.is_some();
    let deaths = (0..events.len()).filter(|number| dies(&events[*number]));
    assert_eq!(listed, (0..100).chain(deaths).collect());
    assert!(numbers("href=\"#e", '"').is_subset(&listed), "no link leads nowhere");
}

#[test]
fn agents_of_one_name_are_told_apart() {
    let timeline = Timeline::read(dying(15_000));
    let (page, trace) = (timeline.html(&PageConfig::default()), timeline.chrome_trace());
    for number in 1..=99_u64 {
        let short = &format!("{:08x}", number * 0x0123_4567_u64)[..4];
        assert!(page.contains(&format!("<bdi>worker</bdi><small> {short}</small>")), "{short}");
        assert!(trace.contains(&format!("\"worker {short}\"")), "{short}");
    }
    assert!(page.contains("<bdi>worker</bdi> × 99"), "the head counts them");
    assert!(!page.contains("<bdi>lead</bdi><small>"), "one name is enough for one agent");
}

#[test]
fn short_forms_of_ids_are_distinct() {
    let told = |ids: &[&str]| {
        let mut all = Vec::new();
        for id in ids {
            let mut session = Session::new(id, "writer");
            session.begin(0, AgentEventName::AgentStarted, 1, 0);
            all.extend(session.events);
        }
        let page = page(&all);
        let names = page.split("<strong><bdi>writer</bdi><small> ").skip(1);
        names.map(|name| name.split('<').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told(&["aaaaaaaa-1", "bbbbbbbb-1"]), ["aaaa", "bbbb"]);
    // Ids that begin with the time differ at their ends.
    assert_eq!(told(&["01890000-00000001", "01890000-00000002"]), ["0001", "0002"]);
    assert_eq!(told(&["0189-0001-0002", "0189-0002-0002"]), ["1-0002", "2-0002"]);
    // Else there is nothing short about them.
    let whole = ["01890000-1-00000001", "01890000-2-00000001"];
    assert_eq!(told(&whole), whole);
}

#[test]
fn a_run_of_many_agents_is_folded_but_for_its_failures() {
    let page = page(&dying(15_000));
    assert_eq!(page.matches("<details class=a>").count(), 99);
    assert_eq!(page.matches("<details open class=a>").count(), 1);
    let open = page.split("<details open class=a>").nth(1).unwrap();
    assert!(open.split("</summary>").next().unwrap().contains("lead"));
}

#[test]
fn a_page_of_fifteen_thousand_events_is_below_four_megabytes() {
    let page = page(&dying(15_000));
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
}
