//! The page of guarantees: each promise has a test, and each test that it names exists.

use super::{PROJECT, Problem, assert_none};
use crate::workspace;

const PAGE: &str = "docs/guarantees.md";

#[test]
fn every_promise_names_tests_that_exist() {
    let text = PROJECT.text(PAGE);
    assert!(promises(text).count() > 80, "{PAGE} has hardly any promise");
    let shown = |target: &str| {
        // Some tests are of files that the project does not list, such as examples.
        let path = workspace::root().join("docs").join(target);
        std::fs::read_to_string(path).ok()
    };
    let problems = problems(text, shown);
    assert_none(&problems.iter().map(|problem| format!("{PAGE}:{problem}")).collect::<Vec<_>>());
}

#[test]
fn a_promise_without_a_test_is_found() {
    const PAGE: &str = "| promise | shown by | | peers |\n|---|---|---|---|\n";
    let file = |target: &str| (target == "../a.rs").then(|| "#[test]\nfn is_so() {}".to_owned());
    let row = |tests: &str| {
        let found = problems(&format!("{PAGE}| It is so | test | {tests} | none |\n"), file);
        found.into_iter().map(|problem| problem.to_string()).collect::<Vec<_>>()
    };
    assert!(row("[`is_so`](../a.rs)").is_empty());
    assert!(row("[`is_so`](../a.rs), [`a.rs`](../a.rs)").is_empty());
    assert_eq!(row("[`is`](../a.rs)"), ["3: ../a.rs has no test `is`"]);
    assert_eq!(row("[`is_so`](../b.rs)"), ["3: ../b.rs is not there"]);
    assert_eq!(row("`is_so`"), ["3: no test is named"]);
}

/// The rows of tables with four columns, with their lines.
fn promises(page: &str) -> impl Iterator<Item = (usize, [&str; 4])> {
    (1..).zip(page.lines()).filter_map(|(line, row)| {
        let cells: Vec<_> = row.strip_prefix("| ")?.split('|').map(str::trim).collect();
        let [promise, by, tests, peers, ""] = *cells else { return None };
        (promise != "promise").then_some((line, [promise, by, tests, peers]))
    })
}

/// What is wrong with the page. `read` is the text of a file that it links to.
fn problems(page: &str, read: impl Fn(&str) -> Option<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (line, [_, _, tests, _]) in promises(page) {
        let mut named = links(tests).peekable();
        if named.peek().is_none() {
            problems.push(Problem::new(line, "no test is named"));
        }
        for (name, target) in named {
            let Some(text) = read(target) else {
                problems.push(Problem::new(line, format!("{target} is not there")));
                continue;
            };
            let whole = target.ends_with(name) && text.contains("#[test]");
            if !whole && !text.contains(&format!("fn {name}(")) {
                problems.push(Problem::new(line, format!("{target} has no test `{name}`")));
            }
        }
    }
    problems
}

/// The names and targets of links.
fn links(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    cell.split("[`").skip(1).filter_map(|link| {
        let (name, rest) = link.split_once("`](")?;
        Some((name, rest.split_once(')')?.0))
    })
}
