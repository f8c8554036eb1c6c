//! Reads the cases of a file and compares each with what is expected.

use std::path::PathBuf;
use std::{env, fs};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The cases of a file, each with its id; and whether it is arguable.
pub(crate) struct Case<T> {
    id: String,
    arguable: bool,
    input: T,
    expect: Value,
}

pub(crate) fn read<T: DeserializeOwned>(file: &str) -> Vec<Case<T>> {
    let folder = env::var_os("CASES_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/files")),
        PathBuf::from,
    );
    let path = folder.join(file);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases: Vec<Value> = serde_json::from_str(&text).expect("an array of cases");
    cases
        .into_iter()
        .map(|case| {
            let id = case["id"].as_str().expect("an id").to_owned();
            let arguable = case["arguable"] == true;
            let expect = case["expect"].clone();
            let input = serde_json::from_value(case);
            let input = input.unwrap_or_else(|error| panic!("{id}: {error}"));
            Case { id, arguable, input, expect }
        })
        .collect()
}

/// Compares each case, and fails unless all agree but the arguable ones.
#[expect(clippy::print_stdout, reason = "the counts are the result of the test")]
pub(crate) fn compare<T>(
    name: &str,
    cases: &[Case<T>],
    differs: impl Fn(&T, &Value) -> Vec<String>,
) {
    let (mut agree, mut failed) = (0, Vec::new());
    for case in cases {
        let found = differs(&case.input, &case.expect);
        if found.is_empty() {
            agree += 1;
            continue;
        }
        let mark = if case.arguable { " (arguable)" } else { "" };
        println!("  {}{mark}: {}", case.id, found.join(", "));
        if !case.arguable {
            failed.push(&*case.id);
        }
    }
    println!("{name}: {agree} of {} cases agree", cases.len());
    assert!(failed.is_empty(), "{name}: {} disagree: {failed:?}", failed.len());
}
