//! Rules about the project that neither the compiler nor a lint checks, as tests.
//!
//! A rule is a function from a text to [`Problem`]s. One test applies it to the project, and another shows
//! that it can fail.

mod documents;
mod error_texts;
mod guarantees;
mod guide;
mod layers;
mod links;
mod manifests;
mod msrv;
mod payload_keys;
mod rooms;
mod sources;

use std::fmt::Write as _;
use std::path::{MAIN_SEPARATOR, Path};
use std::process::Command;
use std::sync::LazyLock;
use std::{fmt, fs};

use crate::files;
use crate::manifest::Manifest;
use crate::workspace::{self, Crate};

/// The project as a whole, read once.
struct Project {
    manifest: Manifest,
    crates: Vec<Crate>,
    /// Every text file of the project.
    files: Vec<File>,
}

/// A text file, with its path from the root.
struct File {
    path: String,
    text: String,
}

/// A violation of a rule, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    line: usize,
    what: String,
}

static PROJECT: LazyLock<Project> = LazyLock::new(|| {
    let mut files = Vec::new();
    for path in file_names() {
        // Files that are not text, or are deleted and not committed, are skipped.
        if let Ok(text) = fs::read_to_string(workspace::root().join(&path)) {
            files.push(File { path, text });
        }
    }
    let crates = workspace::crates().expect("the manifests are readable");
    let mut project = Project { manifest: Manifest::default(), crates, files };
    project.manifest = Manifest::parse(project.text("Cargo.toml"));
    project
});

impl Project {
    /// The text of a file, empty if there is none.
    fn text(&self, path: &str) -> &str {
        self.files.iter().find(|file| file.path == path).map_or("", |file| &file.text)
    }

    /// The violations of a rule in the files whose paths are chosen.
    fn problems(
        &self,
        chosen: impl Fn(&str) -> bool,
        rule: impl Fn(&str) -> Vec<Problem>,
    ) -> Vec<String> {
        let files = self.files.iter().filter(|file| chosen(&file.path));
        let found = files.flat_map(|file| {
            rule(&file.text).into_iter().map(|problem| format!("{}:{problem}", file.path))
        });
        found.collect()
    }
}

impl Problem {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// Fails with a list of problems, if there are any.
#[track_caller]
fn assert_none(problems: &[String]) {
    let mut list = String::new();
    for problem in problems {
        let _ = write!(list, "\n  {problem}");
    }
    assert!(problems.is_empty(), "{} problems:{list}\n", problems.len());
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// The files that git tracks or would add; without git, the files of the folder.
fn file_names() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace::root())
        .output();
    let mut names = match listed {
        Ok(output) if output.status.success() => {
            let listed = String::from_utf8_lossy(&output.stdout);
            listed.split_terminator('\0').map(str::to_owned).collect()
        }
        _ => walk(&workspace::root()),
    };
    names.sort();
    names.dedup();
    names
}

fn walk(root: &Path) -> Vec<String> {
    let paths = files::below(
        root,
        &["target", ".git", "xtask/fuzz/target", "xtask/peers/target", "xtask/viewers/target"],
    )
    .expect("the project is readable");
    let names = paths.iter().filter_map(|path| path.strip_prefix(root).ok());
    names.map(|name| name.to_string_lossy().replace(MAIN_SEPARATOR, "/")).collect()
}

#[test]
fn the_project_is_seen_whole() {
    let paths: Vec<_> = PROJECT.files.iter().map(|file| file.path.as_str()).collect();
    for path in ["Cargo.toml", "CHANGELOG.md", "xtask/src/main.rs", ".ci/run"] {
        assert!(paths.contains(&path), "{path} was not read");
    }
    assert!(PROJECT.crates.len() >= 8, "some crates were not read");
}

#[test]
fn a_walk_finds_what_git_lists() {
    let walked = walk(&workspace::root());
    for file in &PROJECT.files {
        assert!(walked.contains(&file.path), "{} was not found", file.path);
    }
}
