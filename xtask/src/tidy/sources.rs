//! Rules about Rust files, line by line.

use super::{PROJECT, Problem, assert_none, has_extension};

const LONGEST_FILE: usize = 400;

/// The one file that reads clocks.
const CLOCK: &str = "crates/runtime-events/src/time.rs";

/// Calls that only a `Clock` or a `Sleeper` may make.
const OF_TIME: &[&str] =
    &["Instant::now", "SystemTime::now", "Utc::now", "Local::now", "thread::sleep"];

#[test]
fn every_module_has_docs() {
    assert_none(&PROJECT.problems(is_rust, no_module_docs));
}

#[test]
fn no_source_file_is_longer_than_400_lines() {
    assert_none(&PROJECT.problems(is_rust, too_long));
}

#[test]
fn exceptions_from_lints_are_expected_not_allowed() {
    assert_none(&PROJECT.problems(is_of_a_crate, |text| {
        let mut problems = calls(text, &["#[allow(", "#![allow("]);
        problems.extend(code(text).filter_map(|(line, code)| {
            let hidden = code.contains("cfg_attr(") && code.contains(" allow(");
            hidden.then(|| Problem::new(line, "`allow` inside `cfg_attr`"))
        }));
        problems
    }));
}

#[test]
fn no_code_is_unfinished() {
    let unfinished = |text: &str| calls(text, &["todo!", "unimplemented!", "dbg!("]);
    assert_none(&PROJECT.problems(is_of_a_crate, unfinished));
}

#[test]
fn only_clock_and_sleeper_use_real_time() {
    let elsewhere = |path: &str| is_library(path) && path != CLOCK;
    assert_none(&PROJECT.problems(elsewhere, |text| calls(text, OF_TIME)));
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    assert_none(&PROJECT.problems(is_library, unwraps));
}

#[test]
fn no_line_has_trailing_blanks() {
    let chosen = |path: &str| ["rs", "md", "toml"].iter().any(|kind| has_extension(path, kind));
    assert_none(&PROJECT.problems(chosen, trailing_blanks));
}

#[test]
fn no_file_has_a_path_of_a_machine() {
    assert_none(&PROJECT.problems(|_| true, machine_paths));
}

mod can_fail {
    use super::*;

    fn lines(problems: &[Problem]) -> Vec<usize> {
        problems.iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn a_module_without_docs_is_found() {
        assert_eq!(lines(&no_module_docs("use std::fmt;\n")), [1]);
        assert_eq!(lines(&no_module_docs("")), [1]);
        assert_eq!(lines(&no_module_docs("//! What it is.\n")), []);
        assert_eq!(lines(&no_module_docs("#![doc = include_str!(\"../README.md\")]\n")), []);
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(lines(&too_long(&"\n".repeat(LONGEST_FILE))), []);
        assert_eq!(lines(&too_long(&"\n".repeat(LONGEST_FILE + 1))), [LONGEST_FILE + 1]);
    }

    #[test]
    fn a_call_counts_in_code_and_not_in_comments() {
        let text = "let a = Instant::now();\n// Instant::now()\nlet b = 1; // Utc::now()\n\
                    /// Utc::now()\nlet url = \"https://x\"; thread::sleep(a);\n";
        assert_eq!(lines(&calls(text, OF_TIME)), [1, 5]);
    }

    #[test]
    fn an_unwrap_counts_outside_tests() {
        let text = "/// a.unwrap()\nfn f() {\n    a.unwrap();\n}\n\
                    #[cfg(test)]\nmod tests {\n    fn t() {\n        a.unwrap();\n    }\n}\n\
                    fn g() {\n    b.unwrap();\n}\n\
                    #[cfg(test)]\nmod more;\nfn h() {\n    c.unwrap();\n}\n";
        assert_eq!(lines(&unwraps(text)), [3, 12, 17]);
    }

    #[test]
    fn an_unwrap_in_a_constant_is_allowed() {
        let text = "pub const A: N = N::new(5).unwrap();\nconst B: N =\n    N::new(5).unwrap();\n\
                    const fn c() -> N {\n    N::new(5).unwrap()\n}\nlet d = N::new(5).unwrap();\n";
        assert_eq!(lines(&unwraps(text)), [5, 7]);
    }

    #[test]
    fn a_trailing_blank_is_found() {
        assert_eq!(lines(&trailing_blanks("a \nb\nc\t\r\n")), [1, 3]);
    }

    #[test]
    fn paths_of_machines_are_found_outside_addresses() {
        let text = ["work", "home", "root"].map(|name| format!("cd \"/{name}/x\"\n")).concat();
        assert_eq!(lines(&machine_paths(&text)), [1, 2, 3]);
        let text = ["https://example.org/", "files/"].map(|start| format!("{start}home/x\n"));
        assert_eq!(lines(&machine_paths(&text.concat())), []);
    }
}

fn is_rust(path: &str) -> bool {
    has_extension(path, "rs")
}

/// Rust files of crates and examples. The sources of xtask spell the words that they look for.
fn is_of_a_crate(path: &str) -> bool {
    is_rust(path) && ["crates/", "examples/"].iter().any(|folder| path.starts_with(folder))
}

/// The files that users link, without tests, benches and examples.
fn is_library(path: &str) -> bool {
    let mut parts = path.split('/');
    is_rust(path)
        && parts.next() == Some("crates")
        && parts.nth(1) == Some("src")
        && !path.ends_with("tests.rs")
        && !path.contains("/tests/")
        // A suite of tests that other crates run.
        && !path.contains("/conformance")
}

fn no_module_docs(text: &str) -> Vec<Problem> {
    // A README may be the docs of a crate.
    if ["//!", "#![doc = include_str!("].iter().any(|start| text.starts_with(start)) {
        return Vec::new();
    }
    vec![Problem::new(1, "a file has to start with `//!`")]
}

fn too_long(text: &str) -> Vec<Problem> {
    let lines = text.lines().count();
    if lines <= LONGEST_FILE {
        return Vec::new();
    }
    vec![Problem::new(lines, format!("the file has more than {LONGEST_FILE} lines: split it"))]
}

/// The lines whose code, without comments, contains one of `words`.
fn calls(text: &str, words: &[&str]) -> Vec<Problem> {
    let found = code(text).filter_map(|(line, code)| {
        let word = words.iter().find(|&word| code.contains(word))?;
        Some(Problem::new(line, format!("`{word}` is not allowed here")))
    });
    found.collect()
}

fn unwraps(text: &str) -> Vec<Problem> {
    let mut excused = test_lines(text);
    excused.extend(const_lines(text));
    let mut problems = calls(text, &[".unwrap()"]);
    problems.retain(|problem| !excused.contains(&problem.line));
    problems
}

fn trailing_blanks(text: &str) -> Vec<Problem> {
    let lines = (1..).zip(text.split('\n'));
    let found = lines.filter(|(_, line)| line.trim_end() != *line);
    found.map(|(line, _)| Problem::new(line, "trailing blanks")).collect()
}

fn machine_paths(text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for folder in ["home", "root", "work"].map(|name| format!("/{name}/")) {
            let starts_there = line.match_indices(&folder).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|char| !char.is_alphanumeric() && !"._-~*".contains(char))
            });
            if starts_there {
                problems.push(Problem::new(number, format!("`{folder}` is a path of a machine")));
            }
        }
    }
    problems
}

/// The lines without comments, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).map(|(number, line)| {
        // `//` after another character than a blank is part of an address or a string.
        let comment = line
            .match_indices("//")
            .map(|(at, _)| at)
            .find(|&at| line[..at].chars().next_back().is_none_or(char::is_whitespace));
        (number, &line[..comment.unwrap_or(line.len())])
    })
}

/// The numbers of the lines of constants, which the compiler evaluates.
fn const_lines(text: &str) -> Vec<usize> {
    let mut inside = Vec::new();
    let mut open = false;
    for (number, code) in code(text) {
        let item = code.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        open |= item.starts_with("const ") && !item.starts_with("const fn");
        if open {
            inside.push(number);
        }
        open &= !code.trim_end().ends_with([';', '{']);
    }
    inside
}

/// The numbers of the lines of items under `#[cfg(test)]`.
fn test_lines(text: &str) -> Vec<usize> {
    let mut inside = Vec::new();
    // The last line of the item, which rustfmt indents like its attribute.
    let mut end: Option<String> = None;
    let mut body = false;
    for (number, line) in (1..).zip(text.lines()) {
        let Some(closing) = &end else {
            if line.trim_start().starts_with("#[cfg(test)]") {
                let indent = line.len() - line.trim_start().len();
                end = Some(format!("{}}}", " ".repeat(indent)));
                body = false;
            }
            continue;
        };
        inside.push(number);
        body |= line.ends_with('{');
        // An item without a body, such as `mod tests;`, is one line.
        if line.trim_end_matches(';') == closing || (!body && line.ends_with(';')) {
            end = None;
        }
    }
    inside
}
