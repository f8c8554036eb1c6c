//! Only the payloads of `runtime-events` spell the keys of an event's data.

use super::{PROJECT, Problem, assert_none, has_extension};

/// The folder of the payloads.
const PAYLOADS: &str = "crates/runtime-events/src/payload/";

/// The crates that write or read events.
const READERS: &[&str] = &[
    "runtime-orchestrator",
    "runtime-otel",
    "runtime-report",
    "runtime-sinks",
    "runtime-sqlite",
    "techrevati-cli",
];

/// The file with the list of keys that spans always show.
const PLAIN: &str = "crates/runtime-otel/src/note.rs";

/// Keys of the envelope that are also keys of payloads.
const ENVELOPE: &[&str] = &["phase", "session_id"];

#[test]
fn no_crate_spells_a_key_of_a_payload() {
    let keys = keys();
    assert_none(&PROJECT.problems(is_reader, |text| literal_keys(text, &keys)));
}

#[test]
fn keys_in_sql_and_scripts_are_keys_of_payloads() {
    let keys = keys();
    let chosen =
        |path: &str| is_reader(path) || is_of_a_reader(path, "sql") || is_of_a_reader(path, "js");
    assert_none(&PROJECT.problems(chosen, |text| unknown_paths(text, &keys)));
}

#[test]
fn keys_of_spans_are_keys_of_payloads() {
    let keys = keys();
    assert_none(&PROJECT.problems(|path| path == PLAIN, |text| unknown_entries(text, &keys)));
}

/// The keys of all payloads.
fn keys() -> Vec<String> {
    let files = PROJECT.files.iter().filter(|file| file.path.starts_with(PAYLOADS));
    let keys: Vec<_> = files.flat_map(|file| declared(&file.text)).collect();
    assert!(keys.len() > 50, "too few keys were read: {keys:?}");
    keys
}

/// `field: Type = "key",`, line by line.
fn declared(text: &str) -> Vec<String> {
    let fields = text.lines().filter(|line| line.contains(": "));
    let keys = fields.filter_map(|line| line.trim_end().strip_suffix("\",")?.split_once(" = \""));
    keys.map(|(_, key)| key.to_owned()).collect()
}

/// Keys as literal arguments of look-ups and setters.
fn literal_keys(text: &str, keys: &[String]) -> Vec<Problem> {
    let asked = |line: &str| {
        ["get(\"", "insert(\"", "with(\"", "event, \"", "data, \""].iter().find_map(|call| {
            line.match_indices(call).find_map(|(at, _)| {
                let (key, _) = line[at + call.len()..].split_once('"')?;
                let known = keys.iter().any(|it| it == key) && !ENVELOPE.contains(&key);
                known.then(|| key.to_owned())
            })
        })
    };
    let code = (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"));
    let found = code.filter_map(|(number, line)| {
        let key = asked(line)?;
        Some(Problem::new(number, format!("`{key}` is a key of a payload: use the payload")))
    });
    found.collect()
}

/// Paths into the data of an event, in SQL and scripts, whose key no payload has.
fn unknown_paths(text: &str, keys: &[String]) -> Vec<Problem> {
    let found = (1..).zip(text.lines()).flat_map(|(number, line)| {
        line.match_indices("$.data.").filter_map(move |(at, start)| {
            let rest = &line[at + start.len()..];
            let end = rest.find(|char: char| char != '_' && !char.is_ascii_alphanumeric());
            let key = &rest[..end.unwrap_or(rest.len())];
            let what = format!("no payload has `{key}`");
            (!keys.iter().any(|it| it == key)).then(|| Problem::new(number, what))
        })
    });
    found.collect()
}

/// Entries of a list, one per line, that no payload has.
fn unknown_entries(text: &str, keys: &[String]) -> Vec<Problem> {
    let found = (1..).zip(text.lines()).filter_map(|(number, line)| {
        let key = line.trim().strip_prefix('"')?.strip_suffix('"')?;
        let what = format!("no payload has `{key}`");
        (!keys.iter().any(|it| it == key)).then(|| Problem::new(number, what))
    });
    found.collect()
}

/// Whether a file is a source of these crates. Tests are not: they look at the JSON.
fn is_reader(path: &str) -> bool {
    is_of_a_reader(path, "rs") && !path.contains("tests")
}

fn is_of_a_reader(path: &str, extension: &str) -> bool {
    let place = path.strip_prefix("crates/").and_then(|path| path.split_once("/src/"));
    has_extension(path, extension) && place.is_some_and(|(name, _)| READERS.contains(&name))
}

#[test]
fn keys_are_read_from_the_payloads() {
    let text = "payload! {\n    pub struct A<'e> {\n        reason: Option<Word<'e>> = \"for\",\n";
    assert_eq!(declared(text), ["for"]);
}

#[test]
fn a_literal_key_is_found() {
    let keys = ["cost_usd".to_owned(), "phase".to_owned()];
    let lines = "data.get(\"cost_usd\")\n// data.get(\"cost_usd\")\nmap.get(\"phase\")\ntext(event, \"cost_usd\")";
    let found: Vec<_> = literal_keys(lines, &keys).iter().map(|it| it.line).collect();
    assert_eq!(found, [1, 4]);
}

#[test]
fn a_path_or_an_entry_without_a_payload_is_found() {
    let keys = ["for".to_owned()];
    let found = unknown_paths("body ->> '$.data.for'\nbody ->> '$.data.form'", &keys);
    assert_eq!(found, [Problem::new(2, "no payload has `form`")]);
    let found = unknown_entries("    \"for\"\n    \"form\"\n    [\"x\"]", &keys);
    assert_eq!(found, [Problem::new(2, "no payload has `form`")]);
}
