//! Calls that share a transaction.

use std::sync::Arc;
use std::thread;

use futures_executor::block_on;
use futures_util::FutureExt;
use futures_util::future::join_all;
use runtime_sqlite::{SqliteConfig, SqliteDurability, SqliteStore};
use runtime_store::{Append, ApprovalUse, EntryKind, Leave, NotApproved, Store, StoreError};

use super::{append, entry, hold, plain, tool};
use crate::common::Place;

#[test]
fn a_refused_call_changes_nothing_and_harms_no_other() {
    let place = Place::new("store-groups");
    let store = SqliteStore::open(place.db()).unwrap();
    let (a, b) = (hold(&store, "a"), hold(&store, "b"));
    let step = tool("k");
    let outcome = [entry(EntryKind::OUTCOME, Some(&step), b"{}")];
    let twice = [outcome[0].clone(), outcome[0].clone()];
    let last = [entry(EntryKind::END, None, b"{}")];
    let unknown = ApprovalUse { id: "none".into(), digest: [0; 32].into() };
    // All are sent before the first is answered. So they are made together, unless the thread is quicker.
    let calls = [
        store.append(&a, plain(0, &outcome)),
        store.append(&b, plain(0, &twice)),
        store.append(&a, plain(7, &outcome)),
        store.append(&b, Append { approval: Some(&unknown), ..plain(0, &outcome) }),
        store.append(&b, plain(0, &outcome)),
        store.append(&a, plain(1, &outcome)),
        store.append(&a, plain(1, &last)),
    ];
    let results = block_on(join_all(calls));
    let [ok_a, twice, moved, unknown, ok_b, again, end] = &results[..] else { panic!("seven") };
    assert!(ok_a.is_ok() && ok_b.is_ok() && end.is_ok(), "{results:?}");
    assert!(matches!(twice, Err(StoreError::Corrupt { .. })), "{twice:?}");
    assert!(matches!(moved, Err(StoreError::HeadMoved { head: 7, .. })), "{moved:?}");
    let is_unknown =
        matches!(unknown, Err(StoreError::NotApproved { reason: NotApproved::Unknown, .. }));
    assert!(is_unknown, "{unknown:?}");
    assert!(matches!(again, Err(StoreError::Corrupt { .. })), "{again:?}");
    let heads = place
        .rows("SELECT id, head, (SELECT count(*) FROM entry WHERE thread = number) FROM thread");
    assert_eq!(heads, ["a|2|2", "b|1|1"]);
}

#[test]
fn many_sessions_share_one_store() {
    let place = Place::new("store-many");
    let store = SqliteStore::open(place.db()).unwrap();
    thread::scope(|scope| {
        for session in 0..16 {
            let store = store.clone();
            scope.spawn(move || {
                let lease = hold(&store, &format!("t{session}"));
                for head in 0..50 {
                    let relaxed = head % 3 == 0;
                    let life = [entry(EntryKind::LIFE, None, b"{}")];
                    let call = store.append(&lease, Append { relaxed, ..plain(head, &life) });
                    block_on(call).unwrap();
                }
                block_on(store.release(&lease, Leave::Done)).unwrap();
            });
        }
    });
    let whole = "SELECT count(*) FROM thread WHERE head = 50 AND state = 3
        AND head = (SELECT count(*) FROM entry WHERE thread = number)";
    assert_eq!(place.rows(whole), ["16"]);
}

#[test]
fn dropping_the_store_makes_the_calls_that_wait() {
    let place = Place::new("store-dropped");
    let store = SqliteStore::open(place.db()).unwrap();
    let (lease, other) = (hold(&store, "t"), hold(&store, "u"));
    let life = [entry(EntryKind::LIFE, None, b"{}")];
    drop(store.append(&lease, plain(0, &life)));
    store.abandon(&other);
    drop(store);
    assert_eq!(place.rows("SELECT head FROM thread WHERE id = 't'"), ["1"]);
    assert_eq!(place.rows("SELECT state, holder FROM thread WHERE id = 'u'"), ["1|-"]);
    assert!(!place.path().join("events.db-wal").exists(), "the database is closed");
}

#[test]
fn an_answer_may_end_the_last_one_that_has_the_store() {
    let place = Place::new("store-last");
    let store = SqliteStore::open(place.db()).unwrap();
    let lease = hold(&store, "t");
    let life = [entry(EntryKind::LIFE, None, b"{}")];
    let shared = Arc::new(store.clone());
    // The task owns the store and ends with its answer.
    let handle = thread::spawn(move || append(&shared, &lease, 0, &life));
    drop(store);
    handle.join().unwrap().unwrap();
}

#[test]
fn what_waits_for_nothing_is_made_by_its_caller() {
    let place = Place::new("store-passing");
    let config = SqliteConfig::default().durability(SqliteDurability::Os);
    let store = SqliteStore::open_with(place.db(), config).unwrap();
    let lease = hold(&store, "t");
    let life = [entry(EntryKind::LIFE, None, &[b'x'; 4_000])];
    let (mut head, mut here) = (0, 0);
    while head < 3_000 {
        let mut appended = store.append(&lease, plain(head, &life));
        match (&mut appended).now_or_never() {
            Some(done) => {
                done.unwrap();
                here += 1;
            }
            None => block_on(appended).unwrap(),
        }
        head += 1;
    }
    assert!(here > 2_900, "{here}");
    // Now and then one is made by the thread, which moves the log once it has a thousand pages.
    let log = std::fs::metadata(place.path().join("events.db-wal")).unwrap().len();
    assert!(log < 8_000_000, "{log}");

    // Another process writes: that is not waited for here.
    let writer = place.sql();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut appended = store.append(&lease, plain(head, &life));
    assert!((&mut appended).now_or_never().is_none());
    // Nor does the next one overtake it.
    let mut next = store.append(&lease, plain(head + 1, &life));
    assert!((&mut next).now_or_never().is_none());
    writer.execute_batch("ROLLBACK").unwrap();
    block_on(appended).unwrap();
    block_on(next).unwrap();
    // Nor does anybody wait for the disk.
    let synced = SqliteStore::open(place.db()).unwrap();
    let relaxed = Append { relaxed: true, ..plain(head + 2, &life) };
    synced.append(&lease, relaxed).now_or_never().unwrap().unwrap();
}
