//! An import stores each event once, whatever the log looks like.

use std::io::{self, BufReader, Read};

use runtime_events::AgentEvent;
use runtime_sqlite::SqliteSink;

use crate::common::{Place, lines, numbered};

fn dump(place: &Place) -> Vec<String> {
    let mut rows = place.rows("SELECT * FROM event");
    rows.extend(place.rows("SELECT * FROM log_record"));
    rows
}

#[test]
fn importing_a_log_twice_changes_nothing() {
    let place = Place::new("import-twice");
    let events: Vec<_> = (1..=2_500).map(|seq| numbered("s", seq)).collect();
    let text = lines(&events);
    let log = SqliteSink::open(place.db()).unwrap();
    let first = log.import(text.as_bytes()).unwrap();
    assert_eq!((first.read, first.new, first.duplicates), (2_500, 2_500, 0));
    let before = dump(&place);
    let second = log.import(text.as_bytes()).unwrap();
    assert_eq!((second.read, second.new, second.duplicates), (2_500, 0, 2_500));
    assert_eq!(dump(&place), before);
}

#[test]
fn importing_the_log_of_a_live_run_finds_duplicates_only() {
    let place = Place::new("import-live");
    let log = SqliteSink::open(place.db()).unwrap();
    let events: Vec<_> = (1..=10).map(|seq| numbered("s", seq)).collect();
    log.emit_all(&events[..5]).unwrap();
    let imported = log.import(lines(&events).as_bytes()).unwrap();
    assert_eq!((imported.new, imported.duplicates, imported.conflicts), (5, 5, 0));
}

#[test]
fn the_same_event_in_other_json_is_a_duplicate() {
    let place = Place::new("import-words");
    let log = SqliteSink::open(place.db()).unwrap();
    let one = r#"{"event":"agent.started","status":"running","emitted_at":"2026-01-01T00:00:00+00:00","session_id":"s","seq":1}"#;
    let other = r#" { "seq": 1, "session_id": "s", "status": "running", "event": "agent.started", "emitted_at": "2026-01-01T00:00:00+00:00" } "#;
    assert_eq!(log.import(one.as_bytes()).unwrap().new, 1);
    assert_eq!(log.import(other.as_bytes()).unwrap().duplicates, 1);
    assert_eq!(place.rows("SELECT body FROM event"), [one]);
}

#[test]
fn a_conflict_is_reported_and_not_stored() {
    let place = Place::new("import-conflict");
    let log = SqliteSink::open(place.db()).unwrap();
    log.emit_all(&[numbered("s", 1), numbered("s", 2)]).unwrap();
    let mut other = AgentEvent::clone(&numbered("s", 2));
    other.detail = Some("another".into());
    let imported = log.import(other.to_json().as_bytes()).unwrap();
    assert_eq!((imported.new, imported.conflicts), (0, 1));
    let conflict = &imported.conflicting[0];
    assert_eq!((conflict.session_id.as_str(), conflict.seq), ("s", 2));
    let bodies = place.rows("SELECT body FROM event WHERE seq = 2");
    assert_eq!(bodies, [numbered("s", 2).to_json()]);
}

#[test]
fn all_conflicts_are_counted_and_a_hundred_listed() {
    let place = Place::new("import-conflicts");
    let log = SqliteSink::open(place.db()).unwrap();
    let events: Vec<_> = (1..=1_200).map(|seq| numbered("s", seq)).collect();
    log.emit_all(&events).unwrap();
    let text = lines(&events).replace("gpt-5", "gpt-6");
    let imported = log.import(text.as_bytes()).unwrap();
    assert_eq!((imported.conflicts, imported.conflicting.len()), (1_200, 100));
    assert_eq!(imported.conflicting[99].seq, 100);
}

#[test]
fn torn_lines_are_counted_anywhere_in_a_log() {
    let place = Place::new("import-torn");
    let log = SqliteSink::open(place.db()).unwrap();
    let whole = numbered("s", 1).to_json();
    let torn = &whole[..whole.len() / 2];
    let mut text = format!("{torn}\n\n{whole}\r\n[1]\n\"text\"\n").into_bytes();
    text.extend(b"\xff\xfe\n\0\0\0\0\n");
    text.extend(torn.as_bytes());
    let imported = log.import(&text[..]).unwrap();
    assert_eq!((imported.read, imported.new, imported.torn), (7, 1, 6));
    assert_eq!(place.rows("SELECT body FROM event"), [whole]);
}

#[test]
fn a_log_cut_at_any_byte_loses_no_whole_line() {
    let place = Place::new("import-cut");
    let log = SqliteSink::open(place.db()).unwrap();
    let text = lines(&[numbered("s", 1), numbered("s", 2)]);
    let second = text.find('\n').unwrap() + 1;
    for cut in second..text.len() {
        let imported = log.import(&text.as_bytes()[..cut]).unwrap();
        let (whole, torn) =
            if cut == text.len() - 1 { (2, 0) } else { (1, u64::from(cut > second)) };
        assert_eq!((imported.new + imported.duplicates, imported.torn), (whole, torn), "at {cut}");
    }
}

#[test]
fn lines_of_other_versions_are_stored_unchanged() {
    let place = Place::new("import-unknown");
    let log = SqliteSink::open(place.db()).unwrap();
    let future = r#"{"event":"agent.dreamt","status":"asleep","session_id":"s","seq":1,"role":"writer","data":{"model":"gpt-9","cost_usd":0.25}}"#;
    let homeless = r#"{"event":"sink.hiccup","emitted_at":"2026-01-01T00:00:00+00:00"}"#;
    let nameless = r#"{"session_id":"s","seq":2}"#;
    let text = [future, homeless, nameless].join("\n");
    for _ in 0..2 {
        let imported = log.import(text.as_bytes()).unwrap();
        assert_eq!((imported.read, imported.unknown, imported.torn), (3, 3, 0));
    }
    let events = place.rows("SELECT event, role, model, cost_nanos, body FROM event");
    assert_eq!(events, [format!("agent.dreamt|writer|gpt-9|250000000|{future}")]);
    let records = place.rows("SELECT event, body FROM log_record ORDER BY body");
    assert_eq!(records, [format!("sink.hiccup|{homeless}"), format!("-|{nameless}")]);

    let reader = log.reader().unwrap();
    let error = reader.events("s").next().unwrap().unwrap_err().to_string();
    assert!(error.starts_with("cannot read event 1 of session `s`"), "{error}");
    assert!(error.contains("agent.dreamt"), "{error}");
}

/// A file that cannot be read to its end.
struct Broken<'b>(&'b [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into) {
            Ok(0) => Err(io::Error::other("the disk is gone")),
            read => read,
        }
    }
}

#[test]
fn an_import_after_a_read_error_can_be_repeated() {
    let place = Place::new("import-broken");
    let log = SqliteSink::open(place.db()).unwrap();
    let events: Vec<_> = (1..=1_500).map(|seq| numbered("s", seq)).collect();
    let text = lines(&events);
    let error = log.import(BufReader::new(Broken(text.as_bytes()))).unwrap_err();
    assert_eq!(error.to_string(), "cannot read a log to import: the disk is gone");
    assert_eq!(place.rows("SELECT count(*) FROM event"), ["1000"], "whole chunks stay");
    assert_eq!(log.import(text.as_bytes()).unwrap().new, 500);
}
