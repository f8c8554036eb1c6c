//! `cassette` and `diff`.

use std::{fs, process};

use futures_executor::block_on;
use runtime_postgres::{PgConfig, PgStore};
use serde_json::{Value, json};

use crate::stories::{order, story};
use crate::{LOG, TempFile, run};

/// A session whose contents were captured.
const CAPTURED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime-orchestrator/tests/it/golden/contents.jsonl");

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_log_becomes_a_cassette() {
    let (code, text, warnings) = run(&["cassette", CAPTURED]);
    assert_eq!((code, &*warnings), (0, ""));
    let lines = objects(&text);
    assert_eq!((&lines[0]["cassette"], &lines[0]["from"]), (&json!(1), &json!("contents.jsonl")));
    let prompt = json!({ "ask": "why?\n", "n": 18_446_744_073_709_551_615_u64 });
    assert_eq!(lines[1]["request"], json!({ "model": "m", "prompt": prompt }));
    assert_eq!(lines[1]["reply"], json!({ "text": ["é", 1, -2, 0.5, null, true] }));
    let tool = json!(["tool", "search", { "limit": -1, "q": "…" }, "fine"]);
    let last = &lines[2];
    assert_eq!(json!([last["port"], last["name"], last["request"], last["reply"]]), tool);

    let out = TempFile::new("cassette", "");
    let (code, told, _) = run(&["cassette", CAPTURED, "-o", out.path()]);
    assert_eq!((code, told), (0, format!("{}: 2 calls\n", out.path())));
    assert_eq!(objects(&fs::read_to_string(out.path()).expect("written")).len(), 3);
}

#[test]
fn a_log_without_contents_says_what_is_missing() {
    let (code, text, warnings) = run(&["cassette", LOG]);
    assert_eq!(code, 0);
    assert!(warnings.starts_with("warning: "), "{warnings}");
    assert!(warnings.contains("captured none (`TelemetryConfig::capture`)"), "{warnings}");
    // Failures, and calls that were left, are known.
    let ends = objects(&text)[1..].iter().all(|call| call.get("reply").is_none());
    assert!(ends, "{text}");
    let (code, _, error) = run(&["cassette", LOG, "--session", "none"]);
    assert_eq!((code, &*error), (1, "error: no session has an id that begins with `none`\n"));
}

fn is_of_the_order(text: &str) {
    let lines = objects(text);
    let call = |at: usize| json!([lines[at]["port"], lines[at]["name"], lines[at]["any"]]);
    assert_eq!((call(1), call(2)), (json!(["model", null, true]), json!(["tool", "look", true])));
    assert_eq!(lines[1]["reply"], json!({ "text": "pay 12", "api_key": "[redacted]" }));
    assert_eq!(lines[2]["error"]["fault"]["kind"], "tool");
}

#[test]
fn a_thread_becomes_a_cassette() {
    let place = story("cassette");
    let (code, text, _) = place.cassette("order-4711");
    assert_eq!(code, 0);
    is_of_the_order(&text);
    let (code, _, error) = place.cassette("nobody");
    assert_eq!((code, &*error), (1, "error: there is no thread `nobody`\n"));
}

#[test]
fn a_thread_in_postgres_becomes_a_cassette() {
    let Some(url) = test_postgres::url() else { return };
    let schema = format!("cassette{}", process::id());
    let config = || PgConfig::new(url).schema(&*schema);
    block_on(PgStore::migrate(config())).expect("it is the owner's");
    order(&block_on(PgStore::connect(config())).expect("it is there"));
    let of = |thread| run(&["cassette", url, "--schema", &schema, "--thread", thread]);
    let (code, text, error) = of("order-4711");
    assert_eq!(code, 0, "{error}");
    is_of_the_order(&text);
    let (code, _, error) = of("nobody");
    assert_eq!((code, &*error), (1, "error: there is no thread `nobody`\n"));
}

#[test]
fn runs_that_differ_in_ids_and_times_alone_are_the_same() {
    let text = fs::read_to_string(CAPTURED).expect("readable");
    let other = text
        .replace("00001771", "0abc1771")
        .replace("000000000000177", "0000000000beef7")
        .replace("2026-01-01", "2026-02-02")
        .replace("\"elapsed_ns\":0", "\"elapsed_ns\":7");
    assert_ne!(text, other);
    let other = TempFile::new("same.jsonl", &other);
    assert_eq!(run(&["diff", CAPTURED, other.path()]), (0, String::new(), String::new()));
}

#[test]
fn the_first_difference_is_shown_by_turn() {
    let text = fs::read_to_string(CAPTURED).expect("readable");
    let other = TempFile::new(
        "other.jsonl",
        &text.replace(
            "\"answer\",\"value\":{\"text\":[\"é\"",
            "\"answer\",\"value\":{\"text\":[\"e\"",
        ),
    );
    let (code, told, _) = run(&["diff", CAPTURED, other.path()]);
    let expected = "\
they part at session 1 (writer), turn 1
  agent.content_captured
  /data/value/text/0
    A  \"é\"
    B  \"e\"
";
    let width = CAPTURED.chars().count().max(other.path().len());
    let told = told
        .replace(&format!("{CAPTURED:width$}"), "A")
        .replace(&format!("{:width$}", other.path()), "B");
    assert_eq!((code, &*told), (1, expected));

    let cut: String = text.split_inclusive('\n').take(7).collect();
    let cut = TempFile::new("cut.jsonl", &cut);
    let (code, told, _) = run(&["diff", cut.path(), CAPTURED]);
    let told = told
        .replace(&format!("{CAPTURED:width$}"), "B")
        .replace(&format!("{:1$}", cut.path(), CAPTURED.chars().count()), "A");
    let expected = "\
they part at session 1 (writer), turn 1
    A  (nothing more)
    B  agent.tool_called
";
    assert_eq!((code, &*told), (1, expected));
}

/// Two sessions that ran at the same time, and what a sink said of its file.
#[test]
fn neither_the_order_of_sessions_nor_the_file_is_a_difference() {
    let event = |id: &str, role: &str, name: &str| {
        let session = json!({
            "event": name, "status": "running", "emitted_at": "2026-01-01T00:00:00+00:00",
            "role": role, "session_id": id,
        });
        format!("{session}\n")
    };
    let [one, two] = ["one", "two"].map(|id| {
        ["agent.started", "agent.turn_started", "agent.completed"].map(|it| event(id, id, it))
    });
    let opened = json!({
        "event": "log.opened", "status": "running", "emitted_at": "2026-01-01T00:00:00+00:00",
        "data": { "file": "000001.jsonl", "pid": 7 },
    });
    let ordered = [&one[0], &two[0], &one[1], &one[2], &two[1], &two[2]].map(|it| &**it).concat();
    let mixed = [&one[0], &two[0], &two[1], &one[1], &two[2], &one[2]].map(|it| &**it).concat();
    let a = TempFile::new("ordered.jsonl", &ordered);
    let b = TempFile::new("mixed.jsonl", &format!("{opened}\n{mixed}"));
    assert_eq!(run(&["diff", a.path(), b.path()]), (0, String::new(), String::new()));

    let failed = mixed.replacen("agent.completed", "agent.failed", 1);
    let b = TempFile::new("failed.jsonl", &failed);
    let (code, told, _) = run(&["diff", a.path(), b.path()]);
    assert_eq!(code, 1);
    assert!(told.starts_with("they part at session 2 (two), turn 1\n"), "{told}");
}

#[test]
fn cassettes_are_compared_call_by_call() {
    let head = r#"{"cassette":1,"recorded":"2026-01-01T00:00:00Z","seed":"1","volatile":["/id"]}"#;
    let call = |id: u8, at: u64, city: &str| {
        let request = json!({ "id": id, "city": city });
        let call =
            json!({ "call": 1, "at_us": at, "port": "model", "request": request, "reply": 1 });
        format!("{head}\n{call}\n")
    };
    let files = [call(1, 5, "Rome"), call(2, 9, "Rome"), call(1, 5, "Oslo")];
    let [a, same, other] = [0, 1, 2].map(|at| TempFile::new(&format!("call-{at}"), &files[at]));
    assert_eq!(run(&["diff", a.path(), same.path()]), (0, String::new(), String::new()));
    let (code, told, _) = run(&["diff", a.path(), other.path()]);
    let expected = "\
they part at call 1, number 1 of its kind
  model
  /request/city
    A  \"Rome\"
    B  \"Oslo\"
";
    assert_eq!(
        (code, told.replace(a.path(), "A").replace(other.path(), "B")),
        (1, expected.to_owned())
    );
    let (code, _, error) = run(&["diff", a.path(), CAPTURED]);
    assert_eq!(code, 3);
    assert!(error.contains("is a cassette, and this is none"), "{error}");
}
