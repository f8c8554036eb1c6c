//! A process is killed while it writes at full speed, and nothing that was acknowledged is lost.
//!
//! The process is this test binary, which runs only `the_writer` if its environment says so. It
//! keeps the number of the last acknowledged event in a file of its own. It is killed once that
//! number is large enough.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use runtime_sinks::{
    Durability, EventSink, JsonlConfig, LogReader, QueueConfig, QueueSink, Rotation,
};

use crate::common::{TempFolder, numbered};

const KILLS: u64 = 50;

const MODE: &str = "RUNTIME_SINKS_KILLED_MODE";
const PLACE: &str = "RUNTIME_SINKS_KILLED_PLACE";

/// The number of events that share a sync.
const THREADS: usize = 4;

fn options(mode: &str) -> JsonlConfig {
    let options = JsonlConfig::default();
    match mode {
        "memory" => options.durability(Durability::Memory),
        "interval" => options.durability(Durability::Interval(Duration::from_millis(5))),
        "sync" => options.durability(Durability::Sync),
        "rotating" => options.rotate(Rotation::size(20_000)),
        "rotating-sync" => options.durability(Durability::Sync).rotate(Rotation::size(2_000)),
        _ => options,
    }
}

/// The process that is killed, not a test.
#[test]
fn the_writer() {
    let (Ok(mode), Ok(place)) = (env::var(MODE), env::var(PLACE)) else { return };
    let place = PathBuf::from(place);
    let log = options(&mode).open(place.join("log")).unwrap();
    if mode == "queue" {
        let queue = QueueSink::new(log, QueueConfig::default().patience(Duration::from_mins(1)));
        return write(&place, 0, |session, seq| {
            // A queue acknowledges with a flush. Refused events are not acknowledged.
            let taken = (0..10).all(|n| queue.emit(&numbered(session, seq * 10 - n)).is_ok());
            taken && queue.flush().is_ok()
        });
    }
    let threads = if mode.ends_with("sync") { THREADS } else { 1 };
    thread::scope(|scope| {
        for id in 0..threads {
            let (log, place) = (log.clone(), &place);
            scope.spawn(move || {
                write(place, id, |session, seq| log.emit(&numbered(session, seq)).is_ok());
            });
        }
    });
}

/// Emits until it is killed, and keeps the number of the last acknowledged event.
fn write(place: &Path, id: usize, emit: impl Fn(&str, u64) -> bool) {
    let acks = File::options().write(true).open(place.join("acks")).expect("made by the parent");
    let session = format!("s{id}");
    for seq in 1.. {
        assert!(emit(&session, seq), "the disk takes it");
        acks.write_all_at(&seq.to_le_bytes(), 8 * id as u64).expect("the disk takes it");
    }
}

fn acknowledged(acks: &File) -> [u64; THREADS] {
    let mut bytes = [0; 8 * THREADS];
    acks.read_exact_at(&mut bytes, 0).expect("it has that many bytes");
    let mut all = [0; THREADS];
    for (seq, bytes) in all.iter_mut().zip(bytes.chunks_exact(8)) {
        *seq = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    }
    all
}

/// Kills a running writer. Returns the number of acknowledged events, and how many of them are lost.
fn kill_one(mode: &str, place: &Path, round: u64) -> (u64, u64) {
    fs::create_dir_all(place).expect("a folder of our own");
    fs::write(place.join("acks"), [0; 8 * THREADS]).expect("a folder of our own");
    let acks = File::open(place.join("acks")).expect("just made");
    let mut writer = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "kill::the_writer", "--nocapture"])
        .envs([(MODE, mode.as_ref()), (PLACE, place.as_os_str())])
        .stdout(Stdio::null())
        .spawn()
        .expect("this test, again");
    // At a different time in each round, after a few events to some thousand.
    let enough = match mode {
        "sync" | "rotating-sync" => 10 + round,
        "queue" => 2 + round,
        _ => 300 + 17 * round,
    };
    while acknowledged(&acks).iter().sum::<u64>() < enough {
        assert!(writer.try_wait().expect("a child of ours").is_none(), "the writer gave up");
        thread::park_timeout(Duration::from_micros(200));
    }
    writer.kill().expect("a child of ours");
    writer.wait().expect("a child of ours");
    // A queue acknowledges ten events at once.
    let times = if mode == "queue" { 10 } else { 1 };
    let acknowledged = acknowledged(&acks).map(|seq| seq * times);
    let lost = lost(&place.join("log"), &acknowledged);
    // After the next opening there is no torn line.
    drop(options(mode).open(place.join("log")).expect("it can be continued"));
    let mut reader = LogReader::open(place.join("log")).expect("it is there");
    assert!(reader.by_ref().all(|entry| entry.is_ok()));
    assert_eq!(reader.report().torn, []);
    (acknowledged.iter().sum(), lost)
}

fn lost(log: &Path, acknowledged: &[u64; THREADS]) -> u64 {
    let mut reader = LogReader::open(log).expect("it is there");
    let mut missing: Vec<Vec<bool>> =
        acknowledged.iter().map(|seq| vec![true; usize::try_from(*seq).expect("few")]).collect();
    for entry in &mut reader {
        let event = entry.expect("no line but the last is torn").event().cloned().expect("ours");
        let (Some(session), Some(seq)) = (event.session_id, event.seq) else { continue };
        let id: usize = session[1..].parse().expect("the number of a thread");
        let place = usize::try_from(seq - 1).expect("few");
        if let Some(missing) = missing[id].get_mut(place) {
            *missing = false;
        }
    }
    assert!(reader.report().torn.len() <= 1);
    missing.iter().flatten().filter(|missing| **missing).count() as u64
}

/// The numbers of acknowledged events, of lost ones, and of rounds with a loss.
#[expect(clippy::print_stdout, reason = "how many there were is worth knowing")]
fn kill_many(mode: &str) -> (u64, u64, u64) {
    let folder = TempFolder::new(&format!("kill-{mode}"));
    let (mut acknowledged, mut lost, mut rounds) = (0, 0, 0);
    for round in 0..KILLS {
        let (safe, missing) = kill_one(mode, &folder.path().join(round.to_string()), round);
        acknowledged += safe;
        lost += missing;
        rounds += u64::from(missing > 0);
    }
    println!("{mode}: {KILLS} kills, {acknowledged} acknowledged, {lost} lost in {rounds} rounds");
    (acknowledged, lost, rounds)
}

fn loses_nothing(mode: &str) {
    let (acknowledged, lost, _) = kill_many(mode);
    assert!(acknowledged > 0);
    assert_eq!(lost, 0, "of {acknowledged}");
}

#[test]
fn written_events_survive_a_kill() {
    loses_nothing("os");
}

#[test]
fn interval_synced_events_survive_a_kill() {
    loses_nothing("interval");
}

#[test]
fn synced_events_survive_a_kill() {
    loses_nothing("sync");
}

#[test]
fn events_written_to_a_folder_survive_a_kill() {
    loses_nothing("rotating");
}

#[test]
fn events_synced_to_a_folder_survive_a_kill() {
    loses_nothing("rotating-sync");
}

#[test]
fn flushed_queue_events_survive_a_kill() {
    loses_nothing("queue");
}

/// If this lost nothing, the other tests would prove nothing.
#[test]
fn buffered_events_are_lost_by_a_kill() {
    let (_, lost, rounds) = kill_many("memory");
    assert!(lost > 0 && rounds > KILLS / 2, "{lost} lost in {rounds} rounds");
}
