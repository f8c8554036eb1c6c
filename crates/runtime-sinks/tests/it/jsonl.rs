//! The file of JSON lines.

use std::error::Error;
use std::io;
use std::thread;

use runtime_sinks::{EventSink, JsonlSink};

use crate::common::{TempFile, event, number};

#[test]
fn each_line_reads_back_as_the_event() {
    let file = TempFile::new("each-line");
    let log = JsonlSink::open(file.path()).unwrap();
    assert_eq!(log.path(), file.path());
    let events: Vec<_> = (0..50).map(event).collect();
    for event in &events {
        log.emit(event).unwrap();
    }
    assert_eq!(file.text(), "", "lines are collected first");
    log.flush().unwrap();
    assert!(file.events().iter().eq(events.iter().map(|event| &**event)));
}

#[test]
fn dropping_the_sink_flushes_it() {
    let file = TempFile::new("dropping");
    let log = JsonlSink::open(file.path()).unwrap();
    log.emit(&event(1)).unwrap();
    drop(log);
    assert_eq!(file.events().len(), 1);
}

#[test]
fn a_file_is_continued() {
    let file = TempFile::new("continued");
    for n in 0..3 {
        JsonlSink::open(file.path()).unwrap().emit(&event(n)).unwrap();
    }
    assert_eq!(file.events().iter().map(number).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_torn_line_is_not_glued_to_the_next() {
    let file = TempFile::new("torn");
    std::fs::write(file.path(), r#"{"event":"agent.sta"#).unwrap();
    JsonlSink::open(file.path()).unwrap().emit(&event(1)).unwrap();
    let text = file.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines, [r#"{"event":"agent.sta"#, &event(1).to_json()]);
}

#[test]
fn without_a_buffer_each_event_is_there_at_once() {
    let file = TempFile::new("at-once");
    let log = JsonlSink::open(file.path()).unwrap().buffer_bytes(0);
    for n in 0..3 {
        log.emit(&event(n)).unwrap();
        assert_eq!(file.events().len() as u64, n + 1);
    }
}

#[test]
fn threads_never_mix_their_lines() {
    let file = TempFile::new("threads");
    let log = JsonlSink::open(file.path()).unwrap().buffer_bytes(100);
    thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                for n in 0..250 {
                    log.emit(&event(thread * 250 + n)).unwrap();
                }
            });
        }
    });
    log.flush().unwrap();
    let mut numbers: Vec<u64> = file.events().iter().map(number).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..2_000));
}

#[test]
fn two_sinks_on_one_file_never_mix_their_lines() {
    let file = TempFile::new("two-sinks");
    thread::scope(|scope| {
        for sink in 0..2 {
            let log = JsonlSink::open(file.path()).unwrap().buffer_bytes(1_000);
            scope.spawn(move || {
                for n in 0..250 {
                    log.emit(&event(sink * 250 + n)).unwrap();
                }
            });
        }
    });
    let mut numbers: Vec<u64> = file.events().iter().map(number).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..500));
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let error = JsonlSink::open("no/such/folder/run.jsonl").unwrap_err();
    assert!(error.to_string().starts_with("open `no/such/folder/run.jsonl`: "), "{error}");
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>()).unwrap();
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
}

/// `/dev/full` refuses every write.
#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_names_the_file() {
    let log = JsonlSink::open("/dev/full").unwrap();
    log.emit(&event(1)).unwrap();
    let error = log.flush().unwrap_err();
    assert!(error.to_string().starts_with("write to `/dev/full`: "), "{error}");
}

/// `/dev/full` refuses every write.
#[cfg(target_os = "linux")]
#[test]
fn the_backlog_of_a_full_disk_is_bounded_and_every_event_is_answered() {
    let log = JsonlSink::open("/dev/full").unwrap().buffer_bytes(0);
    assert!((0..20_000).all(|n| log.emit(&event(n)).is_err()));
}
