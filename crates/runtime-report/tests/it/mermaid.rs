//! The Mermaid diagram.

use runtime_events::AgentEventName;
use runtime_report::Timeline;

use crate::common::{Session, golden_events, long};

#[test]
fn each_line_is_one_that_mermaid_knows() {
    let text = Timeline::read(golden_events()).mermaid();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("sequenceDiagram"));
    for line in lines {
        let line = line.trim_start();
        let known = ["actor A", "participant ", "Note over A", "A", "M", "T"];
        assert!(known.iter().any(|start| line.starts_with(start)), "{line}");
    }
}

#[test]
fn a_long_run_ends_with_what_is_left_out() {
    let text = Timeline::read(long(10_000)).mermaid();
    assert!(text.len() < 50_000 && text.matches("->>").count() < 500);
    assert!(text.trim_end().ends_with("more are not shown"), "{}", text.lines().last().unwrap());
}

#[test]
fn words_and_signs_of_mermaid_are_codes() {
    let mut session = Session::new("s", "end");
    session.event(1, AgentEventName::AgentBlocked).detail = Some("a;b#c:d\nend <x> pending".into());
    let text = Timeline::read(&session.events).mermaid();
    assert!(text.contains("as #101;nd\n"), "{text}");
    assert!(text.contains("a#59;b#35;c#58;d #101;nd #60;x#62; pending"), "{text}");
}
