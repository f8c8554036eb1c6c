//! The command, as it is run.

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

/// A file that is gone after the test.
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
fn report_writes_every_format_to_a_file_or_to_standard_output() {
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
        assert_eq!(run(&["report", LOG, &joined, "-o", out.path()]).0, 0);
        assert_eq!(fs::read_to_string(out.path()).unwrap(), text);
    }
}

#[test]
fn the_title_and_the_limits_of_a_page_can_be_given() {
    let page = run(&["report", LOG, "--title", "a <b> c", "--max-spans=3", "--max-events", "2"]).1;
    assert!(page.contains("<title>a &lt;b&gt; c</title>"));
    assert!(page.contains("Showing 3 of 20 spans") && page.contains("the first 2 of 72 events"));
}

#[test]
fn tail_shows_a_line_for_each_event_without_colours_where_there_is_no_terminal() {
    let (code, text, _) = run(&["tail", LOG, "--once"]);
    assert_eq!((code, text.lines().count()), (0, 72));
    assert!(text.contains("turn_completed gpt-5 810 ms 1,460 → 80 tokens $0.0026"));
    assert!(text.contains("breaker_changed openai closed → open"));
    assert!(!text.contains('\u{1b}'));
    // An attempt is inside its turn, which is inside its session.
    let indent = |name: &str| text.lines().find_map(|line| line.find(name)).unwrap();
    assert_eq!(indent("turn_started") + 2, indent("attempt_started"));
}

#[test]
fn tail_follows_a_log_that_grows_and_one_that_begins_anew() {
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
    assert!(shown.next().unwrap().contains("status_changed initializing → running"));
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
fn a_terminal_is_not_given_commands_by_a_log() {
    let event = r#"{"event":"agent.blocked","status":"blocked","emitted_at":"2026-05-20T12:00:00Z","role":"\u001b[2J\u202ex","detail":"a\u0007\nb","data":{"tool":"\u009b31m"}}"#;
    let file = TempFile::new("hostile", &format!("{event}\nnot \u{1b}[31m json\n"));
    for arguments in
        [&["tail", file.path(), "--once"][..], &["stats", file.path()], &["check", file.path()]]
    {
        let (_, text, _) = run(arguments);
        let odd = |char: char| (char.is_control() && char != '\n') || char == '\u{202e}';
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
        "cost $0.0800",
        "recovery 1 tried, 1 worked, 0 failed, 0 escalated",
        "claude-sonnet-4 3 0 1.59 s 2.58 s 2.58 s 13,580 1,690 $0.0661",
        "write_file 1 1 229 ms 229 ms 229 ms",
    ] {
        assert!(words.iter().any(|found| found == line), "{line}: {text}");
    }
}

#[test]
fn check_is_content_with_a_whole_log() {
    let (code, text, _) = run(&["check", LOG]);
    assert_eq!(code, 0);
    assert!(text.ends_with("72 events, 3 sessions: the log is whole\n"), "{text}");
}

#[test]
fn check_names_the_line_of_each_finding() {
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
    assert!(starts(lines.len(), "not an agent event"), "{text}");
    assert!(text.lines().last().unwrap().ends_with(" findings"));
}

#[test]
fn errors_name_the_file_and_have_codes() {
    let (code, _, error) = run(&["stats", "no/such/file"]);
    assert_eq!(code, 3);
    assert!(error.starts_with("techrevati: no/such/file: "), "{error}");
    let (code, _, error) = run(&["report", LOG, "-o", "no/such/folder/x.html"]);
    assert_eq!(code, 3);
    assert!(error.contains("no/such/folder/x.html"), "{error}");
    for (arguments, word) in [
        (&[][..], "a command is missing"),
        (&["explain"], "unknown command `explain`"),
        (&["stats"], "`stats` needs the path of a log"),
        (&["tail", LOG, "--twice"], "`tail` does not know `--twice`"),
        (&["check", LOG, "more"], "`check` does not know `more`"),
        (&["report", LOG, "-o"], "`-o` needs a value"),
        (&["report", LOG, "--format", "pdf"], "`--format` cannot be `pdf`"),
        (&["report", LOG, "--max-spans", "-1"], "`--max-spans` cannot be `-1`"),
    ] {
        let (code, _, error) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(error.contains(word), "{arguments:?}: {error}");
    }
}

#[test]
fn help_names_every_command_and_exit_code() {
    let (code, text, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for word in ["report", "tail", "stats", "check", "NO_COLOR", "Exit codes: 0 done; 1 "] {
        assert!(text.contains(word), "{word}");
    }
    assert!(run(&["--version"]).1.starts_with("techrevati 0."));
}

#[test]
fn an_empty_log_is_no_error() {
    let file = TempFile::new("empty", "");
    assert!(Path::new(file.path()).exists());
    for command in ["report", "stats", "check"] {
        assert_eq!(run(&[command, file.path()]).0, 0, "{command}");
    }
}
