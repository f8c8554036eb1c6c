//! Reading logs: whole, torn, with gaps, of other versions, and while they grow.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime_events::{AgentEvent, AgentEventName, ManualClock, Sleeper};
use runtime_sinks::{
    EventSink, Gap, GapCause, JsonlConfig, JsonlSink, LogEntry, LogReadError, LogReader, LogReport,
    QueueConfig, QueueSink, Rotation, TornLine,
};

use crate::common::{TempFile, TempFolder, event, number, numbered};

/// The entries of a text, and the report of the reader.
fn read(text: &[u8]) -> (Vec<Result<LogEntry, String>>, LogReport) {
    let mut reader = LogReader::read("log", io::Cursor::new(text.to_vec()));
    let entries = (&mut reader).map(|entry| entry.map_err(|error| error.to_string())).collect();
    (entries, reader.report())
}

fn text(events: &[Arc<AgentEvent>]) -> Vec<u8> {
    events.iter().flat_map(|event| (event.to_json() + "\n").into_bytes()).collect()
}

#[test]
fn written_events_are_read() {
    let file = TempFile::new("what-was-written");
    let log = JsonlSink::create(file.path()).unwrap();
    let events: Vec<_> = (1..=20).map(|n| numbered("s", n)).collect();
    log.emit_all(&events).unwrap();
    let mut reader = LogReader::open(file.path()).unwrap();
    let read: Vec<_> =
        (&mut reader).map(|entry| entry.unwrap().event().cloned().unwrap()).collect();
    assert!(read.iter().eq(events.iter().map(|event| &**event)));
    let report = reader.report();
    assert!(report.is_whole());
    assert_eq!((report.events, report.sessions), (20, 1));
}

#[test]
fn truncated_log_loses_only_the_torn_line() {
    let mut whole = text(&[event(1), numbered("s\u{e9}\"", 1), event(3)]);
    whole
        .extend_from_slice("{\"event\":\"agent.levitated\",\"status\":\"\u{1f680}\"}\n".as_bytes());
    for cut in 0..=whole.len() {
        let (entries, report) = read(&whole[..cut]);
        let complete = whole[..cut].split(|byte| *byte == b'\n').count() - 1;
        // A line that lacks only its line break is whole.
        let unbroken = usize::from(whole.get(cut) == Some(&b'\n'));
        assert_eq!(entries.len(), complete + unbroken, "cut at {cut}");
        assert!(entries.iter().all(Result::is_ok));
        let torn = cut > 0 && whole[cut - 1] != b'\n' && unbroken == 0;
        assert_eq!(report.torn.len(), usize::from(torn), "cut at {cut}");
    }
}

#[test]
fn truncated_log_is_repaired_and_continued() {
    let file = TempFile::new("truncation");
    let whole = text(&[event(1), numbered("s\u{e9}", 1)]);
    for cut in 0..=whole.len() {
        fs::write(file.path(), &whole[..cut]).unwrap();
        JsonlSink::open(file.path()).unwrap().emit(&event(9)).unwrap();
        let mut reader = LogReader::open(file.path()).unwrap();
        let events: Vec<_> =
            (&mut reader).map(|entry| entry.unwrap().event().cloned().unwrap()).collect();
        assert!(reader.report().is_whole(), "cut at {cut}");
        assert_eq!(number(events.last().unwrap()), 9);
        let lost = whole[..cut].rsplit(|byte| *byte == b'\n').next().unwrap().len() as u64;
        let recovered = reader.report().recovered_bytes;
        assert!(recovered == lost || (recovered == 0 && whole.get(cut) == Some(&b'\n')));
    }
}

#[test]
fn invalid_line_is_an_error_and_reading_continues() {
    let mut log = text(&[event(1)]);
    log.extend_from_slice(b"{\"event\":\"agent.sta\n\0\0\0\n\xff\xfe\n\r\n  \n");
    log.extend(text(&[event(2)]));
    let (entries, report) = read(&log);
    assert_eq!(entries.len(), 5, "lines that are blank are none");
    let error = entries[1].as_ref().unwrap_err();
    assert!(error.starts_with("cannot read `log`, line 2: "), "{error}");
    assert!(entries[0].is_ok() && entries[2].is_err() && entries[3].is_err() && entries[4].is_ok());
    assert_eq!((report.events, report.unreadable), (2, 3));
}

#[test]
fn log_that_breaks_off_is_not_whole() {
    let broken = Parts(vec![Err(ErrorKind::UnexpectedEof), Ok(text(&[event(1)]))]);
    let mut reader = LogReader::read("log", broken);
    let entries: Vec<_> = (&mut reader).collect();
    assert!(entries[0].is_ok());
    let error = entries[1].as_ref().unwrap_err();
    assert!(
        error.to_string().starts_with("cannot read `log`, line 2: ")
            && error.cause().is::<io::Error>()
    );
    let report = reader.report();
    assert_eq!((entries.len(), report.unreadable, report.is_whole()), (2, 1, false));
}

/// What a stream gives, the last part first. An empty part is an end for now.
struct Parts(Vec<Result<Vec<u8>, ErrorKind>>);

impl Read for Parts {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let part = self.0.pop().unwrap_or(Ok(Vec::new()))?;
        into[..part.len()].copy_from_slice(&part);
        Ok(part.len())
    }
}

#[test]
fn follow_keeps_the_part_of_a_line_that_a_stream_has_given() {
    let line = text(&[event(1)]);
    let (half, rest) = line.split_at(20);
    let parts = [half, b"", rest, b"", half].map(|part| Ok(part.to_vec()));
    let stream = Parts(parts.into_iter().rev().collect());
    let mut follow = LogReader::read("log", stream).follow().sleeper(ManualClock::skipping());
    let entry = follow.next().unwrap().unwrap();
    assert_eq!(entry.event(), Some(&*event(1)));
    follow.stopper().stop();
    assert!(follow.next().is_none());
    assert!(follow.report().is_whole());
}

#[test]
fn each_entry_has_its_file_and_line() {
    let folder = TempFolder::new("places");
    fs::create_dir_all(folder.path()).unwrap();
    let file = |number: u64| folder.path().join(format!("{number:06}.jsonl"));
    fs::write(file(1), [text(&[event(1)]), b"\n[1]\n{\"event\":".to_vec()].concat()).unwrap();
    fs::write(file(2), [b"nonsense\n".to_vec(), text(&[event(2)])].concat()).unwrap();
    let mut reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(reader.place(), (&*file(1), 0), "before the first");
    let mut places = Vec::new();
    while let Some(entry) = reader.next() {
        let (file, line) = reader.place();
        places.push((file.to_owned(), line, entry.is_ok()));
    }
    let expected = [(1, 1, true), (1, 3, true), (2, 1, false), (2, 2, true)];
    assert_eq!(places, expected.map(|(number, line, ok)| (file(number), line, ok)));
    assert_eq!(reader.report().torn[0].line, 4);
}

#[test]
fn unknown_entry_is_raw_json_and_keeps_its_sequence() {
    let unknown = r#"{"event":"agent.levitated","status":"running","session_id":"s","seq":2}"#;
    let log =
        [&text(&[numbered("s", 1)]), unknown.as_bytes(), b"\n[1]\n", &text(&[numbered("s", 3)])];
    let (entries, report) = read(&log.concat());
    let Ok(LogEntry::Unknown(value)) = &entries[1] else { panic!("not an event of ours") };
    assert_eq!(value["event"], "agent.levitated");
    assert_eq!((report.events, report.unknown, report.is_whole()), (2, 2, true));
    // Deep nesting is an error and does not overflow the stack.
    let (entries, _) = read(&[&b"[".repeat(100_000)[..], b"\n"].concat());
    assert!(entries[0].is_err());
}

#[test]
fn gaps_are_found_with_their_cause() {
    let dropped = |json: &str| {
        let data: runtime_events::Data = serde_json::from_str(json).unwrap();
        let mut event = AgentEvent::clone(&event(0));
        event.event = AgentEventName::LogDropped;
        Arc::new(event.with_data(data))
    };
    let told = dropped(
        r#"{"count":4,"sessions":[{"session_id":"a","first_seq":2,"last_seq":3,"count":2},
            {"session_id":"a","first_seq":4,"last_seq":5,"count":2}]}"#,
    );
    let log = [
        numbered("a", 1),
        numbered("b", 1),
        numbered("a", 6),
        told,
        numbered("b", 4),
        numbered("b", 4),
        numbered("c", 2),
        numbered("a", u64::MAX),
        numbered("a", 7),
    ];
    let report = read(&text(&log)).1;
    let gaps: Vec<String> = report.gaps.iter().map(Gap::to_string).collect();
    assert_eq!(
        gaps,
        [
            "session `a` lacks events 2 to 5: dropped",
            "session `b` lacks events 2 to 3: cause unknown",
            "session `c` lacks event 1: cause unknown",
            "session `a` lacks events 7 to 18446744073709551614: cause unknown",
        ]
    );
    assert_eq!((report.repeated, report.dropped, report.sessions), (2, 4, 3));
    let places: Vec<_> = report.gaps.iter().map(|gap| (gap.file.to_str(), gap.line)).collect();
    assert_eq!(places, [(Some("log"), 3), (Some("log"), 5), (Some("log"), 7), (Some("log"), 8)]);
}

#[test]
fn queue_losses_explain_the_gap() {
    let file = TempFile::new("queue-gaps");
    let log = JsonlSink::create(file.path()).unwrap();
    let config = QueueConfig::default().capacity(std::num::NonZeroUsize::new(4).unwrap());
    let queue = QueueSink::new(log, config);
    let lost = (1..=20_000).filter(|n| queue.emit(&numbered("s", *n)).is_err()).count() as u64;
    assert!(lost > 0);
    queue.flush().unwrap();
    let emitted = queue.emit(&numbered("s", 20_001));
    assert!(emitted.is_ok() && queue.shutdown(Duration::from_mins(1)).pending == 0);
    let mut reader = LogReader::open(file.path()).unwrap();
    assert!(reader.by_ref().all(|entry| entry.is_ok()));
    let report = reader.report();
    assert_eq!(report.dropped, lost);
    assert!(report.gaps.iter().all(|gap| gap.cause == GapCause::Dropped));
    assert_eq!(report.gaps.iter().map(Gap::len).sum::<u64>(), lost);
}

#[test]
fn folder_is_read_in_order_and_removed_files_are_reported() {
    let folder = TempFolder::new("reader-folder");
    let rotation = Rotation::size(1_000).keep_total(4_000);
    let log = JsonlConfig::default().rotate(rotation).open(folder.path()).unwrap();
    for n in 1..=100 {
        log.emit(&numbered("s", n)).unwrap();
    }
    fs::write(folder.path().join("notes.jsonl"), "of no concern").unwrap();
    let mut reader = LogReader::open(folder.path()).unwrap();
    let events: Vec<_> =
        (&mut reader).map(|entry| entry.unwrap().event().cloned().unwrap()).collect();
    let own: Vec<u64> = events.iter().filter_map(|event| event.seq).collect();
    assert!(own.windows(2).all(|pair| pair[0] + 1 == pair[1]) && own.last() == Some(&100));
    let report = reader.report();
    assert_eq!(report.gaps.len(), 1);
    assert_eq!((report.gaps[0].cause, report.gaps[0].last), (GapCause::Removed, own[0] - 1));
}

#[test]
fn torn_last_line_is_reported_with_its_place() {
    let file = TempFile::new("torn-last");
    fs::write(file.path(), [&text(&[event(1)])[..], b"{\"eve"].concat()).unwrap();
    let mut reader = LogReader::open(file.path()).unwrap();
    assert_eq!((&mut reader).count(), 1);
    let [TornLine { file: at, line: 2, bytes: 5, .. }] = &reader.report().torn[..] else {
        panic!("one torn line")
    };
    assert_eq!(at, file.path());
    let missing = LogReader::open("no/such/log").unwrap_err().to_string();
    assert!(missing.starts_with("cannot read `no/such/log`: "), "{missing}");
}

/// Writes more each time that the follower waits.
#[derive(Debug)]
struct Steps(std::sync::Mutex<Vec<Step>>);

type Named = (&'static str, fn(&std::path::Path));

type Step = (&'static str, fn(&std::path::Path), std::path::PathBuf);

impl Sleeper for Steps {
    fn sleep(&self, duration: Duration) -> runtime_events::Sleep {
        ManualClock::skipping().sleep(duration)
    }

    fn park(&self, _timeout: Duration) {
        let step = self.0.lock().expect("no step panics with it").pop();
        if let Some((_, step, path)) = step {
            step(&path);
        }
    }
}

fn append(path: &std::path::Path, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).open(path);
    file.and_then(|mut file| file.write_all(bytes)).expect("the test's own file");
}

#[test]
fn follow_waits_for_whole_lines_and_survives_a_repair() {
    let file = TempFile::new("follow");
    fs::write(file.path(), text(&[event(1)])).unwrap();
    let steps: [Named; 4] = [
        ("a part", |path| append(path, b"{\"event\":\"agent.started\",\"stat")),
        ("the rest", |path| append(path, b"us\":\"running\"}\n{\"event\":\"torn")),
        ("a repair, and a longer line", |path| {
            JsonlSink::open(path).and_then(|log| log.emit(&event(2))).expect("a repair");
        }),
        ("one more", |path| append(path, &text(&[event(3)]))),
    ];
    let path = file.path().to_owned();
    let steps = steps.into_iter().rev().map(|(name, step)| (name, step, path.clone())).collect();
    let follow = LogReader::open(file.path()).unwrap().follow();
    let mut follow = follow.sleeper(Steps(std::sync::Mutex::new(steps)));
    let mut names = Vec::new();
    while names.len() < 5 {
        names.push(follow.next().unwrap().unwrap().event().unwrap().event.as_str());
    }
    let turn = "agent.turn_completed";
    assert_eq!(names, [turn, "agent.started", "log.recovered", turn, turn]);
    let stop = follow.stopper();
    stop.stop();
    assert!(follow.next().is_none());
    assert!(follow.report().is_whole());
}

#[test]
fn follow_continues_in_the_next_file_until_stopped() {
    const ALL: u64 = 300;
    let folder = TempFolder::new("follow-folder");
    let log = JsonlConfig::default().rotate(Rotation::size(2_000)).open(folder.path()).unwrap();
    let follow = LogReader::open(folder.path()).unwrap().follow().every(Duration::from_millis(1));
    let stop = follow.stopper();
    thread::scope(|scope| {
        let seen = scope.spawn(move || {
            let events = follow.map(|entry| entry.unwrap().event().cloned().unwrap());
            events.filter_map(|event| event.seq).collect::<Vec<_>>()
        });
        for n in 1..=ALL {
            log.emit(&numbered("s", n)).unwrap();
        }
        stop.stop();
        assert!(seen.join().unwrap().into_iter().eq(1..=ALL));
    });
}

#[cfg(unix)]
#[test]
fn follow_goes_on_in_a_file_of_the_same_name() {
    let (file, moved) = (TempFile::new("replaced"), TempFile::new("moved"));
    let (name, other) = (file.path().to_owned(), moved.path().to_owned());
    let start = || fs::write(&name, text(&[numbered("s", 1)])).unwrap();
    let replace = |last: &[u8]| {
        append(&name, last);
        fs::rename(&name, &other).unwrap();
        fs::write(&name, text(&[numbered("s", 3)])).unwrap();
    };
    let numbers = |entries: &mut dyn Iterator<Item = Result<LogEntry, LogReadError>>| {
        let seq = |entry: Result<LogEntry, LogReadError>| entry.unwrap().event().unwrap().seq;
        entries.filter_map(seq).collect::<Vec<_>>()
    };

    start();
    let mut follow = LogReader::open(&name).unwrap().follow();
    assert_eq!(follow.next().unwrap().unwrap().event().unwrap().seq, Some(1));
    // Its last line has no end, and will get none.
    replace(text(&[numbered("s", 2)]).trim_ascii_end());
    assert_eq!(numbers(&mut follow.by_ref().take(2)), [2, 3]);

    // Whoever does not follow reads what was opened.
    start();
    let mut reader = LogReader::open(&name).unwrap();
    replace(&text(&[numbered("s", 2)]));
    assert_eq!(numbers(&mut reader), [1, 2]);
}

#[test]
fn mark_of_an_encoding_is_passed_over_at_the_beginning_only() {
    let marked = [&b"\xef\xbb\xbf"[..], &text(&[event(1)])].concat();
    let (entries, report) = read(&marked);
    assert!(entries.len() == 1 && entries[0].is_ok() && report.is_whole());
    let (entries, _) = read(&[&marked[..], &marked[..]].concat());
    assert!(entries.len() == 2 && entries[0].is_ok() && entries[1].is_err());
}

#[test]
fn number_without_its_line_break_may_be_cut() {
    let (entries, report) = read(b"12\n34");
    assert_eq!((entries.len(), report.torn.len()), (1, 1));
    assert!(matches!(&entries[0], Ok(LogEntry::Unknown(value)) if *value == 12));
    let (entries, report) = read(b"12\n{}");
    assert_eq!((entries.len(), report.torn.len()), (2, 0));
}
