//! Databases that are opened, and databases that are refused.

use std::error::Error;

use runtime_events::AgentEvent;
use runtime_sinks::EventSink;
use runtime_sqlite::{OpenError, SqliteDurability, SqliteReader, SqliteSink};
use rusqlite::Connection;

use crate::common::{Place, numbered};

#[test]
fn a_database_of_a_later_version_is_refused_unchanged() {
    let place = Place::new("newer");
    drop(SqliteSink::open(place.db()).unwrap());
    place.sql().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteSink::open(place.db()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, known: 2, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("schema 99") && text.contains("no schema above 2"), "{text}");
    assert!(SqliteReader::open(place.db()).is_err());
}

#[test]
fn a_database_of_another_application_is_refused_unchanged() {
    let place = Place::new("foreign");
    place.sql().execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
    let before = std::fs::read(place.db()).unwrap();
    let error = SqliteSink::open(place.db()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { application_id: 0, .. }), "{error}");
    assert_eq!(std::fs::read(place.db()).unwrap(), before);

    place.sql().pragma_update(None, "application_id", 7).unwrap();
    let error = SqliteSink::open(place.db()).unwrap_err();
    assert!(error.to_string().contains("application_id is 7"), "{error}");
}

#[test]
fn a_file_that_is_not_a_database_is_refused_unchanged() {
    let place = Place::new("garbage");
    std::fs::write(place.db(), "{\"event\":\"agent.started\"}\n".repeat(99)).unwrap();
    let before = std::fs::read(place.db()).unwrap();
    let error = SqliteSink::open(place.db()).unwrap_err();
    assert!(error.source().unwrap().to_string().contains("not a database"), "{error}");
    assert_eq!(std::fs::read(place.db()).unwrap(), before);
}

#[test]
fn a_database_without_a_write_ahead_log_is_refused() {
    let error = SqliteSink::open(":memory:").unwrap_err();
    assert!(matches!(&error, OpenError::Journal { mode, .. } if mode == "memory"), "{error}");
}

#[test]
fn errors_name_a_folder_that_does_not_exist() {
    let place = Place::new("nowhere");
    let error = SqliteSink::open(place.path().join("no").join("events.db")).unwrap_err();
    assert!(error.to_string().starts_with("cannot open `"), "{error}");
    let error = SqliteReader::open(place.db()).unwrap_err();
    assert!(error.to_string().contains("events.db"), "{error}");
    assert!(!place.db().exists(), "a reader creates nothing");
}

#[test]
fn a_sink_turns_an_empty_file_into_a_database_a_reader_does_not() {
    let place = Place::new("empty");
    std::fs::write(place.db(), "").unwrap();
    assert!(matches!(SqliteReader::open(place.db()), Err(OpenError::Foreign { .. })));
    drop(SqliteSink::open(place.db()).unwrap());
    assert!(SqliteReader::open(place.db()).unwrap().sessions().unwrap().is_empty());
}

#[test]
fn a_sink_appends_to_an_existing_database() {
    let place = Place::new("again");
    for seq in 1..=3 {
        let log = SqliteSink::open(place.db()).unwrap();
        log.emit(&numbered("s", seq)).unwrap();
    }
    let reader = SqliteReader::open(place.db()).unwrap();
    let events: Vec<AgentEvent> = reader.events("s").map(Result::unwrap).collect();
    assert_eq!(events.len(), 3);
    assert_eq!(place.rows("PRAGMA user_version"), ["2"]);
    assert_eq!(place.rows("PRAGMA journal_mode"), ["wal"]);
}

#[test]
fn a_database_has_an_application_id_and_a_version() {
    let place = Place::new("ours");
    let options = SqliteSink::options().durability(SqliteDurability::Sync);
    drop(options.open(place.db()).unwrap());
    let connection = Connection::open(place.db()).unwrap();
    let id: i32 = connection.pragma_query_value(None, "application_id", |it| it.get(0)).unwrap();
    assert_eq!(&id.to_be_bytes(), b"trev");
}
