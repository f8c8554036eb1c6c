//! The steps of `ci`. Those that build share one set of flags, so that they share builds.

use std::fs;
use std::path::Path;

use super::{Note, Step};
use crate::Error;
use crate::counts::Counts;
use crate::dev;
use crate::manifest::Manifest;
use crate::run::Cmd;
use crate::workspace::{self, Crate};

/// How often `ci` tries each property: some minutes less than `cargo xtask proptest`.
const CASES: u32 = 2_000;

pub(super) const STEPS: &[Step] = &[
    Step { name: "format", run: format },
    Step { name: "tidy", run: tidy },
    Step { name: "clippy", run: clippy },
    Step { name: "tests", run: tests },
    Step { name: "doc-tests", run: doc_tests },
    Step { name: "docs", run: docs },
    Step { name: "features", run: features },
    Step { name: "properties", run: properties },
    Step { name: "benches", run: benches },
    Step { name: "main-job", run: main_job },
    Step { name: "package", run: package },
    Step { name: "deny", run: deny },
    Step { name: "machete", run: machete },
];

fn format(_: &mut Counts) -> Result<Note, Error> {
    passed(Cmd::cargo("fmt --all --check").run())
}

fn tidy(counts: &mut Counts) -> Result<Note, Error> {
    counted(counts, &locked("test --package xtask --no-fail-fast"))
}

fn clippy(_: &mut Counts) -> Result<Note, Error> {
    passed(locked("clippy --workspace --all-targets --all-features -- -D warnings").run())
}

fn tests(counts: &mut Counts) -> Result<Note, Error> {
    // The tests of xtask have run in the step `tidy`.
    let test = locked("test --workspace --exclude xtask --no-fail-fast");
    counted(counts, &test.args(dev::words(dev::TARGETS)))
}

fn doc_tests(counts: &mut Counts) -> Result<Note, Error> {
    counted(counts, &locked("test --workspace --all-features --doc --no-fail-fast"))
}

fn docs(_: &mut Counts) -> Result<Note, Error> {
    let doc = locked("doc --workspace --all-features --no-deps");
    passed(doc.env("RUSTDOCFLAGS", "-D warnings").run())
}

/// Builds each crate alone, so that none lives off what another one asked of a dependency.
fn features(_: &mut Counts) -> Result<Note, Error> {
    let mut builds = 0;
    for Crate { name, manifest } in workspace::crates()? {
        for flags in combinations(&manifest) {
            // Clippy is a check that can refuse warnings without building everything anew.
            let check = locked("clippy --package").arg(&name).args(flags);
            check.args(["--", "-D", "warnings"]).run()?;
            builds += 1;
        }
    }
    Ok(Note::Passed(format!("{builds} builds")))
}

fn properties(counts: &mut Counts) -> Result<Note, Error> {
    // They were counted as tests already; only a failure is news.
    let mut again = Counts::default();
    let result = dev::properties(CASES, "", &mut again);
    counts.failed += again.failed;
    Ok(Note::Passed(format!("{} properties, {CASES} cases each", result?)))
}

fn benches(_: &mut Counts) -> Result<Note, Error> {
    // As tests, in the profile of the tests: nothing is built that is not there yet.
    let bench = locked("test --workspace --exclude xtask --all-features --bench").arg("*");
    let mut ran = 0_u32;
    bench.args(["--", "--test"]).stream(|line| ran += u32::from(line == "Success"))?;
    if ran == 0 {
        return Err(Error::Failed("there is no benchmark to run".to_owned()));
    }
    Ok(Note::Passed(format!("{ran} benchmarks, once each")))
}

fn main_job(_: &mut Counts) -> Result<Note, Error> {
    let out = workspace::target_dir().join("xtask").join("main-job");
    // What an earlier run left must not pass for an answer.
    if out.exists() {
        let removed = fs::remove_dir_all(&out);
        removed.map_err(|error| Error::Failed(format!("{}: {error}", out.display())))?;
    }
    let mut said = String::new();
    dev::docs_agent(dev::QUESTION).arg("--out").arg(out.to_string_lossy()).stream(|line| {
        said.push_str(line);
        said.push('\n');
    })?;
    let answer = read(&out.join("answer.md"))?;
    let events = read(&out.join("run.jsonl"))?;
    judge(&said, &answer, &events).map_err(Error::Failed)?;
    Ok(Note::Passed(format!("answered; {} events", events.lines().count())))
}

fn package(_: &mut Counts) -> Result<Note, Error> {
    // Built they have been, in every step above: here their manifests are on trial.
    passed(locked("package --workspace --exclude xtask --no-verify --allow-dirty").run())
}

fn deny(_: &mut Counts) -> Result<Note, Error> {
    // Advisories change from day to day and need the network: they are not a check of this code.
    optional("deny", "check bans licenses sources")
}

fn machete(_: &mut Counts) -> Result<Note, Error> {
    optional("machete", "--with-metadata")
}

/// `cargo` with the dependencies that were committed, and no others.
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
        return Err(Error::Failed("there is no test to run".to_owned()));
    }
    Ok(Note::Passed(format!("{} tests", own.passed)))
}

fn optional(tool: &'static str, words: &'static str) -> Result<Note, Error> {
    if Cmd::cargo(tool).arg("--version").works() {
        passed(Cmd::cargo(tool).args(dev::words(words)).run())
    } else {
        Ok(Note::Skipped(format!("cargo-{tool} is not installed")))
    }
}

/// The features to build a crate with: none, all, and, where there are some, each alone.
fn combinations(manifest: &Manifest) -> Vec<Vec<String>> {
    let mut flags = vec![vec!["--no-default-features".to_owned()]];
    let features: Vec<_> = manifest.keys("features").collect();
    if features.contains(&"default") {
        flags.push(Vec::new());
    }
    for feature in features.into_iter().filter(|&feature| feature != "default") {
        flags.push(["--no-default-features", "--features", feature].map(str::to_owned).to_vec());
    }
    flags.push(vec!["--all-features".to_owned()]);
    flags
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::Failed(format!("{}: {error}", path.display())))
}

/// Looks whether the agents really answered: in words taken from a file they name.
fn judge(said: &str, answer: &str, events: &str) -> Result<(), String> {
    let quotation = answer.lines().any(|line| line.trim_start().starts_with('>'));
    if !quotation || !answer.contains(".md") {
        return Err("answer.md quotes no file".to_owned());
    }
    if !said.to_lowercase().contains("answer") {
        return Err("the answer was not shown".to_owned());
    }
    let completed = |line: &str| line.contains("\"agent.completed\"");
    if !events.lines().any(completed) {
        return Err("run.jsonl tells of no agent that completed".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_with_features_is_built_with_each_alone() {
        let manifest = Manifest::parse("[features]\ndefault = [\"a\"]\na = []\nb = []\n");
        let flags: Vec<_> = combinations(&manifest).iter().map(|flags| flags.join(" ")).collect();
        let expected = [
            "--no-default-features",
            "",
            "--no-default-features --features a",
            "--no-default-features --features b",
            "--all-features",
        ];
        assert_eq!(flags, expected);
        assert_eq!(combinations(&Manifest::default()).len(), 2);
    }

    #[test]
    fn an_answer_needs_a_quotation_a_file_and_an_agent_that_completed() {
        let (said, answer) = ("The answer: …", "> It waits.\n\n(architecture.md)\n");
        let events = "{\"event\":\"agent.completed\"}\n";
        assert_eq!(judge(said, answer, events), Ok(()));
        assert!(judge(said, "It waits.", events).unwrap_err().contains("answer.md"));
        assert!(judge("", answer, events).unwrap_err().contains("shown"));
        assert!(judge(said, answer, "{}").unwrap_err().contains("run.jsonl"));
    }

    #[test]
    fn the_committed_dependencies_are_asked_for_before_the_separator() {
        let shown = locked("clippy --workspace -- -D warnings").to_string();
        assert_eq!(shown, "cargo clippy --locked --workspace -- -D warnings");
    }
}
