//! The Chrome trace.

use std::collections::HashMap;

use runtime_events::AgentEventName;
use runtime_report::Timeline;
use serde_json::Value;

use crate::common::{Session, golden_events, long};

fn trace(timeline: &Timeline) -> Vec<Value> {
    let trace: Value =
        serde_json::from_str(&timeline.chrome_trace()).expect("as the format has it");
    assert_eq!(trace["displayTimeUnit"], "ms");
    trace["traceEvents"].as_array().expect("as the format has it").clone()
}

fn number(event: &Value, key: &str) -> f64 {
    event[key].as_f64().unwrap_or_else(|| panic!("{key} of {event}"))
}

/// Complete events of one track nest, and asynchronous ones come in pairs.
fn check(events: &[Value]) {
    let mut tracks: HashMap<(u64, u64), Vec<(f64, f64)>> = HashMap::new();
    let mut open: HashMap<(u64, String, String), f64> = HashMap::new();
    for event in events {
        let (process, track) = (
            event["pid"].as_u64().expect("as the format has it"),
            event["tid"].as_u64().expect("as the format has it"),
        );
        let id = || (process, event["cat"].to_string(), event["id2"]["local"].to_string());
        match event["ph"].as_str().expect("as the format has it") {
            "X" => {
                let start = number(event, "ts");
                tracks
                    .entry((process, track))
                    .or_default()
                    .push((start, start + number(event, "dur")));
            }
            "b" => assert_eq!(open.insert(id(), number(event, "ts")), None, "{event}"),
            "e" => assert!(
                open.remove(&id()).expect("as the format has it") <= number(event, "ts"),
                "{event}"
            ),
            "i" => assert_eq!(event["s"], "t"),
            "C" => assert!(
                event["args"]
                    .as_object()
                    .expect("as the format has it")
                    .values()
                    .all(Value::is_number)
            ),
            "f" => assert_eq!(event["bp"], "e"),
            "M" | "s" => {}
            other => panic!("unknown phase {other}"),
        }
        assert!(event["name"].is_string() && event["args"].is_object(), "{event}");
    }
    assert!(open.is_empty(), "{open:?}");
    for ((process, track), mut spans) in tracks {
        spans.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let mut around: Vec<f64> = Vec::new();
        for (start, end) in spans {
            while around.pop_if(|open| *open <= start).is_some() {}
            let fits = around.last().is_none_or(|open| end <= *open);
            assert!(fits, "process {process}, track {track}: {start}..{end} sticks out");
            around.push(end);
        }
    }
}

#[test]
fn tracks_nest_and_asynchronous_events_are_pairs() {
    for events in [golden_events(), long(1_000)] {
        check(&trace(&Timeline::read(events)));
    }
}

#[test]
fn turns_in_parallel_are_on_tracks_of_their_own() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    for span in 2..5 {
        session.begin(span * 10, AgentEventName::TurnStarted, span, 1);
    }
    for span in 2..5 {
        session.end(100 + span * 10, AgentEventName::TurnCompleted, span);
    }
    session.turn(200, 300, 9, 0.0);
    session.end(400, AgentEventName::AgentCompleted, 1);
    let events = trace(&Timeline::read(&session.events));
    check(&events);
    let tracks = events.iter().filter(|event| event["ph"] == "X" && event["cat"] == "turn");
    let tracks: Vec<u64> =
        tracks.map(|event| event["tid"].as_u64().expect("as the format has it")).collect();
    assert_eq!(tracks, [1, 2, 3, 1]);
}

#[test]
fn the_checker_finds_broken_traces() {
    let event = |start, end| {
        serde_json::json!({
            "name": "x", "ph": "X", "pid": 1, "tid": 1, "ts": start, "dur": end - start, "args": {},
        })
    };
    assert!(std::panic::catch_unwind(|| check(&[event(0, 10), event(5, 15)])).is_err());
    check(&[event(0, 10), event(5, 10), event(10, 15)]);
}

#[test]
fn counters_arrows_and_instants_are_there() {
    let events = trace(&Timeline::read(golden_events()));
    let count = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
    assert_eq!((count("s"), count("f")), (1, 1));
    assert!(count("C") > 10 && count("i") > 10);
    let cost = events.iter().rfind(|event| event["name"] == "cost").expect("as the format has it");
    assert_eq!(cost["args"]["usd"], 0.07999);
}
