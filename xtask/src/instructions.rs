//! `cargo xtask instructions`: counts the instructions of chosen work under valgrind, and compares them with a
//! baseline. They repeat where times do not.

use std::fs;
use std::path::PathBuf;

use crate::Error;
use crate::files;
use crate::run::Cmd;
use crate::table;
use crate::workspace;

/// The growth that fails, in percent.
const GROWTH: u64 = 3;

/// Counts of work, of which the difference is looked at.
const FEW: u64 = 500;
const MANY: u64 = 1_500;

const BUILD: &str = "build --release --package instructions";

/// `cargo xtask instructions [--write]`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    let write = match rest {
        [] => false,
        [flag] if flag == "--write" => true,
        [other, ..] => {
            return Err(Error::Usage(format!(
                "`instructions` takes only `--write`, got `{other}`"
            )));
        }
    };
    if let Some(why) = unable() {
        return Err(Error::Failed(why));
    }
    let counted = count()?;
    if write {
        let path = path();
        return fs::write(&path, text(&compiler()?, &counted))
            .map_err(|error| files::unreadable(&path, &error));
    }
    println!("{}", compare(&counted)?);
    Ok(())
}

/// Why nothing can be counted here.
pub(crate) fn unable() -> Option<String> {
    let there = Cmd::program("valgrind").arg("--version").works();
    (!there).then(|| "valgrind is not installed".to_owned())
}

/// Counts, and fails if one has grown. Returns what it came to.
pub(crate) fn check() -> Result<String, Error> {
    compare(&count()?)
}

/// Counts, and returns a table for a page.
pub(crate) fn markdown() -> Result<String, Error> {
    let line = |(name, count): &(String, u64)| format!("| {name} | {count} |\n");
    let rows: String = count()?.iter().map(line).collect();
    Ok(format!("| work | instructions |\n|---|---:|\n{rows}"))
}

/// The instructions of each work, once.
fn count() -> Result<Vec<(String, u64)>, Error> {
    Cmd::cargo(BUILD).run()?;
    let program = workspace::target_dir().join("release").join("instructions");
    let program = program.to_string_lossy();
    let names = Cmd::program(&*program).read()?;
    names.lines().map(|name| Ok((name.to_owned(), of(&program, name)?))).collect()
}

fn of(program: &str, name: &str) -> Result<u64, Error> {
    let log = workspace::target_dir().join("instructions.log");
    let total = |count: u64| {
        let valgrind = Cmd::program("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(format!("--log-file={}", log.display()))
            .args([program, name, &count.to_string()]);
        valgrind.read()?;
        collected(&files::read(&log)?)
            .ok_or_else(|| Error::Failed(format!("valgrind counted nothing of `{name}`")))
    };
    Ok(total(MANY)?.saturating_sub(total(FEW)?) / (MANY - FEW))
}

/// The number in `==17== Collected : 402425`.
fn collected(log: &str) -> Option<u64> {
    let (_, number) = log.lines().find_map(|line| line.split_once("Collected : "))?;
    number.split_whitespace().next()?.parse().ok()
}

fn path() -> PathBuf {
    workspace::root().join("xtask/instructions/baseline.txt")
}

pub(crate) fn compiler() -> Result<String, Error> {
    Ok(Cmd::program("rustc").arg("--version").read()?.trim().to_owned())
}

fn text(compiler: &str, counted: &[(String, u64)]) -> String {
    let line = |(name, count): &(String, u64)| format!("{count}\t{name}\n");
    format!("{compiler}\n{}", counted.iter().map(line).collect::<String>())
}

/// A table of what was counted beside the baseline. Fails if something has grown.
fn compare(counted: &[(String, u64)]) -> Result<String, Error> {
    let (baseline, now) = (files::read(&path())?, compiler()?);
    let by = baseline.lines().next().unwrap_or_default();
    let (rows, grown) = rows(counted, &baseline);
    let table = table::render(&rows, &[1, 2, 3]);
    if by != now {
        return Ok(format!("{table}\nnot judged: the baseline is of {by}, and this is {now}"));
    }
    if grown.is_empty() {
        return Ok(table);
    }
    Err(Error::Failed(format!(
        "{table}\nmore than {GROWTH} % more instructions: {}; if they are worth it, \
         `cargo xtask instructions --write` makes them the baseline",
        grown.join(", ")
    )))
}

/// The rows of the table, and what has grown.
fn rows(counted: &[(String, u64)], baseline: &str) -> (Vec<[String; 4]>, Vec<String>) {
    let before = |name: &str| {
        let mut lines = baseline.lines().filter_map(|line| line.split_once('\t'));
        lines.find_map(|(count, known)| (known == name).then(|| count.parse::<u64>().ok())?)
    };
    let mut rows = vec![["work", "instructions", "baseline", "change"].map(str::to_owned)];
    let mut grown = Vec::new();
    for (name, count) in counted {
        let (known, change) = before(name).map_or_else(
            || ("none".to_owned(), String::new()),
            |before| (before.to_string(), change(before, *count)),
        );
        if before(name).is_none_or(|before| 100 * count > (100 + GROWTH) * before) {
            grown.push(format!("`{name}`"));
        }
        rows.push([name.clone(), count.to_string(), known, change]);
    }
    (rows, grown)
}

/// The change in tenths of a percent.
fn change(before: u64, now: u64) -> String {
    let (sign, by) = if now < before { ("-", before - now) } else { ("+", now - before) };
    let tenths = 1_000 * by / before.max(1);
    format!("{sign}{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(count: u64) -> Vec<(String, u64)> {
        vec![("a turn".to_owned(), count)]
    }

    #[test]
    fn the_number_is_read_from_the_log_of_valgrind() {
        let log = "==17== Events    : Ir\n==17== Collected : 402425\n==17== \n";
        assert_eq!(collected(log), Some(402_425));
        assert_eq!(collected("==17== killed"), None);
    }

    #[test]
    fn growth_beyond_the_bound_is_named_and_less_is_not() {
        let baseline = text("rustc 1.95.0", &counted(1_000));
        assert_eq!(baseline, "rustc 1.95.0\n1000\ta turn\n");
        for (count, grows, change) in
            [(1_030, false, "+3.0 %"), (1_031, true, "+3.1 %"), (500, false, "-50.0 %")]
        {
            let (rows, grown) = rows(&counted(count), &baseline);
            assert_eq!(rows[1][3], change);
            assert_eq!(!grown.is_empty(), grows, "{count}");
        }
        // Work that has no baseline is named, too.
        assert_eq!(rows(&counted(1), "rustc 1.95.0\n").1, ["`a turn`"]);
    }
}
