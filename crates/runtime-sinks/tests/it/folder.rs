//! Logs in a folder: rotation, limits and locks.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::{AgentEventName, Clock, ManualClock};
use runtime_sinks::{Durability, EventSink, JsonlConfig, LogReader, Rotation};

use crate::common::{TempFile, TempFolder, event, numbered};

fn files(folder: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let facts = entries.map(|entry| {
        let name = entry.file_name().into_string().expect("ours");
        (name, entry.metadata().expect("a file").len())
    });
    let mut files: Vec<_> = facts.filter(|(name, _)| name != ".lock").collect();
    files.sort();
    files
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn files_rotate_by_size() {
    for durability in [Durability::Os, Durability::Sync, Durability::Memory] {
        let folder = TempFolder::new("size");
        let options = JsonlConfig::default().durability(durability).rotate(Rotation::size(1_500));
        let log = options.open(folder.path()).unwrap();
        for n in 1..=40 {
            log.emit(&numbered("s", n)).unwrap();
        }
        log.flush().unwrap();
        let files = files(folder.path());
        assert!(files.len() > 4 && files.iter().all(|(_, bytes)| *bytes <= 1_500), "{files:?}");
        for (name, _) in &files {
            let mut reader = LogReader::open(folder.path().join(name)).unwrap();
            let first = reader.next().unwrap().unwrap().event().cloned().unwrap();
            let own = [AgentEventName::LogOpened, AgentEventName::LogRotated];
            assert_eq!(first.event, own[usize::from(name != "000001.jsonl")]);
            assert_eq!(first.data.unwrap().get("file").unwrap(), name);
        }
        let mut reader = LogReader::open(folder.path()).unwrap();
        assert!(reader.by_ref().all(|entry| entry.is_ok()));
        assert!(reader.report().is_whole());
        assert_eq!(log.stats().unwrap().written, 40);
    }
}

#[test]
fn files_rotate_by_age_across_restarts() {
    const HOUR: Duration = Duration::from_hours(1);
    let (folder, clock) = (TempFolder::new("age"), ManualClock::new());
    let open = || {
        let rotation = Rotation::size(1 << 20).every(2 * HOUR);
        JsonlConfig::default().rotate(rotation).clock(clock.clone()).open(folder.path()).unwrap()
    };
    let log = open();
    log.emit(&event(1)).unwrap();
    clock.advance(HOUR);
    drop(log);
    let log = open();
    log.emit(&event(2)).unwrap();
    assert_eq!(names(folder.path()), ["000001.jsonl"]);
    clock.advance(HOUR);
    log.emit(&event(3)).unwrap();
    assert_eq!(names(folder.path()), ["000001.jsonl", "000002.jsonl"]);
    // A clock that jumps by years starts one file.
    clock.advance(1_000_000 * HOUR);
    log.emit(&event(4)).unwrap();
    log.emit(&event(5)).unwrap();
    assert_eq!(names(folder.path()).len(), 3);
}

#[test]
fn keep_total_removes_the_oldest_files() {
    let folder = TempFolder::new("total");
    let rotation = Rotation::size(1_000).keep_total(3_500);
    let log = JsonlConfig::default().rotate(rotation).open(folder.path()).unwrap();
    for n in 1..=100 {
        log.emit(&numbered("s", n)).unwrap();
        let total: u64 = files(folder.path()).iter().map(|(_, bytes)| bytes).sum();
        assert!(total <= 3_500, "{total} bytes");
    }
    let names = names(folder.path());
    assert!(names.len() >= 3 && names[0] != "000001.jsonl", "{names:?}");
    drop(log);
    // A limit of almost nothing keeps the current file.
    let rotation = Rotation::size(1).keep_total(0);
    let log = JsonlConfig::default().rotate(rotation).open(folder.path()).unwrap();
    log.emit(&event(1)).unwrap();
    log.emit(&event(2)).unwrap();
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn folder_has_one_writer_and_create_needs_an_empty_one() {
    let folder = TempFolder::new("writers");
    let options = || JsonlConfig::default().rotate(Rotation::size(1_000));
    let log = options().create(folder.path()).unwrap();
    let refused = options().open(folder.path()).unwrap_err().to_string();
    assert!(refused.ends_with(": another sink is writing to it"), "{refused}");
    drop(log);
    assert!(options().open(folder.path()).is_ok());
    assert!(options().create(folder.path()).is_err());
}

#[test]
fn torn_file_in_a_folder_is_repaired() {
    let folder = TempFolder::new("torn");
    let options = || JsonlConfig::default().rotate(Rotation::size(10_000));
    options().open(folder.path()).unwrap().emit(&numbered("s", 1)).unwrap();
    let path = folder.path().join("000001.jsonl");
    let mut text = fs::read(&path).unwrap();
    text.extend(b"{\"event\":\"agent.turn_com");
    fs::write(&path, text).unwrap();
    options().open(folder.path()).unwrap().emit(&numbered("s", 2)).unwrap();
    let mut reader = LogReader::open(folder.path()).unwrap();
    let names: Vec<_> =
        reader.by_ref().map(|entry| entry.unwrap().event().unwrap().event.as_str()).collect();
    let (opened, turn) = ("log.opened", "agent.turn_completed");
    assert_eq!(names, [opened, turn, "log.recovered", opened, turn]);
    assert!(reader.report().is_whole());
}

#[test]
fn interval_durability_syncs_on_a_thread() {
    let (folder, clock) = (TempFolder::new("interval"), ManualClock::new());
    fs::create_dir_all(folder.path()).unwrap();
    let every = Duration::from_secs(1);
    let log = JsonlConfig::default()
        .durability(Durability::Interval(every))
        .clock(clock.clone())
        .sleeper(clock.clone())
        .open(folder.path().join("run.jsonl"))
        .unwrap();
    log.emit(&event(1)).unwrap();
    assert_eq!(log.stats().unwrap().synced, 0);
    while log.stats().unwrap().synced == 0 {
        if clock.waiting() > 0 {
            clock.advance(every);
        }
        std::thread::yield_now();
    }
    log.emit(&event(2)).unwrap();
    log.flush().unwrap();
    assert_eq!(log.stats().unwrap().synced, 2);
}

/// A clock that says who holds it.
#[derive(Debug)]
struct Held(ManualClock, #[expect(dead_code, reason = "it counts its holders")] Arc<()>);

impl Clock for Held {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn utc_now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.utc_now()
    }
}

#[test]
fn thread_that_syncs_ends_with_its_sink() {
    let (file, held) = (TempFile::new("held"), Arc::new(()));
    let log = JsonlConfig::default()
        .durability(Durability::Interval(Duration::from_secs(1)))
        .clock(Held(ManualClock::new(), Arc::clone(&held)))
        .open(file.path())
        .unwrap();
    assert!(Arc::strong_count(&held) > 1);
    drop(log);
    assert_eq!(Arc::strong_count(&held), 1, "the thread has let go of its clock");
}
