//! Files that are no database of threads, are newer, busy or full.

use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_executor::block_on;
use runtime_events::{Clock, ManualClock};
use runtime_sqlite::{OpenError, SqliteConfig, SqliteDurability, SqliteSink, SqliteStore};
use runtime_store::{EntryKind, Inbox, Leave, Store, StoreDurability, StoreError};

use super::{append, claim, entry, hold, thread, whole};
use crate::common::Place;

#[test]
fn a_database_of_threads_has_an_id_and_a_version_of_its_own() {
    let place = Place::new("store-ours");
    let store = SqliteStore::open(place.db()).unwrap();
    assert_eq!((store.durability(), store.path()), (StoreDurability::Synced, &*place.db()));
    drop(store);
    let id = place.rows("PRAGMA application_id").remove(0);
    assert_eq!(&id.parse::<i32>().unwrap().to_be_bytes(), b"trej");
    assert_eq!(place.rows("PRAGMA user_version"), ["4"]);
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);
    let relaxed = SqliteConfig::default().durability(SqliteDurability::Os);
    let store = SqliteStore::open_with(place.db(), relaxed).unwrap();
    assert_eq!(store.durability(), StoreDurability::Os);
}

#[test]
fn databases_of_events_and_of_threads_are_not_mixed_up() {
    let place = Place::new("store-foreign");
    drop(SqliteSink::open(place.db()).unwrap());
    let error = SqliteStore::open(place.db()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { of: "threads", .. }), "{error}");
    assert!(error.to_string().contains("not a database of threads"), "{error}");

    let threads = place.path().join("threads.db");
    drop(SqliteStore::open(&threads).unwrap());
    let error = SqliteSink::open(&threads).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { of: "events", .. }), "{error}");
}

#[test]
fn an_id_that_was_flipped_is_refused() {
    let place = Place::new("store-flipped");
    drop(SqliteStore::open(place.db()).unwrap());
    let sql = place.sql();
    let id: i32 = sql.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
    for bit in 0..31 {
        sql.pragma_update(None, "application_id", id ^ (1 << bit)).unwrap();
        let error = SqliteStore::open(place.db()).unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    }
}

/// Makes a database into one of a later version, which has a column and a table more.
fn extend(place: &Place, min_reader: i64) {
    let sql = place.sql();
    sql.execute_batch(&format!(
        "BEGIN IMMEDIATE;
        ALTER TABLE thread ADD COLUMN region TEXT;
        ALTER TABLE entry ADD COLUMN origin INTEGER;
        CREATE TABLE tag (thread INTEGER NOT NULL, tag TEXT NOT NULL) STRICT;
        UPDATE meta SET min_reader = {min_reader};
        PRAGMA user_version = 5;
        COMMIT"
    ))
    .expect("nobody else writes");
}

#[test]
fn a_newer_schema_that_only_adds_is_read_and_written() {
    let place = Place::new("store-additive");
    let before = SqliteStore::open(place.db()).unwrap();
    let lease = hold(&before, "t");
    append(&before, &lease, 0, &[entry(EntryKind::LIFE, None, b"{}")]).unwrap();
    extend(&place, 4);
    // One that is open goes on, and so does one that is opened now.
    append(&before, &lease, 1, &[entry(EntryKind::LIFE, None, b"{}")]).unwrap();
    let after = SqliteStore::open(place.db()).unwrap();
    append(&after, &lease, 2, &[entry(EntryKind::END, None, b"{}")]).unwrap();
    assert!(block_on(after.deliver(&lease.thread, "k", &1.into())).unwrap());
    block_on(after.release(&lease, Leave::Done)).unwrap();
    assert_eq!(block_on(before.read(&lease.thread, 0, 9)).unwrap().len(), 3);
    block_on(before.forget(&lease.thread)).unwrap();
    assert_eq!(place.rows("PRAGMA user_version"), ["5"], "it is not migrated back");
}

#[test]
fn a_newer_schema_that_changes_is_refused_also_under_an_open_store() {
    let place = Place::new("store-newer");
    let store = SqliteStore::open(place.db()).unwrap();
    let lease = hold(&store, "t");
    extend(&place, 5);
    let error = SqliteStore::open(place.db()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 5, known: 4, .. }), "{error}");
    for error in [
        append(&store, &lease, 0, &[entry(EntryKind::LIFE, None, b"{}")]).unwrap_err(),
        block_on(store.read(&lease.thread, 0, 9)).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Newer { found: 5, known: 4 }), "{error}");
    }
    assert_eq!(place.rows("SELECT count(*) FROM entry"), ["0"]);
}

/// SQLite goes on with a file that has no name any more, and what it writes there nobody finds.
#[cfg(unix)]
#[test]
fn a_file_that_was_deleted_or_replaced_takes_no_entry() {
    let place = Place::new("store-gone");
    let store = SqliteStore::open(place.db()).unwrap();
    let lease = hold(&store, "t");
    let life = [entry(EntryKind::LIFE, None, b"{}")];
    append(&store, &lease, 0, &life).unwrap();
    let elsewhere = place.path().join("elsewhere.db");
    std::fs::rename(place.db(), &elsewhere).unwrap();
    let gone = append(&store, &lease, 1, &life).unwrap_err();
    assert!(whole(&gone).contains("was deleted, moved or replaced"), "{}", whole(&gone));
    assert!(whole(&gone).contains(&place.db().display().to_string()), "{}", whole(&gone));

    std::fs::copy(&elsewhere, place.db()).unwrap();
    let gone = block_on(store.acquire(&thread("other"), &claim("x"))).unwrap_err();
    assert!(matches!(gone, StoreError::Unavailable { .. }), "another file of this name: {gone}");
    std::fs::rename(&elsewhere, place.db()).unwrap();
    append(&store, &lease, 1, &life).unwrap();
}

#[test]
fn a_busy_file_is_an_error_that_names_it_and_passes() {
    let place = Place::new("store-busy");
    let config = SqliteConfig::default().busy_timeout(Duration::ZERO);
    let store = SqliteStore::open_with(place.db(), config).unwrap();
    let lease = hold(&store, "t");
    let other = place.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let life = [entry(EntryKind::LIFE, None, b"{}")];
    let error = append(&store, &lease, 0, &life).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    let text = whole(&error);
    for word in ["append to a thread", "events.db", "locked"] {
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(block_on(store.read(&lease.thread, 0, 9)).unwrap(), [], "reading does not wait");
    other.execute_batch("ROLLBACK").unwrap();
    append(&store, &lease, 0, &life).unwrap();
}

#[test]
fn a_busy_file_is_waited_for() {
    let place = Place::new("store-waits");
    let store = SqliteStore::open(place.db()).unwrap();
    let lease = hold(&store, "t");
    let (tell, told) = mpsc::channel();
    let other = place.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let blocker = std::thread::spawn(move || {
        told.recv().unwrap();
        other.execute_batch("COMMIT").unwrap();
    });
    let life = [entry(EntryKind::LIFE, None, b"{}")];
    let appending = store.append(&lease, super::plain(0, &life));
    tell.send(()).unwrap();
    block_on(appending).unwrap();
    blocker.join().unwrap();
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_half_written() {
    let place = Place::new("store-full");
    let store =
        SqliteStore::open_with(place.db(), SqliteConfig::default().max_bytes(1 << 18)).unwrap();
    let (small, lease) = (hold(&store, "small"), hold(&store, "large"));
    let large =
        [entry(EntryKind::LIFE, None, b"{}"), entry(EntryKind::END, None, &vec![7; 1 << 19])];
    let life = [entry(EntryKind::LIFE, None, b"{}")];
    let error = append(&store, &lease, 0, &large).unwrap_err();
    assert!(whole(&error).contains("full"), "{}", whole(&error));
    // One that is too large does not harm those that share a transaction with it.
    let calls = [
        store.append(&small, super::plain(0, &life)),
        store.append(&lease, super::plain(0, &large)),
        store.append(&small, super::plain(1, &life)),
    ];
    let results = block_on(futures_util::future::join_all(calls));
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(block_on(store.read(&small.thread, 0, 9)).unwrap().len(), 2);
    assert_eq!(block_on(store.read(&lease.thread, 0, 9)).unwrap(), []);
    // Until there is room again.
    append(&store, &lease, 0, &life).unwrap();
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn errors_of_opening_name_the_file() {
    let place = Place::new("store-nowhere");
    let error = SqliteStore::open(place.path().join("no").join("threads.db")).unwrap_err();
    assert!(error.to_string().starts_with("cannot open `"), "{error}");
    std::fs::write(place.db(), "not a database, but long enough to be looked at").unwrap();
    let error = SqliteStore::open(place.db()).unwrap_err();
    let source = error.source().unwrap();
    assert_eq!(source.to_string(), "file is not a database");
    assert!(source.source().is_none(), "it says so once");
}

#[test]
fn the_time_is_that_of_the_clock_that_was_given() {
    let place = Place::new("store-clock");
    let clock = ManualClock::new();
    let store =
        SqliteStore::open_with(place.db(), SqliteConfig::default().clock(clock.clone())).unwrap();
    let lease = hold(&store, "t");
    let now = || -> DateTime<Utc> { clock.utc_now() };
    let seen = block_on(store.thread(&lease.thread)).unwrap().unwrap();
    assert!((seen.created - now()).abs().num_microseconds() == Some(0), "{}", seen.created);
    clock.advance(Duration::from_secs(59));
    let refused = block_on(store.acquire(&lease.thread, &claim("b")));
    assert!(matches!(refused, Err(StoreError::Held { .. })));
    // Renewing and appending make the lease longer.
    block_on(store.renew(&lease)).unwrap();
    clock.advance(Duration::from_secs(59));
    append(&store, &lease, 0, &[entry(EntryKind::LIFE, None, b"{}")]).unwrap();
    clock.advance(Duration::from_secs(59));
    assert!(block_on(store.acquire(&lease.thread, &claim("b"))).is_err());
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        block_on(store.runnable(None, None, 9)).unwrap(),
        std::slice::from_ref(&lease.thread)
    );
    assert_eq!(block_on(store.acquire(&lease.thread, &claim("b"))).unwrap().0.fence, 2);
}

#[test]
fn what_was_forgotten_is_in_no_file() {
    let place = Place::new("store-forgotten");
    let store = SqliteStore::open(place.db()).unwrap();
    let lease = hold(&store, "t");
    let secret = b"a word that is found nowhere else";
    append(&store, &lease, 0, &[entry(EntryKind::LIFE, None, secret)]).unwrap();
    block_on(store.deliver(&lease.thread, "k", &String::from_utf8_lossy(secret).into())).unwrap();
    block_on(store.release(&lease, Leave::Done)).unwrap();
    block_on(store.forget(&lease.thread)).unwrap();
    drop(store);
    for file in std::fs::read_dir(place.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn people_can_read_the_journal() {
    let place = Place::new("store-journal");
    let store = SqliteStore::open(place.db()).unwrap();
    let lease = hold(&store, "order-4711");
    append(&store, &lease, 0, &[entry(EntryKind::LIFE, None, br#"{"code":"1"}"#)]).unwrap();
    let rows = place.rows("SELECT thread, seq, life, kind, step, body ->> '$.code' FROM journal");
    assert_eq!(rows, ["order-4711|1|1|life|-|1"]);
    let at = place.rows("SELECT at FROM journal").remove(0);
    let at: DateTime<Utc> = at.parse().unwrap();
    let stored = block_on(store.read(&lease.thread, 0, 1)).unwrap();
    assert_eq!(at, stored[0].at);
}
