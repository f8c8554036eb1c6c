//! Killing a process that writes at full speed loses no acknowledged event, and the database stays
//! whole.
//!
//! The process is this test binary, told by its environment to run `the_writer`. It writes the number
//! of the last acknowledged event to a file of its own, of eight bytes.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use runtime_events::{Clock, SystemClock};
use runtime_sinks::EventSink;
use runtime_sqlite::{SqliteDurability, SqliteReader, SqliteSink};

use crate::common::{Place, numbered};

const KILLS: u64 = 20;

const MODE: &str = "RUNTIME_SQLITE_KILLED_MODE";
const PLACE: &str = "RUNTIME_SQLITE_KILLED_PLACE";

/// The process that is killed; not a test of its own.
#[test]
fn the_writer() {
    let (Ok(mode), Ok(place)) = (env::var(MODE), env::var(PLACE)) else { return };
    let place = PathBuf::from(place);
    let durability = if mode == "sync" { SqliteDurability::Sync } else { SqliteDurability::Os };
    let log = SqliteSink::options().durability(durability).open(place.join("events.db")).unwrap();
    let acks = File::options().write(true).open(place.join("acks")).unwrap();
    for group in 0.. {
        for seq in 1..=10 {
            log.emit(&numbered("s", 10 * group + seq)).unwrap();
        }
        // The control acknowledges emitted events, the others flushed events.
        if mode != "control" {
            log.flush().unwrap();
        }
        acks.write_all_at(&(10 * group + 10).to_le_bytes(), 0).unwrap();
    }
}

fn acknowledged(acks: &File) -> u64 {
    let mut bytes = [0; 8];
    acks.read_exact_at(&mut bytes, 0).expect("it has eight bytes");
    u64::from_le_bytes(bytes)
}

/// Kills a writer 20 to 60 ms after its first acknowledgement. Returns the numbers of
/// acknowledged events and of those that are lost.
fn kill_one(mode: &str, place: &Path, round: u64) -> (u64, u64) {
    fs::create_dir_all(place).expect("a folder of our own");
    fs::write(place.join("acks"), [0; 8]).expect("a folder of our own");
    let acks = File::open(place.join("acks")).expect("just made");
    let mut writer = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "kill::the_writer", "--nocapture"])
        .envs([(MODE, mode.as_ref()), (PLACE, place.as_os_str())])
        .stdout(Stdio::null())
        .spawn()
        .expect("this test, again");
    let clock = SystemClock;
    let mut first = None;
    let window = Duration::from_millis(20 + round * 40 / KILLS);
    while first.is_none_or(|first| clock.now().saturating_duration_since(first) < window) {
        assert!(writer.try_wait().expect("a child of ours").is_none(), "the writer gave up");
        thread::park_timeout(Duration::from_micros(200));
        if first.is_none() && acknowledged(&acks) > 0 {
            first = Some(clock.now());
        }
    }
    writer.kill().expect("a child of ours");
    writer.wait().expect("a child of ours");
    let acknowledged = acknowledged(&acks);
    // Before opening it for writing repairs it.
    let reader = SqliteReader::open(place.join("events.db")).expect("it is there");
    let mut there = 0;
    for event in reader.events("s") {
        there += 1;
        assert_eq!(*numbered("s", there), event.expect("it is whole"), "there is no gap");
    }
    drop(reader);
    let log = SqliteSink::open(place.join("events.db")).expect("it can be continued");
    log.emit_all(&[numbered("s", there + 1)]).expect("it can be continued");
    drop(log);
    let sql = rusqlite::Connection::open(place.join("events.db")).expect("it is there");
    let check = sql.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.expect("it answers"), "ok");
    (acknowledged, acknowledged.saturating_sub(there))
}

#[expect(clippy::print_stdout, reason = "the counts are the result of the test")]
fn kill_many(mode: &str) -> (u64, u64) {
    let place = Place::new(&format!("kill-{mode}"));
    let (mut acknowledged, mut lost) = (0, 0);
    for round in 0..KILLS {
        let (safe, missing) = kill_one(mode, &place.path().join(round.to_string()), round);
        acknowledged += safe;
        lost += missing;
    }
    println!("{mode}: {KILLS} kills, {acknowledged} events acknowledged, {lost} lost");
    (acknowledged, lost)
}

#[test]
fn os_durability_loses_no_flushed_event() {
    let (acknowledged, lost) = kill_many("os");
    assert!(acknowledged >= 10 * KILLS);
    assert_eq!(lost, 0);
}

#[test]
fn sync_durability_loses_no_flushed_event() {
    let (acknowledged, lost) = kill_many("sync");
    assert!(acknowledged >= 10 * KILLS);
    assert_eq!(lost, 0);
}

#[test]
fn the_control_loses_events_that_wait_for_a_batch() {
    assert!(kill_many("control").1 > 0);
}
