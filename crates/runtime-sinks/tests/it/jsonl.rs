//! The file of JSON lines.

use std::io;
use std::thread;

use runtime_events::AgentEventName;
use runtime_sinks::{Durability, EventSink, JsonlConfig, JsonlSink, SinkStats};

use crate::common::{TempFile, buffered, event, number};

#[test]
fn each_line_parses_as_its_event() {
    let file = TempFile::new("each-line");
    let log = buffered(file.path(), 64 * 1024);
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
fn default_buffer_has_64_kib() {
    let file = TempFile::new("default-buffer");
    let log = JsonlConfig::default().durability(Durability::Memory).open(file.path()).unwrap();
    let line = event(10).to_json().len() + 1;
    let fits = 64 * 1024 / line;
    (0..fits).for_each(|_| log.emit(&event(10)).unwrap());
    assert_eq!(file.text(), "");
    log.emit(&event(10)).unwrap();
    assert!(file.text().len() >= fits * line);
}

#[test]
fn events_together_are_synced_if_one_would_be() {
    for (durability, synced) in [(Durability::Sync, 3), (Durability::Os, 0)] {
        let file = TempFile::new("together");
        let log = JsonlConfig::default().durability(durability).open(file.path()).unwrap();
        log.emit_all(&[event(1), event(2), event(3)]).unwrap();
        assert_eq!(log.stats().unwrap().synced, synced, "{durability:?}");
    }
}

#[test]
fn drop_flushes_the_sink() {
    let file = TempFile::new("dropping");
    let log = buffered(file.path(), 64 * 1024);
    log.emit(&event(1)).unwrap();
    assert_eq!(file.text(), "");
    drop(log);
    assert_eq!(file.events().len(), 1);
}

#[test]
fn clones_share_one_file_and_the_last_one_flushes() {
    let file = TempFile::new("clones");
    let log = buffered(file.path(), 64 * 1024);
    let clone = log.clone();
    log.emit(&event(0)).unwrap();
    clone.emit(&event(1)).unwrap();
    drop(log);
    assert_eq!((file.text(), clone.stats().unwrap().accepted), (String::new(), 2));
    drop(clone);
    assert_eq!(file.events().iter().map(number).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn open_appends_to_an_existing_file() {
    let file = TempFile::new("continued");
    for n in 0..3 {
        JsonlSink::open(file.path()).unwrap().emit(&event(n)).unwrap();
    }
    assert_eq!(file.events().iter().map(number).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn torn_line_is_cut_off_and_reported() {
    let file = TempFile::new("torn");
    let whole = event(1).to_json();
    std::fs::write(file.path(), format!("{whole}\n{}", r#"{"event":"agent.sta"#)).unwrap();
    JsonlSink::open(file.path()).unwrap().emit(&event(2)).unwrap();
    let events = file.events();
    assert_eq!((number(&events[0]), number(&events[2])), (1, 2));
    assert_eq!(events[1].event, AgentEventName::LogRecovered);
    let data = events[1].data.as_ref().unwrap();
    assert_eq!(data.get("torn_bytes").unwrap(), 19);
    assert_eq!(data.get("torn").unwrap(), r#"{"event":"agent.sta"#);
}

#[test]
fn last_line_without_a_line_break_is_kept() {
    let file = TempFile::new("unbroken");
    std::fs::write(file.path(), event(1).to_json()).unwrap();
    JsonlSink::open(file.path()).unwrap().emit(&event(2)).unwrap();
    assert_eq!(file.events().iter().map(number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn torn_line_of_another_sink_is_kept() {
    let file = TempFile::new("left");
    let first = JsonlSink::open(file.path()).unwrap();
    std::fs::write(file.path(), "{\"event\":\"agent.sta").unwrap();
    JsonlSink::open(file.path()).unwrap().emit(&event(2)).unwrap();
    let text = file.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines, ["{\"event\":\"agent.sta", &event(2).to_json()]);
    let refused = JsonlSink::create(file.path()).unwrap_err();
    assert!(refused.to_string().ends_with("another sink is writing to it"), "{refused}");
    drop(first);
    assert_eq!(JsonlSink::create(file.path()).unwrap().stats(), Some(SinkStats::default()));
    assert_eq!(file.text(), "");
}

#[test]
fn unbuffered_events_are_written_at_once() {
    let file = TempFile::new("at-once");
    let log = JsonlSink::open(file.path()).unwrap();
    for n in 0..3 {
        log.emit(&event(n)).unwrap();
        assert_eq!(file.events().len() as u64, n + 1);
    }
}

#[test]
fn lines_of_threads_never_mix() {
    let file = TempFile::new("threads");
    let log = buffered(file.path(), 100);
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
fn lines_of_two_sinks_never_mix() {
    let file = TempFile::new("two-sinks");
    thread::scope(|scope| {
        for sink in 0..2 {
            let log = buffered(file.path(), 1_000);
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
fn open_error_names_the_file() {
    let error = JsonlSink::open("no/such/folder/run.jsonl").unwrap_err();
    assert!(error.to_string().starts_with("cannot open `no/such/folder/run.jsonl`: "), "{error}");
    let cause = error.cause().downcast_ref::<io::Error>().unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::NotFound);
}

/// `/dev/full` refuses every write.
#[cfg(target_os = "linux")]
#[test]
fn write_error_names_the_file() {
    let log = JsonlSink::open("/dev/full").unwrap();
    let error = log.emit(&event(1)).unwrap_err();
    assert_eq!(error.lost(), 0, "it is kept");
    assert!(log.flush().is_err());
    assert!(error.to_string().starts_with("cannot write to `/dev/full`: "), "{error}");
}

/// `/dev/full` refuses every write.
#[cfg(target_os = "linux")]
#[test]
fn backlog_of_a_full_disk_is_bounded() {
    let log = JsonlSink::open("/dev/full").unwrap();
    let lost: u64 = (0..20_000).map(|n| log.emit(&event(n)).unwrap_err().lost()).sum();
    let stats = log.stats().unwrap();
    assert_eq!((stats.accepted, stats.written, stats.dropped), (20_000, 0, lost));
    assert!(lost > 0 && stats.pending == 20_000 - lost && stats.errors >= 20_000);
}
