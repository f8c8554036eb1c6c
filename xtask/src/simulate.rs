//! `cargo xtask simulate`: the library itself in a simulation, with many seeds; and with mistakes put in on purpose,
//! each of which must be found.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::files;
use crate::run::Cmd;
use crate::table;
use crate::workspace;

/// What the package and its mistakes are in.
const PACKAGE: &str = "xtask/simulate";

/// `cargo xtask simulate [--release] [--seeds N] [--from SEED] [--case CASE] [--kind KIND]`, or
/// `cargo xtask simulate --mutants [NAME…]`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    if let Some((flag, names)) = rest.split_first()
        && flag == "--mutants"
    {
        return mutants(names);
    }
    let release = rest.iter().any(|flag| flag == "--release");
    let run = if release { "run --quiet --release" } else { "run --quiet" };
    let rest = rest.iter().filter(|flag| *flag != "--release").map(String::as_str);
    Cmd::cargo(run).args(["--package", "simulate", "--"]).args(rest).run()
}

/// A mistake: a patch, and the seeds within which it must be found.
struct Mutant {
    name: String,
    patch: PathBuf,
    bound: u64,
}

/// Puts each mistake into a copy of the workspace, and looks for a seed that finds it.
fn mutants(names: &[String]) -> Result<(), Error> {
    let home = workspace::target_dir().join("mutants");
    let copy = home.join("workspace");
    copied(&copy)?;
    let simulate = |seeds: u64| {
        let manifest = copy.join("Cargo.toml").to_string_lossy().into_owned();
        let built = Cmd::cargo("build --quiet --package simulate --manifest-path")
            .arg(manifest)
            .env("CARGO_TARGET_DIR", home.join("build").to_string_lossy());
        built.run()?;
        let program = home.join("build/debug/simulate").to_string_lossy().into_owned();
        Cmd::program(program).args(["--first", "--seeds", &seeds.to_string()]).read()
    };
    let whole = simulate(500)?;
    if whole.contains("fails") {
        return Err(Error::Failed(format!("without a mistake: {whole}")));
    }
    let mut rows = vec![["mistake", "seeds", "found at", "by"].map(str::to_owned)];
    let mut missed = Vec::new();
    for mutant in chosen(names)? {
        let patched = |how: &str| {
            let patch = Cmd::program("patch").args(["-p1", "--silent", how, "-d"]);
            patch.arg(copy.to_string_lossy()).arg("-i").arg(mutant.patch.to_string_lossy()).run()
        };
        patched("--forward")?;
        let said = simulate(mutant.bound);
        patched("--reverse")?;
        let said = said?;
        // `seed 17 fails: why`
        let found = said.trim().strip_prefix("seed ").and_then(|said| said.split_once(" fails: "));
        let (seed, why) = found.unwrap_or(("not", ""));
        println!("{}: {}", mutant.name, said.trim());
        if found.is_none() {
            missed.push(mutant.name.clone());
        }
        let why = why.split(':').next().unwrap_or_default().chars().take(60).collect();
        rows.push([mutant.name, mutant.bound.to_string(), seed.to_owned(), why]);
    }
    println!("{}", table::render(&rows, &[1, 2]));
    if missed.is_empty() {
        return Ok(());
    }
    Err(Error::Failed(format!("not found: {}", missed.join(", "))))
}

/// The mistakes of these names, or all.
fn chosen(names: &[String]) -> Result<Vec<Mutant>, Error> {
    let home = workspace::root().join(PACKAGE).join("mutants");
    let bounds = files::read(&home.join("bounds.txt"))?;
    let mut mutants = Vec::new();
    for line in bounds.lines() {
        let Some((name, bound)) = line.split_once(' ') else { continue };
        if !names.is_empty() && !names.iter().any(|chosen| name.starts_with(chosen.as_str())) {
            continue;
        }
        let bound = bound.trim().parse();
        let bound = bound.map_err(|_| Error::Failed(format!("bounds.txt: `{line}`")))?;
        let patch = home.join(format!("{name}.patch"));
        mutants.push(Mutant { name: name.to_owned(), patch, bound });
    }
    Ok(mutants)
}

/// Copies what git knows of the workspace, or would. A file that is the same stays, so that it is not built again.
fn copied(to: &Path) -> Result<(), Error> {
    let known =
        Cmd::program("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    for name in known.read()?.lines() {
        let (from, to) = (workspace::root().join(name), to.join(name));
        // One that was deleted, or is a link.
        let Ok(now) = fs::read(&from) else { continue };
        if fs::read(&to).is_ok_and(|before| before == now) {
            continue;
        }
        let written = to.parent().map_or(Ok(()), fs::create_dir_all);
        written
            .and_then(|()| fs::write(&to, now))
            .map_err(|error| files::unreadable(&to, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_has_a_bound_and_fits_the_code() {
        let mutants = chosen(&[]).expect("the bounds can be read");
        assert!(mutants.len() > 20, "{} mistakes", mutants.len());
        let folder = workspace::root().join(PACKAGE).join("mutants");
        let patches = files::below(&folder, &[]).expect("the folder can be read");
        assert_eq!(patches.len(), mutants.len() + 1, "a patch without a bound");
        for Mutant { name, patch, bound } in mutants {
            assert!(bound <= 3_000, "{name}");
            let patch = files::read(&patch).expect("a patch for each bound");
            if let Some(part) = lost(&patch) {
                panic!("{name} does not fit the code any more:\n{part}");
            }
        }
    }

    /// A part of a file that a patch expects, and that is not there.
    fn lost(patch: &str) -> Option<String> {
        let (mut code, mut expected) = (String::new(), String::new());
        for line in patch.lines().chain(["@@"]) {
            let file = line.strip_prefix("--- a/");
            if file.is_some() || line.starts_with("@@") {
                if !code.contains(&expected) {
                    return Some(expected);
                }
                expected.clear();
            }
            if let Some(file) = file {
                code = files::read(&workspace::root().join(file)).unwrap_or_default();
            } else if let Some(line) = line.strip_prefix(['-', ' ']) {
                expected += line;
                expected.push('\n');
            } else if line.is_empty() {
                expected.push('\n');
            }
        }
        None
    }
}
