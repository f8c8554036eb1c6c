//! Frozen databases of schema 1 are migrated in place.

use std::fs;
use std::time::Duration;

use futures_executor::block_on;
use runtime_sqlite::{SqliteReader, SqliteSink, SqliteStore};
use runtime_store::{
    Append, ApprovalState, Approvals, Claim, Entry, EntryKind, Fold, Leave, Store, ThreadId,
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
    let entries =
        "thread, seq, fence, at, kind, version, hex(step), hex(print), hex(body) FROM entry";
    let tables = [entries, "* FROM approval", "* FROM inbox"].map(|rows| format!("SELECT {rows}"));
    let before = tables.each_ref().map(|table| place.rows(table));
    assert!(before.iter().all(|rows| !rows.is_empty()));

    let store = SqliteStore::open(place.db()).unwrap();
    assert_eq!(place.rows("PRAGMA user_version"), ["4"]);
    assert_eq!(place.rows("SELECT min_reader FROM meta"), ["4"]);
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);
    assert_eq!(tables.each_ref().map(|table| place.rows(table)), before, "nothing is lost");
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
    assert_eq!(place.rows("PRAGMA user_version"), ["4"]);
    assert!(!takes(&store, "clerk") && takes(&store, "editor"));
    assert_eq!(
        place.rows("SELECT count(*) FROM pragma_table_info('thread') WHERE name = 'role'"),
        ["1"]
    );
}

/// The entries were copied, and what they were copied from must not stay behind.
#[test]
fn what_is_forgotten_after_a_migration_is_in_no_file() {
    let place = threads_of_schema_1("migration-forgotten");
    let longest = "SELECT body FROM entry ORDER BY length(body) DESC LIMIT 1";
    let body: Vec<u8> = place.sql().query_row(longest, [], |row| row.get(0)).unwrap();
    let somewhere = |body: &[u8]| {
        let mut files = fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().path());
        files.any(|file| fs::read(file).unwrap().windows(body.len()).any(|found| found == body))
    };
    assert!(somewhere(&body));
    let store = SqliteStore::open(place.db()).unwrap();
    for thread in block_on(store.threads(&[], None, 9)).unwrap() {
        block_on(store.forget(&thread.id)).unwrap();
    }
    drop(store);
    assert!(!somewhere(&body), "{}", String::from_utf8_lossy(&body));
}
