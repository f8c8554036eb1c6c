//! Every form in which a log may come, and what is none.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::io::Write as _;
use std::process::Stdio;
use std::{env, fs, process};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::{LOG, TempFile, command, run};

/// The log of another run.
const GIVEN_UP: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime-orchestrator/tests/it/golden/given_up.jsonl");

/// A file of bytes that is removed after the test.
fn file(name: &str, bytes: &[u8]) -> TempFile {
    let file = TempFile::new(name, "");
    fs::write(file.path(), bytes).unwrap();
    file
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// The output of a command that gets this on its standard input.
fn fed(arguments: &[&str], input: &[u8]) -> (i32, String) {
    let mut child =
        command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn gzip_and_standard_input_are_read_like_the_file() {
    let text = fs::read(LOG).unwrap();
    let packed = file("packed.gz", &gzip(&text));
    for command in ["stats", "tail"] {
        let plain = if command == "tail" { &["tail", "--once", LOG][..] } else { &[command, LOG] };
        let expected = run(plain).1;
        assert_eq!(run(&[command, packed.path()]).1, expected, "{command}");
        assert_eq!(fed(&[command, "-"], &text), (0, expected.clone()), "{command}");
        assert_eq!(fed(&[command, "-"], &gzip(&text)), (0, expected), "{command}");
    }
    // Two runs, one after the other, as `cat` makes of two files.
    let twice = file("twice.gz", &[gzip(&text), gzip(&text)].concat());
    assert!(run(&["stats", twice.path()]).1.contains("events      140"));
}

#[cfg(unix)]
#[test]
fn pipe_with_a_name_is_read_like_standard_input() {
    let text = fs::read(LOG).unwrap();
    let expected = run(&["tail", "--once", LOG]).1;
    assert_eq!(fed(&["tail", "/dev/stdin"], &text), (0, expected.clone()));
    assert_eq!(fed(&["tail", "--once", "/dev/stdin"], &text), (0, expected));
}

#[test]
fn log_that_breaks_off_is_told_by_every_command() {
    let packed = gzip(&fs::read(LOG).unwrap());
    let broken = file("broken.gz", &packed[..packed.len() / 2]);
    let (code, text, _) = run(&["check", broken.path()]);
    assert_eq!(code, 1);
    assert!(text.contains(":29: cannot be read: incomplete"), "{text}");
    assert!(run(&["stats", broken.path()]).1.contains("1 line unreadable"));
    assert!(run(&["tail", broken.path()]).1.contains("cannot be read: "));
    assert!(run(&["report", broken.path()]).1.contains("1 unreadable"));
}

#[test]
fn no_command_writes_over_its_log() {
    let text = fs::read(LOG).unwrap();
    let log = file("itself", &text);
    for arguments in [
        &["report", log.path(), "-o", log.path()][..],
        &["report", log.path(), "--format=otlp", "-o", log.path()],
        &["cassette", log.path(), "-o", log.path()],
    ] {
        let (code, _, error) = run(arguments);
        assert_eq!(code, 3, "{arguments:?}");
        assert!(
            error.contains(log.path()) && error.contains("it is the file that is read"),
            "{error}"
        );
        assert_eq!(fs::read(log.path()).unwrap(), text);
    }
}

#[test]
fn reader_that_has_gone_away_still_learns_the_result() {
    let text = fs::read(LOG).unwrap();
    let broken = file("gone-away", &[&text[..], b"nonsense\n"].concat());
    for (arguments, expected) in [
        (&["check", broken.path()][..], 1),
        (&["check", "--json", broken.path()], 1),
        (&["check", LOG], 0),
        (&["diff", LOG, LOG], 0),
        (&["diff", LOG, GIVEN_UP], 1),
        (&["stats", broken.path()], 0),
    ] {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{arguments:?}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn damaged_database_is_not_whole() {
    let path = env::temp_dir().join(format!("techrevati-damaged-{}.sqlite", process::id()));
    let log = std::io::BufReader::new(fs::File::open(LOG).unwrap());
    runtime_sqlite::SqliteSink::open(&path).unwrap().import(log).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let damaged = bytes.len() / 2;
    bytes[damaged..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let (code, text, error) = run(&["check", path.to_str().unwrap()]);
    assert_ne!(code, 0, "{text}");
    assert!((text + &error).contains("malformed"));
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", path.display()));
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn database_of_the_sqlite_sink_is_read_like_its_log() {
    let path = env::temp_dir().join(format!("techrevati-db-{}.sqlite", process::id()));
    let log = std::io::BufReader::new(fs::File::open(LOG).unwrap());
    runtime_sqlite::SqliteSink::open(&path).unwrap().import(log).unwrap();
    let (code, text, _) = run(&["check", path.to_str().unwrap()]);
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("70 events, 3 sessions: no problems\n"), "{text}");
    let cost = |text: &str| text.lines().find(|line| line.starts_with("cost")).unwrap().to_owned();
    assert_eq!(cost(&run(&["stats", path.to_str().unwrap()]).1), cost(&run(&["stats", LOG]).1));
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", path.display()));
    }

    let foreign = file("foreign.sqlite", b"SQLite format 3\0 and no database");
    let (code, _, error) = run(&["check", foreign.path()]);
    assert_eq!(code, 3, "{error}");
    assert!(error.contains(foreign.path()), "{error}");
}

#[test]
fn byte_order_mark_is_skipped() {
    let marked = file("bom", &[&b"\xef\xbb\xbf"[..], &fs::read(LOG).unwrap()].concat());
    assert_eq!(run(&["check", marked.path()]).0, 0);
}

#[test]
fn another_file_is_named_for_what_it_is() {
    for (name, bytes, what) in [
        ("png", &b"\x89PNG\r\n\x1a\n"[..], "a PNG image"),
        ("html", b" <!DOCTYPE html><p>", "an HTML page"),
        ("zst", b"\x28\xb5\x2f\xfd\0", "compressed by zstd"),
        ("utf16", b"\xff\xfe{\0", "UTF-16"),
        ("binary", b"ab\0cd", "not text"),
        ("csv", b"a,b\n1,2\n", "no line is an event; line 1"),
        ("json", b"{\"resourceSpans\":[]}\n", "no line is an event; line 1"),
    ] {
        let other = file(name, bytes);
        for command in ["check", "stats", "report"] {
            let (code, output, error) = run(&[command, other.path()]);
            assert_eq!((code, &*output), (3, ""), "{name}: {error}");
            assert!(error.contains(what) && error.contains(other.path()), "{name}: {error}");
        }
    }
}

#[test]
fn nothing_is_not_whole() {
    let empty = file("nothing", b"");
    let (code, text, _) = run(&["check", empty.path()]);
    assert_eq!(
        (code, &*text),
        (1, &*format!("{}: 0 events, 0 sessions: nothing to check\n", empty.path()))
    );
    assert!(run(&["stats", empty.path()]).1.contains("log         empty"));

    let folder = env::temp_dir().join(format!("techrevati-none-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("notes.txt"), "no log").unwrap();
    let (code, _, error) = run(&["check", folder.to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(error.contains("no log files"), "{error}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn json_has_the_numbers_and_the_problems() {
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let stats = parse(&run(&["stats", LOG, "--json"]).1);
    assert_eq!((&stats["events"], &stats["cost_usd"]), (&70.into(), &0.079_99.into()));
    assert_eq!(stats["models"][0]["p50_seconds"].as_f64().map(|it| it > 0.0), Some(true));
    let whole = parse(&run(&["check", LOG, "--json"]).1);
    assert_eq!((&whole["whole"], &whole["problems"]), (&true.into(), &serde_json::json!([])));

    let broken = file("broken-json", &[&fs::read(LOG).unwrap()[..], b"nonsense\n"].concat());
    let (code, text, _) = run(&["check", broken.path(), "--json"]);
    let found = parse(&text);
    assert_eq!((code, &found["whole"]), (1, &false.into()));
    assert_eq!(found["problems"][0]["line"], 71);
}
