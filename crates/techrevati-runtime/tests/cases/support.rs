//! Reads the files of cases and compares each case with what is expected.

use std::path::PathBuf;
use std::{env, fs};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Compares each case of the files whose cases have this key, and prints how many agree `as_what`.
/// Fails unless all agree but the arguable ones.
#[expect(clippy::print_stdout, reason = "the counts are the result of the test")]
pub(crate) fn compare<T: DeserializeOwned>(
    key: &str,
    as_what: &str,
    differs: impl Fn(&T, &Value) -> Vec<String>,
) {
    let mut failed = Vec::new();
    for (name, cases) in files() {
        if cases.first().is_none_or(|case| case.get(key).is_none()) {
            continue;
        }
        let (mut agree, all) = (0, cases.len());
        for case in cases {
            let id = case["id"].as_str().expect("an id").to_owned();
            let (arguable, expect) = (case["arguable"] == true, case["expect"].clone());
            let found = match serde_json::from_value(case) {
                Ok(input) => differs(&input, &expect),
                Err(error) => vec![error.to_string()],
            };
            if found.is_empty() {
                agree += 1;
                continue;
            }
            let mark = if arguable { " (arguable)" } else { "" };
            println!("  {id}{mark}: {}", found.join(", "));
            if !arguable {
                failed.push(id);
            }
        }
        println!("{name}: {agree} of {all} cases agree{as_what}");
    }
    assert!(failed.is_empty(), "{} disagree: {failed:?}", failed.len());
}

/// The files of the folder in the order of their names, each with its cases.
fn files() -> Vec<(String, Vec<Value>)> {
    let folder = env::var_os("CASES_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/files")),
        PathBuf::from,
    );
    let entries = fs::read_dir(&folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("it has an extension").display().to_string();
        let text = fs::read_to_string(&path).expect("a readable file");
        let cases = serde_json::from_str(&text);
        (name, cases.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    };
    paths.into_iter().map(read).collect()
}
