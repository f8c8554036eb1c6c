//! Checks of the checks: a fuzzer, mutants and coverage. Each takes long, and each needs a tool from the registry.

use std::path::Path;

use super::text;
use crate::Error;
use crate::files;
use crate::run::Cmd;
use crate::tools;
use crate::workspace;

/// Every reader, fed by a fuzzer that follows coverage: `FUZZ_SECONDS` each, 600 unless told, or `FUZZ_TARGET` alone.
///
/// What it finds is named, with the command that repeats it; it becomes a test.
pub(super) fn fuzz(home: &Path) -> Result<(), Error> {
    if !tools::installed("cargo-fuzz") {
        return Ok(());
    }
    let folder = workspace::root().join("xtask/fuzz");
    let names = files::below(&folder.join("src"), &[])?;
    let names = names.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    let only = std::env::var("FUZZ_TARGET").ok();
    let seconds = std::env::var("FUZZ_SECONDS").unwrap_or_else(|_| "600".to_owned());
    for name in names.filter(|name| only.as_ref().is_none_or(|only| only == name)) {
        // What is found new is kept beside the builds; the fixtures of the tests are read as well.
        let found = home.join("corpus").join(&name);
        std::fs::create_dir_all(&found)
            .map_err(|error| Error::Failed(format!("{}: {error}", found.display())))?;
        let fuzz = Cmd::cargo("fuzz run -O --debug-assertions --fuzz-dir").arg(text(&folder));
        let fuzz = fuzz.arg(&name).arg(text(&found)).args(corpora(&name));
        let limits = [format!("-max_total_time={seconds}"), "-rss_limit_mb=4096".to_owned()];
        let fuzz = fuzz.arg("--").args(limits).args(["-timeout=20", "-max_len=16384"]);
        // The coverage that a fuzzer follows is not stable, so the compiler has to be told that it is meant.
        let fuzz = fuzz.env("RUSTC_BOOTSTRAP", "1");
        fuzz.env("CARGO_TARGET_DIR", text(&home.join("target"))).run()?;
    }
    Ok(())
}

/// The inputs that a target begins with.
fn corpora(target: &str) -> Vec<String> {
    let fixtures: &[&str] = match target {
        "event" | "log" => &["crates/runtime-orchestrator/tests/it/golden"],
        "prices" => &["crates/runtime-usage/tests/data"],
        "usage" => &["crates/runtime-usage/tests/data/usage"],
        _ => &[],
    };
    let own = format!("xtask/fuzz/corpus/{target}");
    let all = fixtures.iter().copied().chain([&*own]).map(|path| workspace::root().join(path));
    all.filter(|path| path.exists()).map(|path| text(&path)).collect()
}

/// Changes of the code that no test notices, in what has changed since the last tag, or since the commit that
/// `MUTANTS_SINCE` names.
pub(super) fn mutants(home: &Path) -> Result<(), Error> {
    if !tools::installed("cargo-mutants") {
        return Ok(());
    }
    let tag = || Cmd::program("git").args(["describe", "--tags", "--abbrev=0"]).read().ok();
    let Some(since) = std::env::var("MUTANTS_SINCE").ok().or_else(tag) else {
        println!("skipped: there is no tag, and MUTANTS_SINCE names no commit");
        return Ok(());
    };
    let difference = Cmd::program("git").args(["diff", since.trim(), "--", "crates"]).read()?;
    let file = home.join("since.diff");
    std::fs::write(&file, difference)
        .map_err(|error| Error::Failed(format!("{}: {error}", file.display())))?;
    let run = Cmd::cargo("mutants --all-features --in-diff").arg(text(&file));
    run.args(["--output", &text(home)]).run()
}

/// The lines and branches of each crate that its tests run.
pub(super) fn coverage(home: &Path) -> Result<(), Error> {
    if !tools::installed("cargo-llvm-cov") {
        return Ok(());
    }
    let run =
        Cmd::cargo("llvm-cov --workspace --exclude xtask --all-features --lib --bins --tests");
    let run = run.args(["--summary-only", "--json", "--output-path"]);
    run.arg(text(&home.join("coverage.json"))).run()
}
