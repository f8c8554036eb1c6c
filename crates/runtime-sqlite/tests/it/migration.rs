//! Frozen databases of schema 1 are migrated in place.

use std::fs;
use std::time::Duration;

use futures_executor::block_on;
use runtime_sqlite::{SqliteReader, SqliteSink, SqliteStore};
use runtime_store::{
    Append, ApprovalState, Approvals, Claim, Entry, EntryKind, Fold, Leave, Store, Stuck, ThreadId,
    ThreadState,
};
use serde_json::json;

use crate::common::Place;

const FROZEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../techrevati-runtime/tests/frozen/");

/// Tokens of all kinds, and money.
const TOTALS: &str = "SELECT sum(input_tokens), sum(output_tokens), sum(cost_nanos)";

#[test]
fn a_database_of_schema_1_is_migrated_with_its_views() {
    let place = Place::new("migration");
    fs::copy(format!("{FROZEN}schema-1.sqlite"), place.db()).unwrap();
    assert_eq!(place.rows("PRAGMA user_version"), ["1"]);
    let before = place.rows("SELECT * FROM event");
    let uncached = "SELECT sum(input_tokens) FROM calls WHERE cache_read_tokens > 0";
    let read = SqliteReader::open(place.db()).unwrap().sessions().unwrap();

    drop(SqliteSink::open(place.db()).unwrap());
    assert_eq!(place.rows("PRAGMA user_version"), ["2"]);
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);
    assert_eq!(place.rows("SELECT * FROM event"), before, "nothing is written anew");
    assert_eq!(SqliteReader::open(place.db()).unwrap().sessions().unwrap().len(), read.len());

    let fresh = Place::new("migration-fresh");
    let log = fs::read(format!("{FROZEN}log.jsonl")).unwrap();
    SqliteSink::open(fresh.db()).unwrap().import(&log[..]).unwrap();
    for view in ["calls", "cost_by_model", "cost_by_role", "cost_by_session", "sessions", "spans"] {
        let all = format!("SELECT * FROM {view} ORDER BY 1, 2");
        assert_eq!(place.rows(&all), fresh.rows(&all), "{view}");
    }
    let totals = place.rows(&format!("{TOTALS} FROM cost_by_role"));
    assert_eq!(totals, place.rows(&format!("{TOTALS} FROM cost_by_session")));
    let all: i64 = totals[0].split('|').next().unwrap().parse().unwrap();
    let part: i64 = place.rows(uncached)[0].parse().unwrap();
    assert!(all > part + 30_000, "cached input is input: {totals:?}, {part}");
}

/// A database of threads of schema 1, written by a version that did not keep the roles of threads.
fn threads_of_schema_1(name: &str) -> Place {
    let place = Place::new(name);
    fs::copy(format!("{FROZEN}threads-1.sqlite"), place.db()).expect("a copy");
    assert_eq!(place.rows("PRAGMA user_version"), ["1"]);
    place
}

/// Whether an agent of this role is told to take the draft.
fn takes(store: &SqliteStore, role: &str) -> bool {
    let threads = block_on(store.runnable(Some(role), None, 9)).expect("it answers");
    threads.iter().any(|it| it.as_str() == "draft")
}

/// Hands a thread over, from its head.
fn hand_over(store: &SqliteStore, id: &str, role: &str) {
    let thread = ThreadId::new(id).expect("a name");
    let ttl = Duration::from_secs(60);
    let claim = Claim { holder: "host-2".into(), code: "2.0.0".into(), role: None, ttl };
    let (lease, begun) = block_on(store.acquire(&thread, &claim)).expect("nobody holds it");
    let body = json!({ "state": "a draft", "totals": {}, "role": role }).to_string().into_bytes();
    let (kind, version) = (EntryKind::CHECKPOINT, Entry::VERSION);
    let entries = [Entry { kind, version, step: None, print: None, body }];
    let role = Some(role);
    let append =
        Append { head: begun.head, entries: &entries, approval: None, relaxed: false, role };
    block_on(store.append(&lease, append)).expect("it has room");
    block_on(store.release(&lease, Leave::Runnable)).expect("it is held");
}

#[test]
fn a_database_of_threads_of_schema_1_is_migrated_with_all_that_it_has() {
    let place = threads_of_schema_1("migration-threads");
    let tables = ["entry", "approval", "inbox"].map(|table| format!("SELECT * FROM {table}"));
    let before = tables.each_ref().map(|table| place.rows(table));
    assert!(before.iter().all(|rows| !rows.is_empty()));

    let store = SqliteStore::open(place.db()).unwrap();
    assert_eq!(place.rows("PRAGMA user_version"), ["3"]);
    assert_eq!(place.rows("SELECT min_reader FROM meta"), ["1"]);
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);
    assert_eq!(tables.each_ref().map(|table| place.rows(table)), before, "nothing is written anew");
    let listed = block_on(store.threads(&[], None, 9)).unwrap();
    let listed: Vec<_> = listed.iter().map(|it| (it.id.to_string(), it.state, it.head)).collect();
    let of = |id: &str, state, head| (id.to_owned(), state, head);
    let expected = [
        of("done", ThreadState::Done, 2),
        of("draft", ThreadState::Runnable, 4),
        of("order-4711", ThreadState::Parked, 3),
    ];
    assert_eq!(listed, expected);
    // Nobody had said for whom it is; its checkpoint does.
    assert!(takes(&store, "clerk"));
    let mut fold = Fold::new();
    let draft = ThreadId::new("draft").unwrap();
    block_on(store.read(&draft, 0, 9)).unwrap().into_iter().for_each(|it| fold.apply(it).unwrap());
    assert_eq!((fold.role().map(|it| &**it), fold.totals().iterations), (Some("editor"), 1));
    hand_over(&store, "draft", "editor");
    assert!(!takes(&store, "clerk") && takes(&store, "editor"));
    let asked = block_on(store.pending(None, 9)).unwrap();
    let decided = block_on(store.decide(&asked[0].approve("ann"))).unwrap();
    assert_eq!(decided.state, ApprovalState::Approved);
    assert_eq!(
        place.rows("SELECT DISTINCT kind FROM journal WHERE thread = 'done'"),
        ["life", "end"]
    );
}

/// For a while, schema 1 had the column.
#[test]
fn a_database_of_schema_1_that_has_roles_keeps_them() {
    let place = threads_of_schema_1("migration-roles");
    let sql = "ALTER TABLE thread ADD COLUMN role TEXT; UPDATE thread SET role = 'editor'";
    place.sql().execute_batch(sql).unwrap();
    let store = SqliteStore::open(place.db()).unwrap();
    assert_eq!(place.rows("PRAGMA user_version"), ["3"]);
    assert!(!takes(&store, "clerk") && takes(&store, "editor"));
    assert_eq!(
        place.rows("SELECT count(*) FROM pragma_table_info('thread') WHERE name = 'role'"),
        ["1"]
    );
}

/// A program that knows schema 2 goes on beside one that has migrated the file to schema 3.
#[test]
fn a_database_of_schema_2_is_migrated_while_older_programs_go_on() {
    let place = threads_of_schema_1("migration-stuck");
    let older = place.sql();
    let schema_2 = include_str!("../../src/schema/threads-v2.sql");
    older.execute_batch(&format!("{schema_2} PRAGMA user_version = 2;")).unwrap();
    let store = SqliteStore::open(place.db()).unwrap();
    assert_eq!(place.rows("PRAGMA user_version"), ["3"]);
    assert_eq!(place.rows("SELECT min_reader FROM meta"), ["1"]);
    let thread = ThreadId::new("draft").unwrap();
    let claim = |ttl| Claim { holder: "newer".into(), code: "3".into(), role: None, ttl };
    let (lease, begun) = block_on(store.acquire(&thread, &claim(Duration::from_secs(60)))).unwrap();
    assert_eq!(begun.stuck, None);
    let once = Stuck::again(None, &"3".into(), "it differs");
    block_on(store.release(&lease, Leave::Stuck(Stuck { times: 12, ..once }))).unwrap();
    let offered =
        |code: &str| block_on(store.runnable(None, Some(code), 9)).unwrap().contains(&thread);
    assert!(!offered("3") && offered("4"));
    // What the older one writes when it takes a thread, and when it gives it back.
    older
        .execute_batch(
            "UPDATE thread SET state = 1, fence = fence + 1, holder = 'older', held_until = 1, wake_at = NULL
            WHERE id = 'draft';
            UPDATE thread SET state = 1, holder = NULL, held_until = NULL, wake_at = NULL WHERE id = 'draft'",
        )
        .unwrap();
    assert!(offered("3"), "nothing says until when");
}
