//! Several writers of one database.

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use runtime_sinks::EventSink;
use runtime_sqlite::SqliteSink;

use crate::common::{Place, numbered};

const PLACE: &str = "RUNTIME_SQLITE_TOGETHER_PLACE";
const NAME: &str = "RUNTIME_SQLITE_TOGETHER_NAME";
const EVENTS: u64 = 600;

/// One of several processes; not a test of its own.
#[test]
fn one_of_several() {
    let (Ok(place), Ok(name)) = (env::var(PLACE), env::var(NAME)) else { return };
    write(Path::new(&place), &name);
}

fn write(place: &Path, name: &str) {
    let log = SqliteSink::open(place).expect("it waits for the others");
    for seq in 1..=EVENTS {
        log.emit(&numbered(name, seq)).expect("it waits for the others");
        // All of them write these, and each is there once.
        log.emit(&numbered("shared", seq)).expect("it waits for the others");
    }
    log.flush().expect("it waits for the others");
    let stats = log.books();
    assert_eq!((stats.written + stats.duplicates, stats.conflicts), (2 * EVENTS, 0));
}

fn assert_whole(place: &Place, writers: usize) {
    let sessions = place.rows("SELECT events, missing FROM sessions");
    assert_eq!(sessions, vec![format!("{EVENTS}|0"); writers + 1]);
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);
    assert_eq!(place.rows("PRAGMA user_version"), ["2"]);
}

#[test]
fn several_processes_create_and_write_one_database() {
    let place = Place::new("processes");
    let start = |name: &str| -> Child {
        Command::new(env::current_exe().expect("this test"))
            .args(["--exact", "together::one_of_several", "--nocapture"])
            .env(PLACE, place.db())
            .env(NAME, name)
            .stdout(Stdio::null())
            .spawn()
            .expect("this test, again")
    };
    let writers: Vec<Child> = ["a", "b", "c"].map(start).into();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    assert_whole(&place, 3);
}

#[test]
fn several_sinks_of_one_process_create_and_write_one_database() {
    let place = Place::new("sinks");
    thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let db = place.db();
            scope.spawn(move || write(&db, name));
        }
    });
    assert_whole(&place, 4);
}

#[test]
fn several_threads_share_a_sink() {
    let place = Place::new("threads");
    let log = Arc::new(SqliteSink::open(place.db()).unwrap());
    thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let log = Arc::clone(&log);
            scope.spawn(move || {
                for seq in 1..=EVENTS {
                    log.emit(&numbered(name, seq)).expect("nobody else writes");
                }
            });
        }
    });
    log.flush().unwrap();
    assert_eq!(log.books().written, 4 * EVENTS);
    assert_whole(&place, 3);
}
