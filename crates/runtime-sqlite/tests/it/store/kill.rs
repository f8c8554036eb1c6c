//! Killing a process that appends at full speed loses no acknowledged entry.
//!
//! The process is this test binary, told by its environment to run `the_writer`: four threads, each with a
//! thread of the store, which writes the number of its last acknowledged entry to a place of its own.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use runtime_events::{Clock, SystemClock};
use runtime_sqlite::{SqliteConfig, SqliteDurability, SqliteStore};
use runtime_store::{Append, Claim, EntryKind, Store};

use super::{claim, entry, hold, plain};
use crate::common::Place;

const KILLS: u64 = 12;
const WRITERS: u64 = 4;

const MODE: &str = "RUNTIME_SQLITE_STORE_MODE";
const PLACE: &str = "RUNTIME_SQLITE_STORE_PLACE";

/// The process that is killed; not a test of its own.
#[test]
fn the_writer() {
    let (Ok(mode), Ok(place)) = (env::var(MODE), env::var(PLACE)) else { return };
    let place = PathBuf::from(place);
    let durability = if mode == "os" { SqliteDurability::Os } else { SqliteDurability::Sync };
    let config = SqliteConfig::default().durability(durability);
    let store = SqliteStore::open_with(place.join("threads.db"), config).unwrap();
    let acks = File::options().write(true).open(place.join("acks")).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, acks, mode) = (store.clone(), &acks, &mode);
            scope.spawn(move || {
                let lease = hold(&store, &format!("t{writer}"));
                for head in 0.. {
                    let body = (head + 1).to_string();
                    let entries = [entry(EntryKind::LIFE, None, body.as_bytes())];
                    // Whatever may be lost with the machine is not lost with the process.
                    let relaxed = head % 2 == 0;
                    let appended =
                        store.append(&lease, Append { relaxed, ..plain(head, &entries) });
                    // The control acknowledges what it has not waited for.
                    if mode != "control" {
                        block_on(appended).unwrap();
                    }
                    acks.write_all_at(&(head + 1).to_le_bytes(), 8 * writer).unwrap();
                }
            });
        }
    });
}

fn acknowledged(acks: &File) -> [u64; 4] {
    std::array::from_fn(|writer| {
        let mut bytes = [0; 8];
        acks.read_exact_at(&mut bytes, 8 * writer as u64).expect("it has its bytes");
        u64::from_le_bytes(bytes)
    })
}

/// Kills a writer 10 to 40 ms after its first acknowledgement. Returns the numbers of acknowledged entries
/// and of those that are lost.
fn kill_one(mode: &str, place: &Path, round: u64) -> (u64, u64) {
    fs::create_dir_all(place).expect("a folder of our own");
    fs::write(place.join("acks"), [0; 32]).expect("a folder of our own");
    let acks = File::open(place.join("acks")).expect("just made");
    let mut writer = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "store::kill::the_writer", "--nocapture"])
        .envs([(MODE, mode.as_ref()), (PLACE, place.as_os_str())])
        .stdout(Stdio::null())
        .spawn()
        .expect("this test, again");
    let (clock, mut first) = (SystemClock, None);
    let window = Duration::from_millis(10 + round * 30 / KILLS);
    while first.is_none_or(|first| clock.now().saturating_duration_since(first) < window) {
        assert!(writer.try_wait().expect("a child of ours").is_none(), "the writer gave up");
        thread::park_timeout(Duration::from_micros(200));
        if first.is_none() && acknowledged(&acks).iter().all(|acks| *acks > 0) {
            first = Some(clock.now());
        }
    }
    writer.kill().expect("a child of ours");
    writer.wait().expect("a child of ours");
    let acknowledged = acknowledged(&acks);
    // Another life reads what there is, and goes on.
    let store = SqliteStore::open(place.join("threads.db")).expect("it is whole");
    let mut lost = 0;
    for (writer, acknowledged) in acknowledged.iter().enumerate() {
        let thread = super::thread(&format!("t{writer}"));
        let entries = block_on(store.read(&thread, 0, usize::MAX)).expect("it is there");
        for (place, stored) in entries.iter().enumerate() {
            assert_eq!(stored.seq, place as u64 + 1, "there is no gap");
            assert_eq!(stored.entry.body, stored.seq.to_string().into_bytes());
        }
        let there = entries.len() as u64;
        lost += acknowledged.saturating_sub(there);
        let head = block_on(store.thread(&thread)).expect("it is there").map(|seen| seen.head);
        assert_eq!(head, Some(there));
        // It is still held: the killed one's lease is not over. A store whose clock is later sees it end.
    }
    drop(store);
    let clock = runtime_events::ManualClock::new();
    clock.advance(Duration::from_secs(100 * 366 * 24 * 3600));
    let config = SqliteConfig::default().clock(clock);
    let store = SqliteStore::open_with(place.join("threads.db"), config).expect("it is whole");
    let next = Claim { holder: "next".into(), ..claim("next") };
    let (lease, begun) = block_on(store.acquire(&super::thread("t0"), &next)).expect("it is over");
    super::append(&store, &lease, begun.head, &[entry(EntryKind::LIFE, None, b"{}")])
        .expect("it goes on");
    drop(store);
    let sql = rusqlite::Connection::open(place.join("threads.db")).expect("it is there");
    let check = sql.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.expect("it answers"), "ok");
    (acknowledged.iter().sum(), lost)
}

#[expect(clippy::print_stdout, reason = "the counts are the result of the test")]
fn kill_many(mode: &str) -> (u64, u64) {
    let place = Place::new(&format!("store-kill-{mode}"));
    let (mut acknowledged, mut lost) = (0, 0);
    for round in 0..KILLS {
        let (safe, missing) = kill_one(mode, &place.path().join(round.to_string()), round);
        acknowledged += safe;
        lost += missing;
    }
    println!("{mode}: {KILLS} kills, {acknowledged} entries acknowledged, {lost} lost");
    (acknowledged, lost)
}

#[test]
fn a_synced_store_loses_no_acknowledged_entry() {
    let (acknowledged, lost) = kill_many("sync");
    assert!(acknowledged >= KILLS * WRITERS);
    assert_eq!(lost, 0);
}

#[test]
fn an_unsynced_store_loses_no_acknowledged_entry_with_the_process() {
    let (acknowledged, lost) = kill_many("os");
    assert!(acknowledged >= KILLS * WRITERS);
    assert_eq!(lost, 0);
}

#[test]
fn the_control_loses_entries_that_it_did_not_wait_for() {
    assert!(kill_many("control").1 > 0);
}
