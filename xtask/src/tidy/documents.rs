//! Rules about the contents of documents.

use super::{PROJECT, assert_none};
use crate::workspace::{COMMAND, FACADE};
use crate::{dev, readmes};

#[test]
fn the_current_version_has_one_heading_in_the_changelog() {
    let version = PROJECT.manifest.get("workspace.package", "version").expect("there is one");
    let headings = headings_of(PROJECT.text("CHANGELOG.md"), version);
    assert_eq!(headings, 1, "CHANGELOG.md has {headings} headings for {version}");
}

#[test]
fn every_crate_is_on_the_map_and_in_the_readme() {
    let mut problems = Vec::new();
    for path in ["README.md", "docs/architecture.md"] {
        let text = PROJECT.text(path);
        let missing = PROJECT.crates.iter().filter(|member| !names(text, &member.name));
        problems.extend(missing.map(|member| format!("{path} does not name {}", member.name)));
    }
    assert_none(&problems);
}

#[test]
fn every_crate_has_the_licence_and_its_own_readme() {
    let mut problems = Vec::new();
    for member in &PROJECT.crates {
        let text = |file: &str| PROJECT.text(&format!("crates/{}/{file}", member.name));
        if text("LICENSE") != PROJECT.text("LICENSE") {
            problems.push(format!("crates/{}/LICENSE is not a copy of LICENSE", member.name));
        }
        let readme = text("README.md");
        let about_itself = match member.name.as_str() {
            FACADE => readme == readmes::of_the_facade(PROJECT.text("README.md")),
            COMMAND => {
                member.manifest.get("package", "description").is_some_and(|it| readme.contains(it))
            }
            name => readme == readmes::of_a_library(name, text("src/lib.rs")),
        };
        if !about_itself {
            let mend = "run `cargo xtask readmes`";
            problems.push(format!("crates/{}/README.md is outdated: {mend}", member.name));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_feature_of_the_facade_is_in_its_documents() {
    let facade =
        PROJECT.crates.iter().find(|member| member.name == FACADE).expect("it is a member");
    let mut problems = Vec::new();
    for path in ["README.md", "crates/techrevati-runtime/src/lib.rs"] {
        let text = PROJECT.text(path);
        let features = facade.manifest.keys("features").filter(|feature| *feature != "default");
        let missing = features.filter(|feature| !text.contains(&format!("`{feature}`")));
        problems.extend(missing.map(|feature| format!("{path} does not name feature `{feature}`")));
    }
    assert_none(&problems);
}

#[test]
fn the_readme_states_the_oldest_rust() {
    let stated = PROJECT.manifest.get("workspace.package", "rust-version").expect("there is one");
    let sentence = format!("Rust {stated} or later");
    assert!(PROJECT.text("README.md").contains(&sentence), "README.md does not say `{sentence}`");
}

#[test]
fn the_readme_names_the_first_commands() {
    let readme = PROJECT.text("README.md");
    let job = format!("cargo {} docs \"{}\"", dev::DOCS_AGENT, dev::QUESTION);
    let page = format!("cargo run -p {COMMAND} -- report run.jsonl");
    let commands = ["cargo xtask ci", &job, &page];
    let missing = commands.iter().filter(|&command| !readme.contains(command));
    let problems = missing.map(|command| format!("README.md does not name `{command}`"));
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn the_ci_file_runs_what_a_laptop_runs() {
    let runs = PROJECT.text(".ci/run");
    assert!(runs.contains("cargo xtask ci"), ".ci/run does not call `cargo xtask ci`");
}

#[test]
fn a_heading_counts_for_its_own_version_only() {
    let text = "# Changelog\n## [0.1.0] - unreleased\n### 0.1.0\n## [0.1.0-rc.1]\n## 0.1.01\n";
    assert_eq!(headings_of(text, "0.1.0"), 1);
    assert_eq!(headings_of("## 0.1.0\n## [0.1.0]\n", "0.1.0"), 2);
}

#[test]
fn a_crate_is_not_named_by_a_longer_name() {
    assert!(names("| `runtime-events` | what |", "runtime-events"));
    assert!(!names("runtime-events-extra, my-runtime-events", "runtime-events"));
}

fn headings_of(changelog: &str, version: &str) -> usize {
    let headings = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let versions = headings.filter_map(|heading| heading.split_whitespace().next());
    versions.filter(|found| found.trim_matches(['[', ']']) == version).count()
}

fn names(text: &str, name: &str) -> bool {
    let mut words = text.split(|char: char| !char.is_alphanumeric() && char != '-' && char != '_');
    words.any(|word| word == name)
}
