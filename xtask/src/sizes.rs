//! `cargo xtask sizes`: the size of each crate, counted in its sources.

use crate::Error;
use crate::source::Sources;
use crate::table;
use crate::workspace;

/// The columns of the table.
const COLUMNS: [&str; 6] =
    ["crate", "files", "lines", "public types", "public functions", "error types"];

/// `cargo xtask sizes`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    if let Some(argument) = rest.first() {
        return Err(Error::Usage(format!("`sizes` takes no arguments, got `{argument}`")));
    }
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    let mut total = [0; COLUMNS.len() - 1];
    for member in workspace::crates()? {
        let counted = count(&Sources::read(&member.name)?);
        for (sum, number) in total.iter_mut().zip(counted) {
            *sum += number;
        }
        rows.push(row(&member.name, counted));
    }
    rows.push(row("total", total));
    print!("{}", table::render(&rows, &[1, 2, 3, 4, 5]));
    Ok(())
}

fn row(name: &str, counted: [usize; COLUMNS.len() - 1]) -> [String; COLUMNS.len()] {
    let [files, lines, types, functions, errors] = counted.map(|number| number.to_string());
    [name.to_owned(), files, lines, types, functions, errors]
}

/// The numbers of files, lines, public types, public functions and error types, without tests and the
/// output of macros.
fn count(sources: &Sources) -> [usize; COLUMNS.len() - 1] {
    let modules = || sources.modules.values();
    let items = |kinds: &[&str]| {
        let items = modules().flat_map(|module| &module.items);
        items.filter(|item| item.public && kinds.contains(&item.kind.as_str())).count()
    };
    [
        modules().filter(|module| module.lines > 0).count(),
        modules().map(|module| module.lines).sum(),
        items(&["struct", "enum", "trait"]),
        items(&["fn"]),
        modules().map(|module| module.errors.len()).sum(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_items_outside_tests_are_counted() {
        let sources = Sources::parse([
            ("lib.rs", "mod a;\npub use a::A;\n"),
            ("a.rs", "pub struct A;\nimpl A {\n    pub fn f() {}\n    fn g() {}\n}\n"),
            ("a/tests.rs", "pub struct T;\n"),
        ]);
        assert_eq!(count(&sources), [2, 7, 1, 1, 0]);
    }
}
