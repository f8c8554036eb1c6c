//! Commits and rows of events and usage records.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock, Data, ManualClock};
use runtime_sinks::{EventSink, UsageRecord, UsageSink};
use runtime_sqlite::SqliteSink;
use runtime_usage::{UsageSnapshot, Usd};

use crate::common::{Place, numbered};

const fn some(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}

fn count(place: &Place) -> String {
    place.rows("SELECT count(*) FROM event").remove(0)
}

#[test]
fn flushed_events_are_visible_to_other_connections() {
    let place = Place::new("flushed");
    let log = SqliteSink::open(place.db()).unwrap();
    log.emit(&numbered("s", 1)).unwrap();
    assert_eq!((count(&place).as_str(), log.books().pending), ("0", 1));
    EventSink::flush(&log).unwrap();
    assert_eq!((count(&place).as_str(), log.books().pending), ("1", 0));
    assert_eq!(log.books().written, 1);
}

#[test]
fn a_batch_is_committed_when_it_is_full() {
    let place = Place::new("batch");
    let log = SqliteSink::options().batch(some(3)).open(place.db()).unwrap();
    for (seq, there) in [(1, "0"), (2, "0"), (3, "3"), (4, "3"), (5, "3"), (6, "6")] {
        log.emit(&numbered("s", seq)).unwrap();
        assert_eq!(count(&place), there, "after event {seq}");
    }
}

#[test]
fn a_batch_of_one_is_committed_at_once() {
    let place = Place::new("one");
    let log = SqliteSink::options().batch(some(1)).open(place.db()).unwrap();
    log.emit(&numbered("s", 1)).unwrap();
    assert_eq!(count(&place), "1");
}

#[test]
fn after_the_linger_time_the_next_event_commits() {
    let (place, clock) = (Place::new("linger"), ManualClock::new());
    let linger = Duration::from_secs(1);
    let log = SqliteSink::options().linger(linger).clock(clock.clone()).open(place.db()).unwrap();
    log.emit(&numbered("s", 1)).unwrap();
    clock.advance(Duration::from_nanos(999_999_999));
    log.emit(&numbered("s", 2)).unwrap();
    assert_eq!(count(&place), "0");
    clock.advance(Duration::from_nanos(1));
    log.emit(&numbered("s", 3)).unwrap();
    assert_eq!(count(&place), "3");
    log.emit(&numbered("s", 4)).unwrap();
    assert_eq!(count(&place), "3", "the next one waits anew");
}

#[test]
fn emit_all_commits_with_waiting_events() {
    let place = Place::new("all");
    let log = SqliteSink::open(place.db()).unwrap();
    log.emit(&numbered("s", 1)).unwrap();
    log.emit_all(&[numbered("s", 2), numbered("s", 3)]).unwrap();
    assert_eq!(count(&place), "3");
}

#[test]
fn dropping_a_sink_commits_waiting_events() {
    let place = Place::new("dropped");
    let log = SqliteSink::open(place.db()).unwrap();
    log.emit(&numbered("s", 1)).unwrap();
    drop(log);
    assert_eq!(count(&place), "1");
}

#[test]
fn clones_share_one_batch_and_the_last_one_commits_it() {
    let place = Place::new("clones");
    let log = SqliteSink::open(place.db()).unwrap();
    let clone = log.clone();
    log.emit(&numbered("s", 1)).unwrap();
    clone.emit(&numbered("s", 2)).unwrap();
    drop(log);
    assert_eq!((count(&place).as_str(), clone.books().pending), ("0", 2));
    drop(clone);
    assert_eq!(count(&place), "2");
}

#[test]
fn an_event_emitted_twice_is_stored_once() {
    let place = Place::new("twice");
    let log = SqliteSink::open(place.db()).unwrap();
    for _ in 0..2 {
        log.emit(&numbered("s", 1)).unwrap();
        EventSink::flush(&log).unwrap();
    }
    assert_eq!(count(&place), "1");
    let stats = log.books();
    assert_eq!((stats.accepted, stats.written, stats.duplicates), (2, 1, 1));
}

#[test]
fn a_conflict_is_reported_and_replaces_nothing() {
    let place = Place::new("conflict");
    let log = SqliteSink::open(place.db()).unwrap();
    log.emit_all(&[numbered("s", 7)]).unwrap();
    let mut other = AgentEvent::clone(&numbered("s", 7));
    other.detail = Some("another".into());
    log.emit(&Arc::new(other)).unwrap();
    log.emit(&numbered("s", 8)).unwrap();
    let error = EventSink::flush(&log).unwrap_err().to_string();
    assert!(
        error.contains("event 7 of session `s` is in the database with other contents"),
        "{error}"
    );
    let bodies = place.rows("SELECT body FROM event ORDER BY seq");
    assert_eq!(bodies, [numbered("s", 7).to_json(), numbered("s", 8).to_json()]);
    let stats = log.books();
    assert_eq!((stats.written, stats.conflicts, stats.pending), (2, 1, 0));
    assert!(EventSink::flush(&log).is_ok(), "it is said once");
}

#[test]
fn events_of_sinks_are_in_log_record() {
    let place = Place::new("record");
    let log = SqliteSink::open(place.db()).unwrap();
    let at = ManualClock::new().utc_now();
    let data = Data::new().with("torn_bytes", 12);
    let (name, status) = (AgentEventName::LogRecovered, AgentEventStatus::Completed);
    let told = Arc::new(AgentEvent::new(name, status, at).with_data(data));
    log.emit_all(&[told.clone(), told.clone()]).unwrap();
    assert_eq!(count(&place), "0");
    let records = place.rows("SELECT event, body FROM log_record");
    assert_eq!(records, [format!("log.recovered|{}", told.to_json())]);
    assert_eq!(log.books().duplicates, 1);
}

#[test]
fn an_event_with_a_number_beyond_i64_is_stored() {
    let place = Place::new("huge");
    let log = SqliteSink::open(place.db()).unwrap();
    let mut event = AgentEvent::clone(&numbered("s", 1));
    let data = Data::new().with("input_tokens", u64::MAX).with("cost_usd", 1e300);
    event.data = Some(data);
    event.elapsed = Some(Duration::MAX);
    let mut far = event.clone();
    far.seq = Some(u64::MAX);
    log.emit_all(&[Arc::new(event), Arc::new(far)]).unwrap();
    let row = place.rows("SELECT elapsed_ns, input_tokens, cost_nanos FROM event");
    assert_eq!(row, [format!("{}|{}|{}", i64::MAX, 10_u64.pow(12), 1_u64 << 53)]);
    assert_eq!(place.rows("SELECT count(*) FROM log_record"), ["1"], "the far one");
    assert_eq!(log.books().written, 2);
}

#[test]
fn each_usage_record_is_one_row() {
    let place = Place::new("usage");
    let log = SqliteSink::open(place.db()).unwrap();
    let usage = UsageSnapshot::new(1_200, 80).cache_read(7).reasoning(3);
    let mut record = UsageRecord::new("gpt-5", usage, Usd::from_nanos(123_456_789));
    record.session_id = Some("s1".into());
    record.role = Some("writer".into());
    log.record(&record).unwrap();
    log.record(&record).unwrap();
    UsageSink::flush(&log).unwrap();
    UsageSink::flush(&log).unwrap();
    let columns = "session_id, role, model, cost_nanos, estimated, cost_reported, input_tokens,
        output_tokens, cache_read_tokens, reasoning_tokens";
    let rows = place.rows(&format!("SELECT number, {columns} FROM usage ORDER BY number"));
    let row = "s1|writer|gpt-5|123456789|0|0|1200|80|7|3";
    assert_eq!(rows, [format!("0|{row}"), format!("1|{row}")]);
}

#[test]
fn hostile_text_is_stored_to_the_byte() {
    let place = Place::new("hostile");
    let log = SqliteSink::open(place.db()).unwrap();
    let texts = [
        "'; DROP TABLE event; --",
        "\0\u{1}\u{7f}",
        "\"\\\n\r\u{2028}",
        "\u{202e}\u{feff}🦀\u{10ffff}",
        "<script>%s{}$1?1:name",
    ];
    for (seq, text) in (1..).zip(texts) {
        let mut event = AgentEvent::clone(&numbered(text, seq));
        event = event.with_role(text).with_detail(text);
        event.data = Some(Data::new().with(text, text).with("model", text).with("tool", text));
        log.emit(&Arc::new(event)).unwrap();
    }
    EventSink::flush(&log).unwrap();
    let reader = log.reader().unwrap();
    for (seq, text) in (1..).zip(texts) {
        let event = reader.events(text).next().unwrap().unwrap();
        assert_eq!((event.seq, event.role.as_deref()), (Some(seq), Some(text)));
        assert_eq!(event.data.unwrap().get("tool").unwrap(), text);
    }
    assert_eq!(reader.sessions().unwrap().len(), texts.len());
    let models = place.rows("SELECT count(DISTINCT model) FROM event");
    assert_eq!(models, [texts.len().to_string()]);
}
