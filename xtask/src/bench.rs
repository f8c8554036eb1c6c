//! `cargo xtask bench`: runs the benchmarks and prints the medians of criterion. With `--peers`, it
//! compares with other crates, in a workspace of its own, and with `--write` puts the results into their page.

pub(crate) mod page;
mod plot;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::Error;
use crate::files;
use crate::json;
use crate::run::Cmd;
use crate::table;
use crate::workspace;

/// Arguments of criterion that measure nothing.
const UNMEASURED: &[&str] = &["--test", "--list", "--profile-time"];

/// The program that measures the peers, which are downloaded and built for it alone.
const PEERS: &str = "run --release --manifest-path xtask/peers/Cargo.toml --";

/// `cargo xtask bench [FILTER] [-- ARG…]`, `cargo xtask bench --peers [--markdown | --write]`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    if let [first, rest @ ..] = rest
        && first == "--peers"
    {
        return peers(rest);
    }
    let (filter, criterion) = match rest.iter().position(|argument| argument == "--") {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &[][..]),
    };
    let filter = match filter {
        [] => "",
        [flag, ..] if flag.starts_with('-') => {
            return Err(Error::Usage(format!(
                "`bench` has no flag `{flag}` (flags of criterion follow `--`)"
            )));
        }
        [filter] => filter,
        [_, more, ..] => {
            return Err(Error::Usage(format!(
                "`bench` takes one filter (a regular expression), and got `{more}` as well"
            )));
        }
    };

    let home = workspace::target_dir().join("criterion");
    let before = estimates(&home)?;
    let bench = Cmd::cargo("bench --workspace --all-features --bench").arg("*").arg("--");
    let filters = Some(filter).filter(|filter| !filter.is_empty());
    bench
        .args(filters)
        .args(criterion.iter().map(String::as_str))
        .env("CRITERION_HOME", home.to_string_lossy())
        .run()?;
    let unmeasured = |argument: &String| UNMEASURED.iter().any(|flag| argument.starts_with(flag));
    if criterion.iter().any(unmeasured) {
        return Ok(());
    }

    let mut rows = medians(&home, &before)?;
    if rows.is_empty() {
        return Err(Error::Failed(match filter {
            "" => "no benchmark was run".to_owned(),
            filter => format!("no benchmark matches `{filter}`"),
        }));
    }
    rows.insert(0, ["benchmark".to_owned(), "median (ns)".to_owned()]);
    print!("\n{}", table::render(&rows, &[1]));
    Ok(())
}

fn peers(rest: &[String]) -> Result<(), Error> {
    match rest {
        [] => program(&[]).run(),
        [flag] if flag == "--markdown" => program(&["--markdown"]).run(),
        [flag] if flag == "--write" => page::write(program),
        _ => Err(Error::Usage(format!(
            "`bench --peers` takes only `--markdown` or `--write`, got `{}`",
            rest.join(" ")
        ))),
    }
}

/// Builds in a folder of its own, because its dependencies have other features.
fn program(arguments: &[&str]) -> Cmd {
    let target = workspace::target_dir().join("peers");
    Cmd::cargo(PEERS)
        .args(arguments.iter().copied())
        .env("CARGO_TARGET_DIR", target.to_string_lossy())
}

/// The files of estimates below the folder of criterion, with their times.
fn estimates(home: &Path) -> Result<BTreeMap<PathBuf, SystemTime>, Error> {
    let mut found = BTreeMap::new();
    for path in files::below(home, &[])? {
        if path.ends_with("new/estimates.json") {
            let written = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let written = written.map_err(|error| files::unreadable(&path, &error))?;
            found.insert(path, written);
        }
    }
    Ok(found)
}

/// The names and medians of the estimates that are new since `before`, by name.
fn medians(home: &Path, before: &BTreeMap<PathBuf, SystemTime>) -> Result<Vec<[String; 2]>, Error> {
    let mut rows = Vec::new();
    for (path, written) in estimates(home)? {
        if before.get(&path) == Some(&written) {
            continue;
        }
        let row = row(&path).ok_or_else(|| {
            Error::Failed(format!("{} does not have the format of criterion", path.display()))
        })?;
        rows.push(row);
    }
    rows.sort();
    Ok(rows)
}

fn row(estimates: &Path) -> Option<[String; 2]> {
    let benchmark = fs::read_to_string(estimates.with_file_name("benchmark.json")).ok()?;
    let estimates = fs::read_to_string(estimates).ok()?;
    let median = json::number(&estimates, &["median", "point_estimate"])?;
    Some([json::string(&benchmark, &["full_id"])?, format!("{median:.2}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(home: &Path, folder: &str, id: &str, median: &str) {
        let folder = home.join(folder).join("new");
        fs::create_dir_all(&folder).unwrap();
        let benchmark = format!(r#"{{"group_id":"x","full_id":"{id}","title":"x"}}"#);
        fs::write(folder.join("benchmark.json"), benchmark).unwrap();
        let estimates = format!(
            r#"{{"mean":{{"point_estimate":1.0}},"median":{{"point_estimate":{median}}}}}"#
        );
        fs::write(folder.join("estimates.json"), estimates).unwrap();
    }

    #[test]
    fn only_new_medians_are_shown_sorted_by_name() {
        let home = workspace::target_dir().join(format!("xtask-test-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        measured(&home, "ring_emit", "ring/emit", "7.0");
        let before = estimates(&home).unwrap();
        measured(&home, "turn/whole/10", "turn/whole/10", "812.345");
        measured(&home, "breaker_call", "breaker/call", "4");
        let rows = medians(&home, &before).unwrap();
        fs::remove_dir_all(&home).unwrap();
        assert_eq!(rows, [["breaker/call", "4.00"], ["turn/whole/10", "812.35"]]);
    }

    #[test]
    fn before_the_first_run_there_are_no_estimates() {
        assert!(estimates(Path::new("there/is/no/such/folder")).unwrap().is_empty());
    }
}
