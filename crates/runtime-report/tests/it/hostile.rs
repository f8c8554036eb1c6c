//! Text that wants to be more than text.

use runtime_events::{AgentEvent, AgentEventName, Data};
use runtime_report::PageConfig;
use runtime_report::Timeline;

use crate::common::Session;

const ATTACKS: &[&str] = &[
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></title></table><h1>",
    "<!--",
    "]]>",
    "&lt;b&gt;&#x3c;",
    "\u{202e}gnp.exe\u{2066}",
    "a\0b\u{1b}[31m\u{7f}\u{9b}",
    "👩‍💻🇩🇪 שלום עולם مرحبا",
    "a\nb\r\nc\td",
];

/// A log in which every text is the given one.
fn everywhere(text: &str) -> Vec<AgentEvent> {
    let mut session = Session::new(text, text);
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    let event = session.event(1, AgentEventName::ToolCalled);
    event.span = Some(runtime_events::SpanId::from_u64(2));
    event.data = Some(Data::new().with("tool", text.to_owned()));
    for name in [
        AgentEventName::TurnFailed,
        AgentEventName::BudgetMark,
        AgentEventName::BreakerChanged,
        AgentEventName::StatusChanged,
        AgentEventName::RecoveryAttempted,
        AgentEventName::HandedOver,
        AgentEventName::AgentBlocked,
    ] {
        let event = session.event(2, name);
        event.phase = Some(text.into());
        event.detail = Some(text.to_owned().into());
        let keys = ["breaker", "from", "to", "account", "target_role", "tool", "model", "steps"];
        let mut data: Data = keys.into_iter().map(|key| (key, text)).collect();
        data.insert(text.to_owned(), text);
        event.data = Some(data);
        event.labels = Some(
            [(text.to_owned(), text.to_owned())]
                .into_iter()
                .collect::<runtime_events::Labels>()
                .into(),
        );
    }
    session.events
}

/// The elements and attributes of a page, without its texts.
fn skeleton(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|part| part.split(['>', ' ']).next().unwrap_or("")).collect()
}

#[test]
fn hostile_text_adds_no_element_and_no_attribute() {
    let page = |text| Timeline::read(everywhere(text)).html(&PageConfig::default().title(text));
    let plain = page("plain");
    for attack in ATTACKS {
        let attacked = page(attack);
        assert_eq!(skeleton(&attacked), skeleton(&plain), "{attack:?}");
        assert_eq!(attacked.matches("=\"").count(), plain.matches("=\"").count(), "{attack:?}");
        let hidden = |char: char| {
            (char.is_control() && char != '\n' && char != '\t')
                || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!attacked.contains(hidden), "{attack:?}");
    }
}

#[test]
fn harmless_text_of_any_script_stays_as_it_is() {
    let text = "👩‍💻🇩🇪 שלום עולם مرحبا — naïve";
    let page = Timeline::read(everywhere(text)).html(&PageConfig::default());
    assert!(page.contains(text));
}

#[test]
fn a_detail_of_a_million_characters_is_cut_and_counted() {
    let mut session = Session::new("s", "writer");
    session.event(1, AgentEventName::AgentBlocked).detail = Some("é<".repeat(500_000).into());
    let page = Timeline::read(&session.events).html(&PageConfig::default());
    assert!(page.len() < 100_000, "{} bytes", page.len());
    assert!(page.contains("996,000 more characters"));
    let page = Timeline::read(&session.events).html(&PageConfig::default().max_text(2_000_000));
    assert!(!page.contains("more characters</small></pre>"));
}

#[test]
fn hostile_text_is_a_json_string_and_one_mermaid_line() {
    for attack in ATTACKS {
        let timeline = Timeline::read(everywhere(attack));
        serde_json::from_str::<serde_json::Value>(&timeline.chrome_trace()).unwrap();
        let plain = Timeline::read(everywhere("plain")).mermaid();
        assert_eq!(timeline.mermaid().lines().count(), plain.lines().count(), "{attack:?}");
        assert!(!timeline.mermaid().contains(['<', '&']), "{attack:?}");
    }
}
