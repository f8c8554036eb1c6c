//! Disks that fail: whatever they do, the books are right and what was acknowledged is there.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, ManualClock};

use super::config::{Durability, JsonlConfig, Rotation};
use super::log::Log;
use super::medium::{Medium, Opened, Segment, Tail};
use super::writer::{BACKLOG, Rules, Writer};
use crate::sink::SinkStats;

mod locks;
mod properties;
mod syncs;
mod writes;

/// What a disk does with the next write. Without one, it writes everything.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Take(usize),
    Fail,
    Interrupt,
}

/// A disk that remembers what a power failure would leave.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: Vec<Vec<Byte>>,
    writes: VecDeque<Mood>,
    /// Whether the next syncs, and the next new files, succeed.
    syncs: VecDeque<bool>,
    opens: VecDeque<bool>,
    synced: u64,
    /// A sync takes until a file has this number of lines.
    slow: usize,
    /// The largest number of files.
    most: usize,
}

/// A byte, and whether it is on the disk. A failed sync forgets the bytes that are not.
#[derive(Clone, Copy, Debug)]
struct Byte(u8, Where);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Cached,
    Safe,
    Forgotten,
}

#[derive(Debug)]
struct FileOf(Disk, usize);

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with it")
    }

    fn opened(&self, number: usize) -> Opened<FileOf> {
        self.state().files.push(Vec::new());
        Opened {
            segment: Arc::new(FileOf(self.clone(), number)),
            number: number as u64,
            name: format!("file {number}"),
            bytes: 0,
            age: Duration::ZERO,
            tail: Tail::Whole,
        }
    }

    /// A log on this disk, in at most this number of files.
    fn log(&self, files: usize, rules: Rules) -> Log<Self> {
        self.state().most = files;
        let clock = Arc::new(ManualClock::new());
        let writer = Writer::new(self.clone(), self.opened(0), rules, clock);
        Log::new("a disk".to_owned(), writer)
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
    }

    /// The lines that can be read, with or without a power failure.
    fn lines(&self, power_failed: bool) -> Vec<String> {
        let byte = |Byte(byte, place): &Byte| {
            if power_failed && *place != Where::Safe { 0 } else { *byte }
        };
        let files: Vec<Vec<u8>> =
            self.state().files.iter().map(|file| file.iter().map(byte).collect()).collect();
        let lines = files.iter().flat_map(|file| file.split(|byte| *byte == b'\n'));
        lines.filter(|line| !line.is_empty()).map(|l| String::from_utf8_lossy(l).into()).collect()
    }

    fn events(&self, power_failed: bool) -> Vec<AgentEvent> {
        let lines = self.lines(power_failed);
        lines.iter().filter_map(|line| AgentEvent::from_json(line).ok()).collect()
    }

    /// The numbers of the events that can be read.
    fn numbers(&self, power_failed: bool) -> Vec<u64> {
        self.events(power_failed).iter().filter_map(|event| event.seq).collect()
    }
}

impl FileOf {
    fn lines(&self) -> usize {
        let state = self.0.state();
        state.files[self.1].iter().filter(|Byte(byte, _)| *byte == b'\n').count()
    }
}

impl Segment for FileOf {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        let take = match state.writes.pop_front() {
            Some(Mood::Fail) => return Err(ErrorKind::StorageFull.into()),
            Some(Mood::Interrupt) => return Err(ErrorKind::Interrupted.into()),
            Some(Mood::Take(most)) => bytes.len().min(most),
            None => bytes.len(),
        };
        let new = bytes[..take].iter().map(|byte| Byte(*byte, Where::Cached));
        state.files[self.1].extend(new);
        drop(state);
        Ok(take)
    }

    fn sync(&self) -> io::Result<()> {
        while self.lines() < self.0.state().slow {
            thread::yield_now();
        }
        let mut state = self.0.state();
        state.synced += 1;
        let works = state.syncs.pop_front().unwrap_or(true);
        let becomes = if works { Where::Safe } else { Where::Forgotten };
        for Byte(_, place) in &mut state.files[self.1] {
            if *place == Where::Cached {
                *place = becomes;
            }
        }
        drop(state);
        if works { Ok(()) } else { Err(io::Error::other("input/output error")) }
    }
}

impl Medium for Disk {
    type Segment = FileOf;

    fn next(&mut self, number: u64) -> io::Result<Option<Opened<FileOf>>> {
        let mut state = self.state();
        if state.files.len() >= state.most {
            return Ok(None);
        }
        if !state.opens.pop_front().unwrap_or(true) {
            return Err(ErrorKind::StorageFull.into());
        }
        drop(state);
        Ok(Some(self.opened(usize::try_from(number).expect("few") + 1)))
    }
}

const PLAIN: Rules = Rules { threshold: 0, rotation: None, synced: false, keeps: false };

const SYNCED: Rules = Rules { synced: true, ..PLAIN };

/// Synced, in a folder.
const KEPT: Rules = Rules { rotation: Some(Rotation::size(2_000)), keeps: true, ..SYNCED };

fn event(seq: u64) -> Arc<AgentEvent> {
    let at = chrono::DateTime::UNIX_EPOCH;
    let name = AgentEventName::TurnCompleted;
    let mut event = AgentEvent::new(name, AgentEventStatus::Running, at);
    event.session_id = Some("s".into());
    event.seq = Some(seq);
    Arc::new(event)
}

#[test]
fn unsynced_lines_are_kept_only_for_those_who_wait_and_if_there_is_a_next_file() {
    let all = [Durability::Memory, Durability::Os, Durability::Sync];
    let all = all.into_iter().chain([Durability::Interval(Duration::ZERO)]);
    for durability in all {
        for rotation in [None, Some(Rotation::size(1))] {
            let mut options = JsonlConfig::default().durability(durability);
            options.rotation = rotation;
            let keeps = durability == Durability::Sync && rotation.is_some();
            assert_eq!(Rules::of(&options).keeps, keeps, "{durability:?} {rotation:?}");
        }
    }
}

fn adds_up(stats: SinkStats) -> bool {
    stats.accepted == stats.written + stats.dropped + stats.pending && stats.synced <= stats.written
}
