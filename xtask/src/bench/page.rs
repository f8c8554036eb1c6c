//! `docs/benchmarks.md`: its words are written by hand, and what is measured is put between marks.

use std::fs;

use super::plot::{self, Line, Point};
use crate::Error;
use crate::files;
use crate::instructions;
use crate::packages;
use crate::run::Cmd;
use crate::workspace;

const PAGE: &str = "docs/benchmarks.md";
const PLOT: &str = "docs/images/turn.svg";

/// Measures, and writes the page and its plot. `peers` runs the program that measures.
pub(super) fn write(peers: impl Fn(&[&str]) -> Cmd) -> Result<(), Error> {
    let path = workspace::root().join(PAGE);
    let mut page = files::read(&path)?;
    let tables = peers(&["--markdown"]).read()?;
    let (ratios, costs) = tables.trim().split_once("\n\n").unwrap_or((&tables, ""));
    put(&mut page, "ratios", ratios)?;
    put(&mut page, "costs", costs)?;

    let ours = points(&peers(&["turns"]).read()?);
    let theirs = original(&ours)?;
    put(&mut page, "turns", &turns(&ours, &theirs))?;
    let line = |name: &str, class, points| Line { name: name.to_owned(), class, points };
    let lines = [
        line("techrevati-runtime 0.1.0 (Python)", "theirs", theirs),
        line("this library", "ours", ours),
    ];
    save(PLOT, &plot::svg("The cost of a turn", &lines))?;

    let rates = points(&peers(&["together"]).read()?);
    put(&mut page, "together", &together(&rates, peers(&["told"]).read()?.trim()))?;

    match instructions::unable() {
        Some(why) => println!("skipped: instructions ({why})"),
        None => put(&mut page, "instructions", &instructions::markdown()?)?,
    }
    put(&mut page, "packages", &packages::markdown()?)?;
    put(&mut page, "machine", &machine()?)?;
    save(PAGE, &page)
}

/// The cost of a turn of the Python original at the same points, as far as it gets in its time; nothing if it
/// cannot be installed.
fn original(ours: &[Point]) -> Result<Vec<Point>, Error> {
    const SECONDS: &str = "90";
    let home = workspace::target_dir().join("world").join("turns");
    let Some(python) = crate::world::python(&home, &["techrevati-runtime==0.1.0"]) else {
        return Ok(Vec::new());
    };
    let script = workspace::root().join("xtask/world/turns.py");
    let run = Cmd::program(python).arg(script.to_string_lossy()).arg(SECONDS);
    let run = run.args(ours.iter().map(|(turns, _)| turns.to_string()));
    Ok(points(&run.read()?))
}

/// Lines of two numbers.
fn points(text: &str) -> Vec<Point> {
    let point = |line: &str| {
        let (turns, nanos) = line.split_once(' ')?;
        Some((turns.parse().ok()?, nanos.parse().ok()?))
    };
    text.lines().filter_map(point).collect()
}

fn turns(ours: &[Point], theirs: &[Point]) -> String {
    let row = |(turns, nanos): &Point| {
        let original = theirs.iter().find(|(known, _)| known == turns).map(|(_, nanos)| *nanos);
        let (micros, ratio) = original.map_or_else(
            || ("-".to_owned(), "-".to_owned()),
            |theirs| (format!("{:.1}", theirs / 1e3), format!("{:.0}", theirs / nanos)),
        );
        format!("| {turns} | {:.2} | {micros} | {ratio} |\n", nanos / 1e3)
    };
    let heading = "| turns before | this library, µs | Python original, µs | ratio |\n|---:|---:|---:|---:|\n";
    [heading.to_owned()].into_iter().chain(ours.iter().map(row)).collect()
}

/// `told` are the nanoseconds until one processor sees what another one has written.
fn together(rates: &[Point], told: &str) -> String {
    let alone = rates.first().map_or(1.0, |(_, rate)| *rate);
    let row =
        |(tasks, rate): &Point| format!("| {tasks} | {:.0} | {:.2} |\n", rate / 1e3, rate / alone);
    let heading = "| tasks | thousand turns a second | ratio |\n|---:|---:|---:|\n";
    let table: String = rates.iter().map(row).collect();
    format!("{heading}{table}\nA processor saw what the other one had written after {told} ns.\n")
}

/// The processor, the compiler and the versions.
fn machine() -> Result<String, Error> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named =
        |line: &str| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim().to_owned());
    let processors: Vec<_> = cpu.lines().filter_map(named).collect();
    let processor = processors.first().map_or("an unknown processor", String::as_str);
    let compiler = instructions::compiler()?;
    let python = Cmd::program("python3").arg("--version").read().unwrap_or_default();
    Ok(format!(
        "{} logical processors ({processor}), {} {}, {compiler}, {}.",
        processors.len().max(1),
        std::env::consts::OS,
        std::env::consts::ARCH,
        python.trim(),
    ))
}

/// Puts what building costs into the page.
pub(crate) fn write_builds(table: &str) -> Result<(), Error> {
    let mut page = files::read(&workspace::root().join(PAGE))?;
    put(&mut page, "builds", table)?;
    save(PAGE, &page)
}

/// Replaces what is between the marks of this name.
fn put(page: &mut String, name: &str, text: &str) -> Result<(), Error> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let place = page.find(&begin).map(|at| at + begin.len());
    let range = place.and_then(|start| Some(start..start + page[start..].find(&end)?));
    let range = range.ok_or_else(|| Error::Failed(format!("{PAGE} has no marks of `{name}`")))?;
    page.replace_range(range, &format!("\n{}\n\n", text.trim()));
    Ok(())
}

fn save(path: &str, text: &str) -> Result<(), Error> {
    let path = workspace::root().join(path);
    fs::write(&path, text).map_err(|error| files::unreadable(&path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_replaced_and_nothing_else() {
        let mut page = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n".to_owned();
        put(&mut page, "x", "new").unwrap();
        assert_eq!(page, "a\n<!-- x -->\n\nnew\n\n<!-- end of x -->\nb\n");
        assert!(put(&mut page, "y", "new").is_err());
    }

    #[test]
    fn a_point_that_only_one_side_has_is_shown_alone() {
        let ours = points("10 1000\n100 1000\nnoise\n");
        let table = turns(&ours, &points("10 9000.4"));
        assert!(table.contains("| 10 | 1.00 | 9.0 | 9 |\n| 100 | 1.00 | - | - |\n"), "{table}");
    }
}
