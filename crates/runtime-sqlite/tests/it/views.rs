//! Views, compared with results computed by hand.

use runtime_events::{AgentEventName as Name, Data, SpanOutcome as Outcome};
use runtime_sqlite::SqliteSink;
use serde_json::json;

use crate::common::{Place, Story};

const ROOT: u64 = 1;

fn data(json: serde_json::Value) -> Data {
    Data::try_from(json).expect("an object")
}

fn none() -> Data {
    Data::new()
}

fn kept(test: &str, stories: &[Story]) -> Place {
    let place = Place::new(test);
    let log = SqliteSink::open(place.db()).expect("a new database");
    for story in stories {
        log.emit_all(&story.events).expect("it is written");
    }
    place
}

/// A plain turn, a turn of three attempts at two models, and a turn cut by a crash.
fn writer() -> Story {
    let mut story = Story::new("w", "writer");
    let turn = |span| Some((span, Some(ROOT)));
    let attempt = |span| Some((span, Some(3)));
    story.pass(5).tell(Name::TurnStarted, turn(2), None, data(json!({"model": "a"})));
    let spent = json!({
        "model": "a", "input_tokens": 100, "output_tokens": 10, "cost_usd": 0.000_000_001,
        "cache_read_tokens": 7,
    });
    story.pass(20).tell(Name::TurnCompleted, turn(2), Some(Outcome::Ok), data(spent));

    story.pass(1).tell(Name::TurnStarted, turn(3), None, data(json!({"model": "a"})));
    story.tell(Name::AttemptStarted, attempt(4), None, data(json!({"model": "a", "attempt": 1})));
    let failed = json!({
        "model": "a", "attempt": 1, "cost_usd": 0.1, "estimated": true,
        "input_tokens": 5, "output_tokens": 0,
    });
    story.pass(30).tell(Name::AttemptFailed, attempt(4), Some(Outcome::TimedOut), data(failed));
    let told = json!({"scenario": "rate_limit", "steps": ["wait"], "wait_seconds": 1.5});
    story.tell(Name::RecoveryAttempted, turn(3), None, data(told));
    story.pass(2).tell(Name::WaitStarted, attempt(5), None, data(json!({"for": "backoff"})));
    story.pass(1_500).tell(Name::WaitEnded, attempt(5), Some(Outcome::Ok), none());
    story.tell(Name::AttemptStarted, attempt(6), None, data(json!({"model": "b", "attempt": 2})));
    let refused = json!({"model": "b", "attempt": 2});
    story.pass(3).tell(Name::AttemptFailed, attempt(6), Some(Outcome::Failed), data(refused));
    story.tell(Name::RecoveryFailed, turn(3), None, data(json!({"scenario": "rate_limit"})));
    let told = json!({"scenario": "provider_down", "wait_seconds": 0.25});
    story.tell(Name::RecoveryAttempted, turn(3), None, data(told));
    story.tell(Name::AttemptStarted, attempt(7), None, data(json!({"model": "b", "attempt": 3})));
    let answered = json!({
        "model": "b", "provider": "p", "attempt": 3, "cost_usd": 0.2, "input_tokens": 50,
        "output_tokens": 9, "reasoning_tokens": 4,
    });
    story.pass(40).tell(Name::AttemptCompleted, attempt(7), Some(Outcome::Ok), data(answered));
    story.tell(Name::RecoverySucceeded, turn(3), None, data(json!({"scenario": "provider_down"})));
    let sum = json!({
        "model": "a", "attempts": 3, "cost_usd": 0.3, "input_tokens": 55, "output_tokens": 9,
        "reasoning_tokens": 4, "estimated": true,
    });
    story.tell(Name::TurnCompleted, turn(3), Some(Outcome::Ok), data(sum));

    // An attempt was paid for, and then the process was killed: its turn has no end.
    story.tell(Name::TurnStarted, turn(8), None, none());
    let attempt = Some((9, Some(8)));
    story.tell(Name::AttemptStarted, attempt, None, data(json!({"model": "b", "attempt": 1})));
    let answered = json!({"model": "b", "attempt": 1, "cost_usd": 0.000_000_5});
    story.pass(1).tell(Name::AttemptCompleted, attempt, Some(Outcome::Ok), data(answered));
    story
}

fn editor() -> Story {
    let mut story = Story::new("e", "editor");
    let turn = |span| Some((span, Some(ROOT)));
    story.tell(Name::TurnStarted, turn(2), None, data(json!({"model": "a"})));
    let spent = json!({"model": "a", "input_tokens": 1, "output_tokens": 2, "cost_usd": 8_388_608});
    story.pass(1).tell(Name::TurnFailed, turn(2), Some(Outcome::Failed), data(spent));
    story.tell(Name::TurnStarted, turn(3), None, none());
    story.pass(1).tell(Name::TurnCompleted, turn(3), Some(Outcome::Ok), none());
    story.pass(1).tell(Name::AgentFailed, Some((ROOT, None)), Some(Outcome::Panicked), none());
    story
}

#[test]
fn money_is_counted_once_and_to_the_nano_dollar() {
    let place = kept("money", &[writer(), editor()]);
    let by_model = "SELECT model, calls, ok, estimated, input_tokens, output_tokens,
        cache_read_tokens, reasoning_tokens, cost_nanos FROM cost_by_model ORDER BY model";
    assert_eq!(
        place.rows(by_model),
        ["a|3|1|1|113|12|7|0|8388608100000001", "b|3|2|0|50|9|0|4|200000500"]
    );
    let by_session = "SELECT session_id, role, phase, turns, calls, ok, input_tokens,
        output_tokens, cost_nanos FROM cost_by_session ORDER BY session_id";
    assert_eq!(
        place.rows(by_session),
        ["e|editor|draft|2|2|1|1|2|8388608000000000", "w|writer|draft|3|5|3|162|19|300000501"]
    );
    let by_role = "SELECT role, sessions, turns, calls, ok, input_tokens, output_tokens,
        cost_nanos FROM cost_by_role ORDER BY role";
    assert_eq!(
        place.rows(by_role),
        ["editor|1|2|2|1|1|2|8388608000000000", "writer|1|3|5|3|162|19|300000501"]
    );
    let dollars = "SELECT cost_usd FROM cost_by_model WHERE model = 'b'";
    assert_eq!(place.rows(dollars), ["0.2000005"]);
}

#[test]
fn spans_have_a_kind_a_name_and_an_end() {
    let place = kept("spans", &[writer()]);
    let spans = "SELECT ltrim(span, '0'), ltrim(parent, '0'), kind, name, start_ns / 1000000,
        duration_ns / 1000000, outcome FROM spans ORDER BY first_seq";
    assert_eq!(
        place.rows(spans),
        [
            "1|-|session|writer|0|-|-",
            "2|1|turn|a|5|20|ok",
            "3|1|turn|a|26|1575|ok",
            "4|3|attempt|a|26|30|timed_out",
            "5|3|wait|backoff|58|1500|ok",
            "6|3|attempt|b|1558|3|failed",
            "7|3|attempt|b|1561|40|ok",
            "8|1|turn|-|1601|-|-",
            "9|8|attempt|b|1601|1|ok",
        ]
    );
    let of_one = place.rows("SELECT count(*) FROM spans WHERE session_id = 'w' AND outcome = 'ok'");
    assert_eq!(of_one, ["5"]);
}

#[test]
fn recoveries_are_counted_by_scenario() {
    let place = kept("recoveries", &[writer()]);
    let rows = place.rows("SELECT * FROM recoveries ORDER BY scenario");
    assert_eq!(rows, ["provider_down|1|1|0|0|0.25", "rate_limit|1|0|1|0|1.5"]);
}

#[test]
fn tools_have_counts_and_percentiles() {
    let mut story = Story::new("t", "writer");
    // 1 to 100 ms, each once, in an order that is not theirs.
    for n in 0..100_u64 {
        let (span, tool) = (Some((n + 2, Some(ROOT))), json!({"tool": "search"}));
        let outcome = match n {
            0..=2 => Outcome::Failed,
            3 => Outcome::TimedOut,
            4 => Outcome::Panicked,
            5 => Outcome::Cancelled,
            _ => Outcome::Ok,
        };
        story.tell(Name::ToolCalled, span, None, data(tool.clone()));
        let millis = n * 37 % 100 + 1;
        story.pass(millis).tell(Name::ToolCompleted, span, Some(outcome), data(tool));
    }
    let (span, fetch) = (Some((200, Some(ROOT))), json!({"tool": "fetch"}));
    story.tell(Name::ToolCalled, span, None, data(fetch));
    let refused = json!({"tool": "fetch", "refused": "tool", "reason": "permission"});
    story.tell(Name::AgentBlocked, None, None, data(refused.clone()));
    story.tell(Name::AgentBlocked, None, None, data(refused));
    story.tell(Name::AgentBlocked, None, None, data(json!({"tool": "shell"})));
    // A turn that was refused is none of theirs.
    story.tell(Name::AgentBlocked, None, None, data(json!({"refused": "turn", "model": "a"})));
    let place = kept("tools", &[story]);
    let rows = place.rows(
        "SELECT tool, calls, ok, errors, timed_out, panicked, cancelled, open, refused,
            p50_ns / 1000000, p95_ns / 1000000, max_ns / 1000000 FROM tool_stats ORDER BY tool",
    );
    assert_eq!(
        rows,
        [
            "fetch|1|0|0|0|0|0|1|2|-|-|-",
            "search|100|94|5|1|1|1|0|0|50|95|100",
            "shell|0|0|0|0|0|0|0|1|-|-|-",
        ]
    );
}

#[test]
fn percentiles_of_one_and_two_are_observed_durations() {
    let mut story = Story::new("t", "writer");
    for (span, tool, took) in [(2, "one", 7), (3, "two", 9), (4, "two", 4)] {
        let (span, tool) = (Some((span, Some(ROOT))), json!({"tool": tool}));
        story.tell(Name::ToolCalled, span, None, data(tool.clone()));
        story.pass(took).tell(Name::ToolCompleted, span, Some(Outcome::Ok), data(tool));
    }
    let place = kept("few", &[story]);
    let rows =
        place.rows("SELECT tool, p50_ns / 1000000, p95_ns / 1000000 FROM tool_stats ORDER BY tool");
    assert_eq!(rows, ["one|7|7", "two|4|9"]);
}

#[test]
fn sums_of_absurd_numbers_are_numbers() {
    let mut story = Story::new("s", "writer");
    for span in 2..100 {
        let absurd = json!({"model": "a", "cost_usd": 1e300, "input_tokens": u64::MAX});
        let span = Some((span, Some(ROOT)));
        story.tell(Name::TurnCompleted, span, Some(Outcome::Ok), data(absurd));
    }
    let place = kept("absurd", &[story]);
    let sums = place.rows("SELECT input_tokens, cost_nanos FROM cost_by_model");
    assert_eq!(sums, [format!("{}|{}", 98 * 10_u64.pow(12), 98 * (1_u64 << 53))]);
}

#[test]
fn views_accept_missing_values() {
    let place = Place::new("views-unknown");
    let log = SqliteSink::open(place.db()).unwrap();
    let deep = "[".repeat(100) + &"]".repeat(100);
    let lines = [
        r#"{"event":"agent.recovery.attempted","session_id":"s","seq":1,"data":{"wait_seconds":"soon","scenario":["x"]}}"#.to_owned(),
        r#"{"event":"agent.wait_started","session_id":"s","seq":2,"span":"x","data":7}"#.to_owned(),
        r#"{"event":"agent.turn_completed","session_id":"s","seq":3,"outcome":"dazed","data":{"cost_usd":-1,"model":3}}"#.to_owned(),
        format!(r#"{{"event":"agent.tool_called","session_id":"s","seq":4,"span":"y","x":{deep}}}"#),
    ];
    assert_eq!(log.import(lines.join("\n").as_bytes()).unwrap().unknown, 4);
    for view in [
        "calls",
        "cost_by_model",
        "cost_by_role",
        "cost_by_session",
        "recoveries",
        "sessions",
        "spans",
        "tool_stats",
    ] {
        place.rows(&format!("SELECT * FROM {view}"));
    }
    assert_eq!(place.rows("SELECT cost_nanos FROM cost_by_session"), ["0"]);
    assert_eq!(log.reader().unwrap().sessions().unwrap()[0].outcome, None);
}

#[test]
fn a_query_of_one_session_does_not_read_others() {
    let place = kept("plan", &[writer()]);
    for view in ["spans", "cost_by_session", "sessions"] {
        let plan =
            place.rows(&format!("EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE session_id = 'w'"));
        let plan = plan.join("\n");
        assert!(plan.contains("SEARCH event USING PRIMARY KEY (session_id=?)"), "{view}: {plan}");
    }
}
