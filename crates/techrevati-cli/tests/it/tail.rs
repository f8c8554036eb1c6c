//! Which events `tail` shows, and until when.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use crate::{Killed, LOG, TempFile, command, lines, run};

#[test]
fn tail_begins_with_the_last_lines() {
    let all = run(&["tail", "--once", LOG]).1;
    let last: Vec<&str> = all.lines().skip(67).collect();
    let (code, text, _) = run(&["tail", "--once", "-n", "3", LOG]);
    assert_eq!((code, text.lines().collect::<Vec<_>>()), (0, last));
    assert_eq!(run(&["tail", "--once", "--lines=0", LOG]).1, "");
}

#[test]
fn tail_selects_sessions_and_failures() {
    let (_, failed, _) = run(&["tail", "--once", "--failed", LOG]);
    assert!(failed.lines().count() > 3 && failed.contains("turn_failed"), "{failed}");
    assert!(!failed.contains("turn_completed") && !failed.contains("turn_started"), "{failed}");
    // To wait for a person is no failure.
    assert!(!failed.contains("paused") && !failed.contains("waiting_for_input"), "{failed}");

    let id = |line: &String| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["session_id"].as_str().map(str::to_owned)
    };
    let session = lines().iter().find_map(id).unwrap();
    let of_session = lines().iter().filter(|line| id(line).as_ref() == Some(&session)).count();
    let (_, text, _) = run(&["tail", "--once", "--session", &session, LOG]);
    assert_eq!(text.lines().count(), of_session);
    assert_eq!(run(&["tail", "--once", "--session", "nobody", LOG]).1, "");
}

#[test]
fn a_wait_between_attempts_is_no_failure() {
    const RECOVERED: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../runtime-orchestrator/tests/it/golden/recovered.jsonl"
    );
    let (_, all, _) = run(&["tail", "--once", RECOVERED]);
    let (_, failed, _) = run(&["tail", "--once", "--failed", RECOVERED]);
    assert!(all.contains("wait_started") && failed.contains("attempt_failed"), "{failed}");
    assert!(!failed.contains("wait_"), "{failed}");
}

#[test]
fn tail_prints_the_json_of_the_log() {
    let (_, text, _) = run(&["tail", "--once", "--json", "-n", "5", LOG]);
    let parse = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let expected: Vec<_> = lines()[65..].iter().map(|line| parse(line)).collect();
    assert_eq!(text.lines().map(parse).collect::<Vec<_>>(), expected);
}

#[test]
fn tail_shows_the_time_of_day_on_request() {
    let (_, text, _) = run(&["tail", "--once", "--wall-clock", "-n", "1", LOG]);
    let last: serde_json::Value = serde_json::from_str(lines().last().unwrap()).unwrap();
    let time = &last["emitted_at"].as_str().unwrap()[11..19];
    assert!(text.trim_start().starts_with(time), "{text} {time}");
}

#[test]
fn tail_ends_once_all_sessions_have_ended() {
    let (code, text, _) = run(&["tail", "--exit-when-done", LOG]);
    assert_eq!((code, text.lines().count()), (0, 70));
}

#[test]
fn tail_ends_with_sessions_that_began_before_the_log_and_not_before_any() {
    let opened = r#"{"event":"log.opened","status":"ready","emitted_at":"2026-05-20T12:00:00Z"}"#;
    let lines = lines();
    let file = TempFile::new("done", &format!("{opened}\n"));
    let mut tail = command(&["tail", "--exit-when-done", file.path()]);
    let Running { mut shown, mut child, .. } = Running::of(&mut tail);
    let mut log = fs::OpenOptions::new().append(true).open(file.path()).unwrap();
    assert!(shown.next().unwrap().contains("log.opened"));
    for part in [&lines[3..8], &lines[8..]] {
        writeln!(log, "{}", part.join("\n")).unwrap();
        for _ in part {
            assert!(shown.next().is_some(), "a session goes on");
        }
    }
    assert_eq!(shown.next(), None);
    assert!(child.wait().unwrap().success());
}

#[test]
fn tail_counts_from_the_first_event_of_what_is_left_of_a_log() {
    let file = TempFile::new("left", &lines()[3..].join("\n"));
    let (_, text, _) = run(&["tail", "--once", file.path()]);
    assert!(text.trim_start().starts_with("0.000 "), "{text}");
}

#[test]
fn tail_waits_for_a_log_and_follows_its_rotation() {
    let lines = lines();
    let file = TempFile::new("rotated", "");
    fs::remove_file(file.path()).unwrap();
    let mut tail = command(&["tail", file.path()]);
    let Running { mut shown, mut told, child: _child } = Running::of(&mut tail);
    assert!(told.next().unwrap().starts_with("waiting for `"));
    fs::write(file.path(), format!("{}\n", lines[0])).unwrap();
    assert!(shown.next().unwrap().ends_with(" started"));

    let moved = format!("{}.1", file.path());
    fs::rename(file.path(), &moved).unwrap();
    // Whoever holds the file open writes on for a while.
    let mut old = fs::OpenOptions::new().append(true).open(&moved).unwrap();
    writeln!(old, "{}", lines[1]).unwrap();
    assert!(shown.next().unwrap().contains("status_changed"));
    fs::write(file.path(), format!("{}\n", lines[2])).unwrap();
    assert!(shown.next().unwrap().contains("turn_started"));
    fs::remove_file(&moved).unwrap();
}

/// A running command, and the lines that it writes.
struct Running {
    shown: Box<dyn Iterator<Item = String>>,
    told: Box<dyn Iterator<Item = String>>,
    child: Killed,
}

impl Running {
    fn of(command: &mut std::process::Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut child = Killed::new(child);
        let shown = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        Self { shown: Box::new(shown), told: Box::new(told), child }
    }
}
