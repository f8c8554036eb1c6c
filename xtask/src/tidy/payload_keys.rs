//! Only the payloads of `runtime-events` spell the keys of an event's data.

use super::{PROJECT, Problem, assert_none, has_extension};

/// The folder of the payloads.
const PAYLOADS: &str = "crates/runtime-events/src/payload/";

/// Crates whose sources read the JSON of providers, and no events.
const OF_PROVIDERS: &[&str] = &["crates/runtime-http/", "crates/runtime-usage/"];

/// The file with the list of keys that spans always show.
const PLAIN: &str = "crates/runtime-otel/src/note.rs";

/// Keys of the envelope and its labels that are also keys of payloads.
const ENVELOPE: &[&str] = &["life", "phase", "session_id", "thread"];

#[test]
fn no_crate_spells_a_key_of_a_payload() {
    let keys = keys();
    assert_none(&PROJECT.problems(is_reader, |text| literal_keys(text, &keys)));
}

#[test]
fn keys_in_sql_and_scripts_are_keys_of_payloads() {
    let keys = keys();
    let chosen = |path: &str| {
        is_reader(path) || ["sql", "md"].iter().any(|extension| has_extension(path, extension))
    };
    assert_none(&PROJECT.problems(chosen, |text| unknown_paths(text, "$.data.", &keys)));
    assert_none(
        &PROJECT.problems(
            |path| has_extension(path, "js"),
            |text| unknown_paths(text, " data.", &keys),
        ),
    );
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
fn unknown_paths(text: &str, data: &str, keys: &[String]) -> Vec<Problem> {
    let found = (1..).zip(text.lines()).flat_map(|(number, line)| {
        line.match_indices(data).filter_map(move |(at, start)| {
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

/// Whether a file may write or read events. Tests and benchmarks look at the JSON itself.
fn is_reader(path: &str) -> bool {
    has_extension(path, "rs")
        && (path.starts_with("examples/") || path.starts_with("crates/") && path.contains("/src/"))
        && !path.contains("tests")
        && !path.starts_with(PAYLOADS)
        && !OF_PROVIDERS.iter().any(|place| path.starts_with(place))
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
    let found = unknown_paths("'$.data.for'\n'$.data.form'", "$.data.", &keys);
    assert_eq!(found, [Problem::new(2, "no payload has `form`")]);
    let found = unknown_entries("    \"for\"\n    \"form\"\n    [\"x\"]", &keys);
    assert_eq!(found, [Problem::new(2, "no payload has `form`")]);
}
