//! The command, run as a process.

mod accounts;
mod cassettes;
mod decided;
mod inputs;
mod migrations;
mod readers;
#[cfg(feature = "simulate")]
mod simulate;
mod stories;
mod tail;
mod threads;
mod told;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::{env, fs, process};

use std::io::{BufRead as _, BufReader, Write as _};

const LOG: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime-report/tests/it/golden/run.jsonl");

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_techrevati"));
    command.args(arguments).env_remove("NO_COLOR");
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(arguments).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

/// A file that is removed after the test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("techrevati-{name}-{}", process::id()));
        fs::write(&path, text).expect("writable");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a text")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn lines() -> Vec<String> {
    fs::read_to_string(LOG).expect("readable").lines().map(str::to_owned).collect()
}

#[test]
fn report_writes_every_format_to_file_or_stdout() {
    for (format, start) in [
        ("html", "<!doctype html>"),
        ("chrome", "{\"displayTimeUnit\""),
        ("otlp", "{\"resourceSpans\""),
        ("mermaid", "sequenceDiagram"),
    ] {
        let (code, text, _) = run(&["report", LOG, "--format", format]);
        assert_eq!(code, 0);
        assert!(text.starts_with(start), "{format}");
        let out = TempFile::new(format, "");
        let joined = format!("--format={format}");
        let told = format!("wrote {}\n", out.path());
        assert_eq!(run(&["report", LOG, &joined, "-o", out.path()]), (0, told, String::new()));
        assert_eq!(fs::read_to_string(out.path()).unwrap(), text);
    }
}

#[test]
fn report_takes_a_title_and_limits() {
    let page = run(&["report", LOG, "--title", "a <b> c", "--max-spans=3", "--max-events", "2"]).1;
    assert!(page.contains("<title>a &lt;b&gt; c</title>"));
    assert!(page.contains("Showing 3 of 20 spans") && page.contains("the first 2 of 70 events"));
}

#[test]
fn tail_shows_one_line_per_event_plain_without_a_terminal() {
    let (code, text, _) = run(&["tail", LOG, "--once"]);
    assert_eq!((code, text.lines().count()), (0, 70));
    assert!(text.contains("turn_completed gpt-5  810 ms  1,460 tokens in, 80 out  $0.0026"));
    assert!(text.contains("breaker_changed openai  closed → open"));
    assert!(text.contains("guardrail_checked write_file  post objected no_secrets"));
    // Offsets are of the run, not of each session.
    assert!(text.lines().last().unwrap().trim_start().starts_with("17.920 editor"), "{text}");
    assert!(!text.contains('\u{1b}'));
    // An attempt is inside its turn, which is inside its session.
    let indent = |name: &str| text.lines().find_map(|line| line.find(name)).unwrap();
    assert_eq!(indent("turn_started") + 2, indent("attempt_started"));
}

#[test]
fn tail_follows_a_log_that_grows_or_restarts() {
    let lines = lines();
    let file = TempFile::new("follow", &format!("{}\n", lines[0]));
    let Child { stdout, .. } =
        &mut *Killed::new(command(&["tail", file.path()]).stdout(Stdio::piped()).spawn().unwrap());
    let mut shown = BufReader::new(stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(shown.next().unwrap().ends_with(" started"));
    let mut log = fs::OpenOptions::new().append(true).open(file.path()).unwrap();
    // Half a line is no line yet.
    let (half, rest) = lines[1].split_at(40);
    log.write_all(half.as_bytes()).unwrap();
    log.flush().unwrap();
    writeln!(log, "{rest}").unwrap();
    assert!(shown.next().unwrap().contains("status_changed  initializing → running"));
    fs::write(file.path(), format!("{}\n", lines[2])).unwrap();
    assert!(shown.next().unwrap().contains("turn_started gpt-5"));
}

/// A process that ends with the test.
struct Killed(Child);

impl Killed {
    const fn new(child: Child) -> Self {
        Self(child)
    }
}

impl std::ops::Deref for Killed {
    type Target = Child;
    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Killed {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn no_command_shows_control_characters_of_a_log() {
    let event = r#"{"event":"agent.blocked","status":"blocked","emitted_at":"2026-05-20T12:00:00Z","role":"\u001b[2J\u202e\u200b\u00ad\u2028\u200f\udb40\udc41x","detail":"a\u0007\nb","data":{"tool":"\u009b31m"}}"#;
    let file = TempFile::new("hostile", &format!("{event}\nnot \u{1b}[31m json\n"));
    for arguments in
        [&["tail", file.path(), "--once"][..], &["stats", file.path()], &["check", file.path()]]
    {
        let (_, text, _) = run(arguments);
        let odd = |char: char| {
            (char.is_control() && char != '\n')
                || "\u{202e}\u{200b}\u{ad}\u{2028}\u{200f}\u{e0041}".contains(char)
        };
        assert!(!text.contains(odd), "{text:?}");
    }
}

#[test]
fn stats_shows_the_numbers() {
    let (code, text, _) = run(&["stats", LOG]);
    assert_eq!(code, 0);
    let words: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "cost $0.07999",
        "recovery 1 attempt, 1 succeeded, 0 failed, 0 escalated",
        "claude-sonnet-4 3 0 1.59 s 2.58 s 2.58 s 13,580 1,690 $0.06609",
        "write_file 1 1 229 ms 229 ms 229 ms",
    ] {
        assert!(words.iter().any(|found| found == line), "{line}: {text}");
    }
}

#[test]
fn check_finds_no_problems_in_a_whole_log() {
    let (code, text, _) = run(&["check", LOG]);
    assert_eq!(code, 0);
    assert!(text.ends_with("70 events, 3 sessions: no problems\n"), "{text}");
}

#[test]
fn check_names_the_line_of_each_problem() {
    let mut lines = lines();
    lines.remove(5);
    lines[9] = "{\"event\":\"agent.exploded\"}".to_owned();
    let torn = lines.last().unwrap().len() / 2;
    lines.last_mut().unwrap().truncate(torn);
    let file = TempFile::new("broken", &lines.join("\n"));
    let (code, text, _) = run(&["check", file.path()]);
    assert_eq!(code, 1);
    let starts = |line: usize, what: &str| {
        let start = format!("{}:{line}: ", file.path());
        text.lines().any(|found| found.starts_with(&start) && found.contains(what))
    };
    assert!(starts(6, "event 6 is missing"), "{text}");
    assert!(starts(10, "unknown event name `agent.exploded`"), "{text}");
    assert!(starts(lines.len(), "the line is torn after "), "{text}");
    assert!(text.lines().last().unwrap().ends_with(" problems"));
}

#[test]
fn check_and_stats_show_the_losses_of_sinks_and_gaps() {
    let event = |seq: u64| {
        format!(
            r#"{{"event":"agent.ready","status":"ready","emitted_at":"2026-05-20T12:00:00Z","session_id":"s","seq":{seq}}}"#
        )
    };
    let dropped = r#"{"event":"log.dropped","status":"failed","emitted_at":"2026-05-20T12:00:00Z","data":{"count":2,"sessions":[{"session_id":"s","first_seq":2,"last_seq":3,"count":2}]}}"#;
    let recovered = r#"{"event":"log.recovered","status":"running","emitted_at":"2026-05-20T12:00:00Z","data":{"torn_bytes":17}}"#;
    let log = [&event(1), dropped, &event(4), recovered, &event(6), &event(6), "{\"event\":"];
    let file = TempFile::new("causes", &log.join("\n"));
    let (code, text, _) = run(&["check", file.path()]);
    assert_eq!(code, 1);
    let path = file.path();
    let expected = [
        format!("{path}:2: a sink dropped 2 events"),
        format!("{path}:3: session s: events 2 to 3 are missing: dropped"),
        format!("{path}:4: 17 bytes of a torn line were lost"),
        format!("{path}:5: session s: event 5 is missing: cause unknown"),
        format!("{path}:6: session s: event 6 comes after event 6"),
        format!("{path}:7: the line is torn after 9 bytes"),
        format!("{path}: 6 events, 1 session: 6 problems"),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    let (_, text, _) = run(&["stats", path]);
    let lost = "2 events dropped, 1 event missing for an unknown cause, 1 event repeated, \
                1 line torn, 17 bytes cut off from torn lines";
    assert!(text.contains(lost), "{text}");
    let (_, text, _) = run(&["tail", "--once", path]);
    assert!(text.ends_with(&format!("{path}:7: torn after 9 bytes\n")), "{text}");
    assert!(text.contains("log.dropped  2 events") && text.contains("log.recovered  17 bytes"));
}

#[test]
fn a_folder_of_files_is_one_log() {
    let folder = env::temp_dir().join(format!("techrevati-folder-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let lines = lines();
    let (first, second) = lines.split_at(30);
    fs::write(folder.join("000001.jsonl"), first.join("\n") + "\n").unwrap();
    fs::write(folder.join("000002.jsonl"), second.join("\n") + "\n").unwrap();
    fs::write(folder.join("notes.txt"), "no log").unwrap();
    let path = folder.to_str().unwrap();
    let (code, text, _) = run(&["check", path]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(run(&["stats", path]).1, run(&["stats", LOG]).1);
    assert_eq!(run(&["tail", path, "--once"]).1, run(&["tail", LOG, "--once"]).1);
    fs::write(folder.join("000002.jsonl"), second[1..].join("\n") + "\nnonsense\n").unwrap();
    let (code, text, _) = run(&["check", path]);
    let last = folder.join("000002.jsonl");
    let last = last.to_str().unwrap();
    assert_eq!(code, 1);
    assert!(text.contains(&format!("{last}:1: session ")), "{text}");
    assert!(text.contains(&format!("{last}:{}: not an event: ", second.len())), "{text}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn file_errors_name_the_file_and_exit_with_3() {
    for (arguments, start) in [
        (&["stats", "no/such/file"][..], "error: cannot read `no/such/file`: "),
        (&["report", LOG, "-o", "no/such/x.html"], "error: cannot write `no/such/x.html`: "),
    ] {
        let (code, _, error) = run(arguments);
        assert_eq!(code, 3, "{arguments:?}");
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn usage_errors_name_the_argument_and_exit_with_2() {
    for (arguments, words) in [
        (&[][..], "Usage: techrevati <COMMAND>"),
        (&["explain"], "unrecognized subcommand 'explain'"),
        (&["stats"], "<LOG>"),
        (&["tail", LOG, "--twice"], "unexpected argument '--twice'"),
        (&["check", LOG, "more"], "unexpected argument 'more'"),
        (&["report", LOG, "-o"], "a value is required for '--out <FILE>'"),
        (&["report", LOG, "--format", "pdf"], "invalid value 'pdf' for '--format <FORMAT>'"),
        (&["report", LOG, "--max-spans=-1"], "invalid value '-1' for '--max-spans <N>'"),
        (&["completions", "cmd"], "invalid value 'cmd' for '<SHELL>'"),
    ] {
        let (code, output, error) = run(arguments);
        assert_eq!((code, &*output), (2, ""), "{arguments:?}");
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
}

#[test]
fn help_names_every_command_and_exit_code() {
    let (code, text, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for words in [
        "  report  ",
        "  tail  ",
        "  stats  ",
        "  check  ",
        "  migrate  ",
        "  completions  ",
        "  0  success",
        "  1  `check` found",
        "  2  the command line",
        "  3  a file",
        "NO_COLOR",
    ] {
        assert!(text.contains(words), "{words}");
    }
    for command in ["report", "tail", "stats", "check", "migrate", "completions"] {
        let (code, text, _) = run(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(text.contains(&format!("Usage: techrevati {command} ")), "{text}");
    }
    assert!(run(&["--version"]).1.starts_with("techrevati 0."));
}

#[test]
fn completions_know_the_commands_in_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script, _) = run(&["completions", shell]);
        assert_eq!(code, 0);
        assert!(script.contains("techrevati") && script.contains("max-spans"), "{shell}");
    }
}

#[test]
fn a_closed_pipe_is_success() {
    // More than fits into a pipe, so that the command writes after it is closed.
    let file = TempFile::new("pipe", &(lines().join("\n") + "\n").repeat(40));
    let mut child =
        command(&["tail", "--once", file.path()]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn file_names_need_not_be_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let folder = env::temp_dir().join(format!("techrevati-bytes-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (log, out) = (folder.join(OsStr::from_bytes(b"run-\xff.jsonl")), folder.join("run.html"));
    fs::copy(LOG, &log).unwrap();
    let output = command(&["report"]).arg(&log).arg("-o").arg(&out).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read_to_string(&out).unwrap().contains("<title>run-\u{fffd}.jsonl</title>"));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_empty_log_is_no_error() {
    let file = TempFile::new("empty", "");
    assert!(Path::new(file.path()).exists());
    for command in ["report", "stats"] {
        assert_eq!(run(&[command, file.path()]).0, 0, "{command}");
    }
}

#[test]
fn tail_shows_the_kind_of_captured_content() {
    let event = r#"{"event":"agent.content_captured","status":"running","emitted_at":"2026-05-20T12:00:00Z","role":"x","data":{"content":"arguments","value":{"q":"said"}}}"#;
    let file = TempFile::new("content", &format!("{event}\n"));
    let (_, text, _) = run(&["tail", "--once", file.path()]);
    assert!(text.trim_end().ends_with("content_captured arguments"), "{text}");
}
