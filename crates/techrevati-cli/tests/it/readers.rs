//! All that read a log say of it what its lines say: tokens, cost, outcomes and counts.
//!
//! The log is one that earlier code wrote.

use std::collections::BTreeMap;
use std::{env, fs, process};

use runtime_events::AgentEvent;
use runtime_report::{Timeline, show};
use runtime_sqlite::SqliteSink;
use serde_json::Value;

use crate::told::{Spans, Told, Used, nanos};
use crate::{TempFile, run};

const LOG: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../techrevati-runtime/tests/frozen/log.jsonl");

fn told() -> Told {
    let told = Told::by(&fs::read_to_string(LOG).expect("readable"));
    // So that nothing below compares nothing with nothing.
    assert!(told.used.cached > 100_000 && told.used.output > 0 && told.used.nanos > 0);
    let kinds: Vec<_> = told.spans.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["attempt", "session", "tool", "turn", "wait"]);
    for outcome in ["ok", "failed", "timed_out", "cancelled", "unfinished"] {
        assert!(told.ended(outcome) > 0, "{outcome}: {:?}", told.spans);
    }
    assert!(told.refused > 0 && told.recoveries.iter().all(|count| *count > 0), "{told:?}");
    assert!(told.dropped > 0 && told.torn_bytes > 0);
    told
}

/// What `techrevati report` writes.
fn report(format: &str) -> String {
    let (code, text, _) = run(&["report", LOG, "--format", format]);
    assert_eq!(code, 0);
    text
}

fn digits(text: &str) -> u64 {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{text:?} has no digits"))
}

#[test]
fn stats_are_what_the_lines_say() {
    let told = told();
    let text = fs::read_to_string(LOG).expect("readable");
    let events = text.lines().map(|line| AgentEvent::from_json(line).expect("an event"));
    let stats = Timeline::read(events).stats();
    let spent = stats.spent;
    let used = Used {
        input: spent.input_tokens,
        cached: spent.cached_tokens,
        output: spent.output_tokens,
        nanos: spent.cost_nanousd,
    };
    assert_eq!(used, told.used);
    let kinds: Vec<_> = stats.kinds.iter().map(|it| (&*it.name, (it.calls, it.failed))).collect();
    let expected = ["session", "turn", "attempt", "tool", "wait"];
    assert_eq!(kinds, expected.map(|kind| (kind, told.calls(kind))));
    let again = stats.recoveries;
    let again = [again.attempted, again.succeeded, again.failed, again.escalated];
    assert_eq!(again, told.recoveries);

    // And as the command writes them.
    let (_, text, _) = run(&["stats", LOG]);
    let lines: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once("  ")).collect();
    let numbers = |name: &str| lines[name].split(", ").map(digits).collect::<Vec<_>>();
    assert_eq!(numbers("events"), [told.events]);
    assert_eq!(numbers("unfinished"), [told.ended("unfinished")]);
    assert_eq!(numbers("refused"), [told.refused]);
    let tokens: Vec<u64> = lines["tokens"].split(['(', ')']).map(digits).collect();
    assert_eq!(tokens, [told.used.input, told.used.cached, told.used.output]);
    assert_eq!(numbers("recovery"), told.recoveries);
    assert_eq!(lines["cost"].trim(), show::usd(told.used.nanos).to_string());
}

#[test]
fn the_page_is_what_the_lines_say() {
    let (told, page) = (told(), report("html"));
    let between = |text: &str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
        rest.split_once(to).map(|(inside, _)| inside.to_owned()).expect("an end")
    };
    let card = |name: &str| {
        let card = between(&page, &format!("<span>{name}</span><strong>"), "</small>");
        let (value, note) = card.split_once("</strong><small>").expect("a note");
        (value.to_owned(), note.to_owned())
    };
    for (name, kind) in [("agents", "session"), ("turns", "turn"), ("tool calls", "tool")] {
        let (calls, failed) = card(name);
        assert_eq!((digits(&calls), digits(&failed)), told.calls(kind), "{name}");
    }
    assert_eq!(card("cost").0, show::usd(told.used.nanos).to_string());
    let [tried, worked, _, escalated] = told.recoveries;
    let expected = (tried.to_string(), format!("{worked} worked, {escalated} escalated"));
    assert_eq!(card("recoveries"), expected);
    let lost = format!("✕ {} dropped, {} bytes torn", told.dropped, told.torn_bytes);
    assert_eq!(card("events"), (told.events.to_string(), lost));

    // The tables add up: calls, failed, four durations, tokens in, cached, out, and cost.
    for title in ["Agents", "Models"] {
        let table = between(&page, &format!("<h2>{title}</h2>"), "</table>");
        let mut sums = [0; 4];
        for row in table.split("<tr><td>").skip(1) {
            let cells: Vec<&str> = row.trim_end().split("<td").collect();
            let cell = |cell: usize| digits(cells[cell]);
            for (sum, found) in sums.iter_mut().zip([cell(1), cell(7), cell(8), cell(9)]) {
                *sum += found;
            }
        }
        let Used { input, cached, output, .. } = told.used;
        let calls = if title == "Agents" { told.calls("session").0 } else { sums[0] };
        assert_eq!(sums, [calls, input, cached, output], "{title}");
    }

    // Every event has a row, and every span a bar in the colour of its end.
    let rows = ["<tr id=e", "<tr class=f id=e"].map(|row| page.matches(row).count());
    assert_eq!(rows.iter().sum::<usize>() as u64, told.events);
    let bars = |class: &str| {
        ["<a", "<summary"].map(|tag| page.matches(&format!("{tag} class=\"r {class}\"")).count())
    };
    let bars = |class: &str| bars(class).iter().sum::<usize>() as u64;
    assert_eq!(bars("open"), told.ended("unfinished"));
    assert_eq!(bars("gone"), told.ended("cancelled"));
    assert_eq!(bars(""), told.ended("ok"));
    let failed: u64 = told.spans.keys().map(|kind| told.calls(kind).1).sum();
    assert_eq!(bars("bad"), failed);
}

#[test]
fn the_chrome_trace_is_what_the_lines_say() {
    let told = told();
    let trace: Value = serde_json::from_str(&report("chrome")).expect("JSON");
    let (mut used, mut spans, mut last) = (Used::default(), Spans::new(), BTreeMap::new());
    for event in trace["traceEvents"].as_array().expect("events") {
        let (phase, kind) = (&event["ph"], event["cat"].as_str().unwrap_or_default());
        let arguments = &event["args"];
        if phase == "C" {
            last.insert(event["name"].as_str().expect("a name"), arguments);
        }
        if phase != "X" && phase != "b" {
            continue;
        }
        let outcome = arguments["outcome"].as_str().expect("an outcome");
        *spans.entry(kind.into()).or_default().entry(outcome.into()).or_default() += 1;
        if kind == "attempt" || kind == "turn" && !arguments["attempts"].is_u64() {
            used.add(arguments);
        }
    }
    assert_eq!((used, spans), (told.used, told.spans));
    assert_eq!(nanos(&last["cost"]["usd"]), told.used.nanos);
    assert_eq!(last["tokens"]["output"], told.used.output);
}

/// The log, in which a turn has the id of another session's span: its ids were numbers. OpenTelemetry
/// knows spans by their ids alone.
fn with_unique_ids() -> String {
    let text = fs::read_to_string(LOG).expect("readable");
    let lines = text.lines().map(|line| match line {
        it if it.contains("\"session_id\":\"00000000000000000000000000000bba\"") => {
            it.replace("\"span\":\"0000000000000bbc\"", "\"span\":\"00000000ffff0bbc\"") + "\n"
        }
        other => other.to_owned() + "\n",
    });
    lines.collect()
}

#[test]
fn otlp_json_is_what_the_lines_say() {
    let mut told = told();
    let log = TempFile::new("unique.jsonl", &with_unique_ids());
    let (_, text, _) = run(&["report", log.path(), "--format", "otlp"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let (mut used, mut spans) = (Used::default(), Spans::new());
    let mut notes: BTreeMap<String, u64> = BTreeMap::new();
    for span in json["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans") {
        let said: BTreeMap<_, _> = span["attributes"]
            .as_array()
            .expect("attributes")
            .iter()
            .map(|it| {
                let value = it["value"].as_object().and_then(|it| it.values().next());
                (it["key"].as_str().expect("a key"), value.expect("a value"))
            })
            .collect();
        let text = |key: &str| said.get(key).and_then(|it| it.as_str());
        let kind = match text("gen_ai.operation.name") {
            Some("invoke_agent") => "session",
            Some("chat") => "turn",
            Some("execute_tool") => "tool",
            None if span["name"] == "attempt" => "attempt",
            other => panic!("{other:?}"),
        };
        let outcome = text("techrevati.outcome").unwrap_or("unfinished");
        assert_eq!(text("error.type") == Some("abandoned"), outcome == "unfinished");
        *spans.entry(kind.into()).or_default().entry(outcome.into()).or_default() += 1;
        let failed = matches!(outcome, "failed" | "timed_out" | "panicked" | "unfinished");
        assert_eq!(span["status"]["code"] == 2, failed, "{span:#}");
        // A turn's usage has its attempts in it.
        if kind == "turn" {
            let count = |key: &str| text(key).map_or(0, digits);
            used.input += count("gen_ai.usage.input_tokens");
            used.cached += count("gen_ai.usage.cache_read.input_tokens");
            used.output += count("gen_ai.usage.output_tokens");
            used.nanos += said.get("techrevati.cost_usd").map_or(0, |cost| nanos(cost));
        }
        for note in span["events"].as_array().expect("events") {
            *notes.entry(note["name"].as_str().expect("a name").into()).or_default() += 1;
        }
    }
    // Waits are two events each, of the span around them.
    let waits = told.calls("wait").0;
    told.spans.remove("wait");
    assert_eq!((used, spans), (told.used, told.spans));
    let count = |name: &str| notes.get(name).copied().unwrap_or(0);
    assert_eq!(count("agent.wait_started") + count("agent.paused"), waits);
    assert_eq!(count("agent.blocked"), told.refused);
    let again = ["attempted", "succeeded", "failed", "escalated"];
    assert_eq!(again.map(|it| count(&format!("agent.recovery.{it}"))), told.recoveries);
}

#[test]
fn check_finds_what_the_lines_say() {
    let told = told();
    let (code, text, _) = run(&["check", LOG]);
    assert_eq!(code, 1);
    let found: Vec<_> =
        text.lines().filter_map(|line| line.split_once(": ")).map(|it| it.1).collect();
    let findings = found.len() as u64 - 1;
    let unfinished = found.iter().filter(|it| it.ends_with("has no end")).count() as u64;
    assert_eq!(unfinished, told.ended("unfinished"));
    let torn = format!("{} bytes of a torn line were lost", told.torn_bytes);
    let dropped = format!("a sink dropped {} events", told.dropped);
    for finding in [torn, dropped] {
        assert_eq!(found.iter().filter(|it| **it == finding).count(), 1, "{finding}");
    }
    assert_eq!(findings, unfinished + 2);
    let sums = format!("{} events, {} sessions: {findings} problems", told.events, told.sessions);
    assert_eq!(found.last(), Some(&&*sums));
}

#[test]
fn views_of_the_database_are_what_the_lines_say() {
    let Used { input, output, nanos, .. } = told().used;
    let database = env::temp_dir().join(format!("techrevati-readers-{}.db", process::id()));
    let sink = SqliteSink::open(&database).expect("a database");
    sink.import(&fs::read(LOG).expect("readable")[..]).expect("imported");
    drop(sink);
    let connection = rusqlite::Connection::open(&database).expect("a database");
    for view in ["cost_by_role", "cost_by_session", "cost_by_model"] {
        let sums =
            format!("SELECT sum(input_tokens), sum(output_tokens), sum(cost_nanos) FROM {view}");
        let row: [i64; 3] = connection
            .query_row(&sums, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
            .expect("a row");
        let row = row.map(|sum| u64::try_from(sum).expect("no debt"));
        assert_eq!(row, [input, output, nanos], "{view}");
    }
    drop(connection);
    fs::remove_file(&database).expect("it is there");
}
