//! The steps of `ci`. They share one set of flags, and so their builds.

use std::fs;
use std::process::Command;

use super::{Note, Step};
use crate::Error;
use crate::counts::Counts;
use crate::dev;
use crate::files;
use crate::instructions;
use crate::manifest::Manifest;
use crate::packages;
use crate::run::Cmd;
use crate::system;
use crate::workspace::{self, Crate};

pub(super) const STEPS: &[Step] = &[
    Step { name: "format", run: format },
    Step { name: "tidy", run: tidy },
    Step { name: "clippy", run: clippy },
    Step { name: "servers", run: servers },
    Step { name: "tests", run: tests },
    Step { name: "doc-tests", run: doc_tests },
    Step { name: "docs", run: docs },
    Step { name: "features", run: features },
    Step { name: "properties", run: properties },
    Step { name: "loom", run: loom },
    Step { name: "simulate", run: simulate },
    Step { name: "benches", run: benches },
    Step { name: "main-job", run: main_job },
    Step { name: "instructions", run: instructions },
    Step { name: "packages", run: packages },
    Step { name: "package", run: package },
    Step { name: "deny", run: deny },
    Step { name: "machete", run: machete },
    Step { name: "semver", run: semver },
];

fn format(_: &mut Counts) -> Result<Note, Error> {
    Cmd::cargo("fmt --all --check").run()?;
    // Workspaces of their own. Other checks would download their dependencies.
    for apart in [
        "crates/runtime-durable/examples/restate",
        "xtask/durable-peers",
        "xtask/fuzz",
        "xtask/peers",
        "xtask/viewers",
    ] {
        Cmd::cargo("fmt --check --manifest-path").arg(format!("{apart}/Cargo.toml")).run()?;
    }
    Ok(Note::Passed(String::new()))
}

fn tidy(counts: &mut Counts) -> Result<Note, Error> {
    counted(counts, &locked("test --package xtask --no-fail-fast"))
}

fn clippy(_: &mut Counts) -> Result<Note, Error> {
    passed(locked("clippy --workspace --all-targets --all-features -- -D warnings").run())
}

/// Finds or installs the servers that tests start.
#[expect(clippy::unnecessary_wraps, reason = "it has the type of a step")]
fn servers(_: &mut Counts) -> Result<Note, Error> {
    let missing = system::missing();
    if missing.is_empty() {
        return Ok(Note::Passed(String::new()));
    }
    Ok(Note::Skipped(format!("there is no {} here, so their tests skip", missing.join(" and no "))))
}

/// More tests at once than a small machine has processors: many wait for a server or a process of theirs.
const THREADS: &str = "6";

fn tests(counts: &mut Counts) -> Result<Note, Error> {
    // The step `tidy` has run the tests of xtask.
    let test =
        locked("test --workspace --exclude xtask --no-fail-fast").env("RUST_TEST_THREADS", THREADS);
    counted(counts, &test.args(dev::words(dev::TARGETS)))
}

fn doc_tests(counts: &mut Counts) -> Result<Note, Error> {
    counted(counts, &locked("test --workspace --all-features --doc --no-fail-fast"))
}

fn docs(_: &mut Counts) -> Result<Note, Error> {
    let doc = locked("doc --workspace --all-features --no-deps");
    passed(doc.env("RUSTDOCFLAGS", "-D warnings").run())
}

/// Crates on clients of databases and protocols, or on most of ours: built alone they take longer than all others
/// together.
const SLOW: [&str; 6] = [
    "runtime-durable",
    "runtime-mcp",
    "runtime-postgres",
    "runtime-redis",
    "runtime-tools",
    "techrevati-cli",
];

/// Builds each crate alone, but for the [slow](SLOW) ones: it must not need features that another crate enables.
/// `world features` builds all, with each of their own features alone.
fn features(_: &mut Counts) -> Result<Note, Error> {
    let builds = crates_apart(false)?;
    Ok(Note::Passed(format!("{builds} builds")))
}

/// Builds crates alone, and if asked each, with each of its features alone and with all. Returns the number of builds.
pub(crate) fn crates_apart(each: bool) -> Result<usize, Error> {
    let mut builds = 0;
    let crates = workspace::crates()?.into_iter();
    for Crate { name, manifest } in crates.filter(|it| each || !SLOW.contains(&it.name.as_str())) {
        builds += build_apart(&name, combinations(&manifest, each))?;
    }
    Ok(builds)
}

/// Builds a crate with each of these flags. Returns their number.
fn build_apart(name: &str, flags: Vec<Vec<String>>) -> Result<usize, Error> {
    let builds = flags.len();
    for flags in flags {
        // Clippy refuses warnings without a new build of the dependencies.
        let check = locked("clippy --package").arg(name).args(flags);
        check.args(["--", "-D", "warnings"]).run()?;
    }
    Ok(builds)
}

fn properties(counts: &mut Counts) -> Result<Note, Error> {
    // The step `tests` has counted these tests, so only failures are added.
    let mut again = Counts::default();
    // A part of what `cargo xtask properties` draws, so that `ci` stays within its time.
    let cases = dev::CASES / 20;
    let result = dev::properties(&locked(dev::PROPERTY_TESTS), cases, "", &mut again);
    counts.failed += again.failed;
    Ok(Note::Passed(format!(
        "{} properties, {} cases each, slow ones {}",
        result?,
        cases,
        cases / dev::SLOWER
    )))
}

fn loom(counts: &mut Counts) -> Result<Note, Error> {
    let models = dev::under_loom(locked(dev::LOOM)).args(["--", dev::LOOM_TESTS]);
    counted(counts, &models)
}

/// Some thousand seeds. `cargo xtask simulate --mutants` shows that they find something.
///
/// With the packages and features of the step `tests`, so that builds are shared.
fn simulate(counts: &mut Counts) -> Result<Note, Error> {
    let test = "test --workspace --exclude xtask --all-features --test seeds -- --ignored";
    counted(counts, &locked(test))
}

fn benches(_: &mut Counts) -> Result<Note, Error> {
    // As tests, with the profile of the tests, so that the builds are shared.
    let bench = locked("test --workspace --exclude xtask --all-features --bench").arg("*");
    let mut ran = 0_u32;
    bench.args(["--", "--test"]).stream(|line| ran += u32::from(line == "Success"))?;
    if ran == 0 {
        return Err(Error::Failed("no benchmarks were run".to_owned()));
    }
    Ok(Note::Passed(format!("{ran} benchmarks, once each")))
}

fn main_job(_: &mut Counts) -> Result<Note, Error> {
    let out = workspace::target_dir().join("xtask").join("main-job");
    // So that the answer of an earlier run is not judged.
    if out.exists() {
        let removed = fs::remove_dir_all(&out);
        removed.map_err(|error| files::unreadable(&out, &error))?;
    }
    let mut said = String::new();
    // With the profile of the tests, whose builds it shares: optimising the HTTP client takes minutes.
    let job = locked("run --example docs_agent --").args(["docs", dev::QUESTION]);
    job.arg("--out").arg(out.to_string_lossy()).stream(|line| {
        said.push_str(line);
        said.push('\n');
    })?;
    let answer = files::read(&out.join("answer.md"))?;
    let events = files::read(&out.join("run.jsonl"))?;
    let mut documents = String::new();
    for path in files::below(&workspace::root().join("docs"), &[])? {
        if path.extension().is_some_and(|extension| extension == "md") {
            documents += &files::read(&path)?;
        }
    }
    let run = Run { said: &said, answer: &answer, events: &events };
    let quotations = judge(run, &documents).map_err(Error::Failed)?;
    let events = events.lines().count();
    Ok(Note::Passed(format!("{quotations} lines quoted, {events} events")))
}

fn instructions(_: &mut Counts) -> Result<Note, Error> {
    if let Some(why) = instructions::unable() {
        return Ok(Note::Skipped(why));
    }
    println!("{}", instructions::check()?);
    Ok(Note::Passed("none has grown".to_owned()))
}

fn packages(_: &mut Counts) -> Result<Note, Error> {
    println!("{}", packages::check()?);
    Ok(Note::Passed("no feature needs more".to_owned()))
}

/// The largest size of an archive, in bytes: a tenth of the limit of the registry.
const LARGEST: u64 = 1 << 20;

fn package(_: &mut Counts) -> Result<Note, Error> {
    // The steps before have built the crates. This one checks the contents of the archives.
    // What it needs was downloaded for them, and the index is asked for long.
    let mut archives = locked("package --no-verify --allow-dirty --offline");
    for Crate { name, .. } in workspace::crates()? {
        archives = archives.args(["--package".to_owned(), name]);
    }
    archives.run()?;
    let mut largest = 0;
    for Crate { name, .. } in workspace::crates()? {
        let listed = locked("package --list --allow-dirty --package").arg(&name).read()?;
        let absent = |file: &&str| !listed.lines().any(|listed| listed == *file);
        if let Some(file) = ["LICENSE", "README.md"].into_iter().find(absent) {
            return Err(Error::Failed(format!("the archive of {name} has no {file}")));
        }
        let archive = format!("package/{name}-{}.crate", env!("CARGO_PKG_VERSION"));
        let archive = workspace::target_dir().join(archive);
        let metadata = fs::metadata(&archive).map_err(|error| files::unreadable(&archive, &error));
        let bytes = metadata?.len();
        if bytes > LARGEST {
            let why = format!("the archive of {name} has {bytes} bytes; {LARGEST} are allowed");
            return Err(Error::Failed(why));
        }
        largest = largest.max(bytes);
    }
    Ok(Note::Passed(format!("the largest has {} KiB", largest >> 10)))
}

fn deny(_: &mut Counts) -> Result<Note, Error> {
    // Without advisories: they change daily and need the network.
    optional("deny", "check bans licenses sources")
}

fn machete(_: &mut Counts) -> Result<Note, Error> {
    // Only these folders: the dependencies of workspaces apart would be downloaded.
    optional("machete", "--with-metadata crates examples/agent_service examples/guides")
}

fn semver(_: &mut Counts) -> Result<Note, Error> {
    let Some(tag) = last_release() else {
        return Ok(Note::Skipped("no release is tagged yet".to_owned()));
    };
    if !Cmd::cargo("semver-checks --version").works() {
        return optional("semver-checks", "");
    }
    let checks = Cmd::cargo("semver-checks --workspace --exclude xtask --exclude agent_service --exclude guides --baseline-rev").arg(tag);
    passed(checks.run())
}

/// `cargo` with `--locked`: with the committed versions of dependencies.
fn locked(words: &'static str) -> Cmd {
    let mut words = words.splitn(2, ' ');
    let (verb, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let cmd = Cmd::cargo(verb);
    let cmd =
        if workspace::root().join("Cargo.lock").is_file() { cmd.arg("--locked") } else { cmd };
    cmd.args(dev::words(rest))
}

fn passed(result: Result<(), Error>) -> Result<Note, Error> {
    result.map(|()| Note::Passed(String::new()))
}

fn counted(counts: &mut Counts, tests: &Cmd) -> Result<Note, Error> {
    let mut own = Counts::default();
    let result = tests.count(&mut own);
    *counts += own;
    result?;
    if own.total() == 0 {
        return Err(Error::Failed("no tests were run".to_owned()));
    }
    Ok(Note::Passed(format!("{} tests", own.passed)))
}

fn optional(tool: &'static str, words: &'static str) -> Result<Note, Error> {
    if Cmd::cargo(tool).arg("--version").works() {
        passed(Cmd::cargo(tool).args(dev::words(words)).run())
    } else {
        Ok(Note::Skipped(format!("cargo-{tool} is not installed; `cargo xtask tools` installs it")))
    }
}

/// The newest tag of a release.
fn last_release() -> Option<String> {
    let mut git = Command::new("git");
    let described = git
        .args(["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"])
        .current_dir(workspace::root())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&described.stdout).trim().to_owned())
}

/// The flags to build a crate with: no features, the default; each feature alone and all, if asked.
fn combinations(manifest: &Manifest, each: bool) -> Vec<Vec<String>> {
    let mut flags = vec![vec!["--no-default-features".to_owned()]];
    let features: Vec<_> = manifest.keys("features").collect();
    if features.contains(&"default") {
        flags.push(Vec::new());
    }
    for feature in features.into_iter().filter(|&feature| each && feature != "default") {
        flags.push(["--no-default-features", "--features", feature].map(str::to_owned).to_vec());
    }
    if each {
        flags.push(vec!["--all-features".to_owned()]);
    }
    flags
}

/// The output of the main job.
#[derive(Clone, Copy)]
struct Run<'a> {
    said: &'a str,
    answer: &'a str,
    events: &'a str,
}

/// The shortest length of a quotation.
const QUOTATION: usize = 20;

/// Whether the agents answered with quotations from the documents. Returns the number of quotations.
fn judge(run: Run<'_>, documents: &str) -> Result<usize, String> {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (documents, said) = (one_line(documents), one_line(run.said));
    let quoted = run.answer.lines().filter_map(|line| line.strip_prefix("> ")).map(one_line);
    let quoted: Vec<_> = quoted
        .filter(|quotation| quotation.len() >= QUOTATION && documents.contains(quotation))
        .collect();
    if quoted.is_empty() {
        return Err("answer.md quotes no line of the documents".to_owned());
    }
    if !quoted.iter().all(|quotation| said.contains(quotation)) {
        return Err("the answer is not in the output".to_owned());
    }
    if !run.events.lines().any(|line| line.contains("\"agent.completed\"")) {
        return Err("run.jsonl has no `agent.completed` event".to_owned());
    }
    Ok(quoted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_of_a_crate_is_built_alone() {
        let manifest = Manifest::parse("[features]\ndefault = [\"a\"]\na = []\nb = []\n");
        let flags: Vec<_> =
            combinations(&manifest, true).iter().map(|flags| flags.join(" ")).collect();
        let expected = [
            "--no-default-features",
            "",
            "--no-default-features --features a",
            "--no-default-features --features b",
            "--all-features",
        ];
        assert_eq!(flags, expected);
        assert_eq!(combinations(&Manifest::default(), true).len(), 2);
    }

    #[test]
    fn an_answer_quotes_documents_and_is_printed() {
        let documents = "After the timeout\nit lets a probe through.";
        let answer = "From `a.md`:\n\n> After the timeout it lets a probe through.\n";
        let events = "{\"event\":\"agent.completed\"}\n";
        let run = Run { said: answer, answer, events };
        assert_eq!(judge(run, documents), Ok(1));
        assert!(judge(run, "Something else.").unwrap_err().contains("answer.md"));
        assert!(judge(Run { answer: "It waits.", ..run }, documents).is_err());
        assert!(judge(Run { said: "", ..run }, documents).unwrap_err().contains("output"));
        assert!(judge(Run { events: "{}", ..run }, documents).unwrap_err().contains("run.jsonl"));
    }

    #[test]
    fn locked_comes_before_the_separator() {
        let shown = locked("clippy --workspace -- -D warnings").to_string();
        assert_eq!(shown, "cargo clippy --locked --workspace -- -D warnings");
    }
}
