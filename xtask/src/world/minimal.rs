//! The oldest versions that the crates say they work with.

use std::fs;
use std::path::Path;

use super::text;
use crate::Error;
use crate::files;
use crate::run::Cmd;

/// Checks the published crates with the oldest version of each of their dependencies, in a copy.
///
/// Users do not build the tests and the examples, and what these need would hide what the crates need. So the copy
/// is without both.
pub(super) fn minimal(home: &Path) -> Result<(), Error> {
    let copy = home.join("copy");
    if copy.exists() {
        fs::remove_dir_all(&copy).map_err(|error| files::unreadable(&copy, &error))?;
    }
    let prefix = format!("--prefix={}/", text(&copy));
    Cmd::program("git").args(["checkout-index", "--all", &prefix]).run()?;
    let manifest = copy.join("Cargo.toml");
    rewrite(&manifest, crates_alone)?;
    for path in files::below(&copy.join("crates"), &[])? {
        if path.file_name().is_some_and(|name| name == "Cargo.toml") {
            rewrite(&path, without_tests)?;
        }
    }
    let manifest = text(&manifest);
    // The flag is not stable, so the compiler has to be told that it is meant.
    let lowest = Cmd::cargo("generate-lockfile -Z direct-minimal-versions --manifest-path");
    lowest.arg(&*manifest).env("RUSTC_BOOTSTRAP", "1").run()?;
    let check = Cmd::cargo("check --workspace --all-features --locked --manifest-path");
    check.arg(&*manifest).env("CARGO_TARGET_DIR", text(&home.join("target"))).run()
}

fn rewrite(path: &Path, change: fn(&str) -> String) -> Result<(), Error> {
    let changed = change(&files::read(path)?);
    fs::write(path, changed).map_err(|error| files::unreadable(path, &error))
}

/// A manifest of the workspace with no other members than the crates.
fn crates_alone(manifest: &str) -> String {
    let line = |line: &str| match line.starts_with("members = ") {
        true => "members = [\"crates/*\"]\n".to_owned(),
        false => format!("{line}\n"),
    };
    manifest.lines().map(line).collect()
}

/// A manifest without the dependencies of tests.
fn without_tests(manifest: &str) -> String {
    let mut of_tests = false;
    let mut kept = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            of_tests = line.contains("dev-dependencies");
        }
        if !of_tests {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_the_crates_without_their_tests() {
        assert_eq!(
            crates_alone("members = [\"crates/*\", \"xtask\"]\na = 1\n"),
            "members = [\"crates/*\"]\na = 1\n"
        );
        let manifest = "[dependencies]\na = \"1\"\n[target.'cfg(x)'.dev-dependencies]\nb = \"1\"\n[dev-dependencies.c]\nversion = \"1\"\n[lib]\nbench = false\n";
        assert_eq!(without_tests(manifest), "[dependencies]\na = \"1\"\n[lib]\nbench = false\n");
    }
}
