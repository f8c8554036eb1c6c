//! Databases that cannot be written for a while.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_sinks::{EventSink, QueueConfig, QueueSink, UsageRecord, UsageSink};
use runtime_sqlite::{SqliteConfig, SqliteSink};
use runtime_usage::{UsageSnapshot, Usd};
use rusqlite::Connection;

use crate::common::{Place, numbered};

const RETRY: Duration = Duration::from_secs(1);

fn options(clock: &ManualClock, batch: usize, backlog: usize) -> SqliteConfig {
    let some = |number| NonZeroUsize::new(number).expect("not zero");
    SqliteSink::options()
        .batch(some(batch))
        .backlog(some(backlog))
        .retry(RETRY)
        .busy_timeout(Duration::ZERO)
        .clock(clock.clone())
}

fn count(place: &Place) -> String {
    place.rows("SELECT count(*) FROM event").remove(0)
}

fn is_balanced(log: &SqliteSink) -> bool {
    let stats = log.books();
    let known = stats.written + stats.duplicates + stats.conflicts + stats.dropped + stats.pending;
    stats.accepted == known
}

/// Another writer, which does not stop.
fn block(place: &Place) -> Connection {
    let other = place.sql();
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    other
}

#[test]
fn events_of_a_failed_commit_are_committed_later() {
    let (place, clock) = (Place::new("kept"), ManualClock::new());
    let log = options(&clock, 2, 100).open(place.db()).unwrap();
    let other = block(&place);
    log.emit(&numbered("s", 1)).unwrap();
    let error = log.emit(&numbered("s", 2)).unwrap_err().to_string();
    assert!(error.contains("events.db") && error.contains("locked"), "{error}");
    assert_eq!((log.books().errors, log.books().pending), (1, 2));
    // Before the retry time, an emission does not try.
    log.emit(&numbered("s", 3)).unwrap();
    log.emit(&numbered("s", 4)).unwrap();
    assert_eq!(log.books().errors, 1);
    drop(other);
    log.emit(&numbered("s", 5)).unwrap();
    assert_eq!((count(&place).as_str(), log.books().pending), ("0", 5), "not yet");
    clock.advance(RETRY);
    log.emit(&numbered("s", 6)).unwrap();
    assert_eq!((count(&place).as_str(), log.books().pending), ("6", 0));
    assert!(is_balanced(&log));
}

#[test]
fn flush_tries_at_once_and_returns_the_error() {
    let (place, clock) = (Place::new("flush"), ManualClock::new());
    let log = options(&clock, 10, 100).open(place.db()).unwrap();
    let other = block(&place);
    log.emit(&numbered("s", 1)).unwrap();
    assert!(EventSink::flush(&log).is_err());
    drop(other);
    assert!(EventSink::flush(&log).is_ok());
    assert_eq!(count(&place), "1");
}

#[test]
fn events_beyond_the_backlog_are_refused_and_reported() {
    let (place, clock) = (Place::new("backlog"), ManualClock::new());
    let log = options(&clock, 2, 3).open(place.db()).unwrap();
    let other = block(&place);
    let refused = (1..=9).filter(|seq| log.emit(&numbered("s", *seq)).is_err()).count();
    assert_eq!(refused, 7, "one commit failed, six events had no room");
    let stats = log.books();
    assert_eq!((stats.accepted, stats.pending, stats.dropped), (9, 3, 6));
    let usage = UsageRecord::new("gpt-5", UsageSnapshot::new(1, 1), Usd::ZERO);
    assert!(log.record(&usage).is_err(), "nor has anything else");
    drop(other);
    EventSink::flush(&log).unwrap();
    assert_eq!(count(&place), "3");
    let dropped = "SELECT body ->> '$.data.count', body ->> '$.data.sessions' FROM log_record";
    let told = r#"6|[{"count":6,"first_seq":4,"last_seq":9,"session_id":"s"}]"#;
    assert_eq!(place.rows(dropped), [told]);
    log.emit(&numbered("s", 10)).unwrap();
    EventSink::flush(&log).unwrap();
    assert_eq!(place.rows(dropped).len(), 1, "it is told once");
    assert_eq!(place.rows("SELECT missing FROM sessions"), ["6"]);
    assert!(is_balanced(&log));
}

#[test]
fn error_says_how_many_events_are_lost_and_a_queue_counts_them() {
    let (place, clock) = (Place::new("lost"), ManualClock::new());
    let log = options(&clock, 2, 3).open(place.db()).unwrap();
    let other = block(&place);
    let events: Vec<_> = (1..=9).map(|seq| numbered("s", seq)).collect();
    assert_eq!(log.emit_all(&events[..2]).unwrap_err().lost(), 0, "they are kept");
    assert_eq!(log.emit_all(&events[2..]).unwrap_err().lost(), 6, "one more has room");
    assert_eq!(EventSink::flush(&log).unwrap_err().lost(), 0);
    let usage = UsageRecord::new("gpt-5", UsageSnapshot::new(1, 1), Usd::ZERO);
    assert_eq!(log.record(&usage).unwrap_err().lost(), 1);
    drop(other);
    EventSink::flush(&log).unwrap();
    let other = Arc::new((*numbered("s", 1)).clone().with_role("other"));
    assert_eq!(
        log.emit_all(&[other, numbered("s", 10)]).unwrap_err().lost(),
        1,
        "its place is taken"
    );

    let place = Place::new("lost-behind-a-queue");
    let log = options(&clock, 2, 100).open(place.db()).unwrap();
    let other = block(&place);
    let queue = QueueSink::new(log, QueueConfig::default());
    for event in &events {
        queue.emit(event).unwrap();
    }
    assert!(queue.flush().is_err(), "the database is locked");
    drop(other);
    queue.flush().unwrap();
    assert_eq!(count(&place), "9");
    let left = queue.shutdown(Duration::from_secs(60));
    assert!(left.is_complete(), "{left}");
}

#[test]
fn a_full_backlog_commits_after_the_retry_time() {
    let (place, clock) = (Place::new("room"), ManualClock::new());
    let log = options(&clock, 2, 2).open(place.db()).unwrap();
    let other = block(&place);
    log.emit(&numbered("s", 1)).unwrap();
    assert!(log.emit(&numbered("s", 2)).is_err());
    drop(other);
    clock.advance(RETRY);
    log.emit(&numbered("s", 3)).unwrap();
    assert_eq!((count(&place).as_str(), log.books().pending), ("2", 1));
}

#[test]
fn events_are_kept_while_the_disk_is_full() {
    let (place, clock) = (Place::new("full"), ManualClock::new());
    let log = options(&clock, 1, 4).max_bytes(1 << 17).open(place.db()).unwrap();
    let mut seq = 0;
    let error = loop {
        seq += 1;
        if let Err(error) = log.emit(&numbered("s", seq)) {
            break error;
        }
        assert!(seq < 10_000, "the database stays below 128 KiB");
    };
    assert!(error.to_string().contains("full"), "{error}");
    let written = seq - 1;
    assert_eq!(count(&place), written.to_string());
    for seq in seq + 1..=seq + 10 {
        let _ = log.emit(&numbered("s", seq));
    }
    let stats = log.books();
    assert_eq!((stats.written, stats.pending, stats.dropped), (written, 4, 7));
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);

    place
        .sql()
        .execute("DELETE FROM event WHERE seq < ?1", [i64::try_from(written).unwrap()])
        .unwrap();
    EventSink::flush(&log).unwrap();
    assert_eq!(count(&place), "5");
    assert_eq!(place.rows("SELECT body ->> '$.data.count' FROM log_record"), ["7"]);
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);
    assert!(is_balanced(&log));
}

#[test]
fn an_import_beside_a_writer_fails_and_can_be_repeated() {
    let (place, clock) = (Place::new("import-busy"), ManualClock::new());
    let log = options(&clock, 1, 1).open(place.db()).unwrap();
    let text = numbered("s", 1).to_json();
    let other = block(&place);
    assert!(log.import(text.as_bytes()).is_err());
    drop(other);
    assert_eq!(log.import(text.as_bytes()).unwrap().new, 1);
}

#[test]
fn a_clock_may_jump_by_years() {
    let (place, clock) = (Place::new("years"), ManualClock::new());
    let log = options(&clock, 64, 64).retry(Duration::MAX).open(place.db()).unwrap();
    let other = block(&place);
    log.emit(&numbered("s", 1)).unwrap();
    assert!(EventSink::flush(&log).is_err());
    drop(other);
    clock.advance(Duration::from_hours(100 * 365 * 24));
    log.emit(&numbered("s", 2)).unwrap();
    EventSink::flush(&log).unwrap();
    assert_eq!(count(&place), "2");
}
