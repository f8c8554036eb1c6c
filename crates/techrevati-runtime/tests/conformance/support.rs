//! Reading vectors, running every case of a file, and telling all that disagree.

use std::collections::HashSet;
use std::path::PathBuf;
use std::{env, fs};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// How a case ended: with nothing to say, or with what disagrees.
pub(crate) type Verdict = Result<(), String>;

const FILES: [&str; 14] = [
    "backoff",
    "circuit_breaker",
    "classify",
    "context_budget",
    "events",
    "lifecycle",
    "next_provider",
    "permissions",
    "policy",
    "quality_gate",
    "recipes",
    "recovery",
    "session",
    "usage",
];

fn folder() -> PathBuf {
    let crate_dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let Some(named) = env::var_os("CONFORMANCE_DIR").map(PathBuf::from) else {
        return crate_dir.join("tests/vectors");
    };
    // Cargo runs tests in the crate's folder; who types a relative path stands at the top.
    if named.exists() { named } else { crate_dir.join("../..").join(named) }
}

#[test]
fn every_vector_file_is_there_and_no_other() {
    let folder = folder();
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    found.sort_unstable();
    assert_eq!(found, FILES, "in {}", folder.display());
}

/// Runs `agrees` on every case of `file`, and fails with all cases that do not.
#[expect(clippy::print_stdout, reason = "who runs the harness wants to see what it ran")]
pub(crate) fn every<C: DeserializeOwned>(file: &str, agrees: impl Fn(C) -> Verdict) {
    assert!(FILES.contains(&file), "{file} is not a vector file");
    let path = folder().join(file).with_extension("json");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let total = cases.len();
    let (mut run, mut names, mut disagree) = (0, HashSet::new(), Vec::new());
    for mut case in cases {
        let name = case.as_object_mut().and_then(|case| case.remove("name"));
        let Some(Value::String(name)) = name else { panic!("{file}: a case without a name") };
        // An unknown shape is a disagreement: nothing is skipped.
        let verdict = serde_json::from_value(case).map_err(|e| format!("unknown shape: {e}"));
        if let Err(why) = verdict.and_then(&agrees) {
            disagree.push(format!("{file}/{name}: {why}"));
        }
        assert!(names.insert(name.clone()), "{file}: two cases are called {name}");
        run += 1;
    }
    assert_eq!(run, total);
    assert!(total > 0, "{file} has no cases");
    println!("{file}: {run} cases run, {} disagree", disagree.len());
    assert!(
        disagree.is_empty(),
        "{} of {total} disagree:\n{}",
        disagree.len(),
        disagree.join("\n")
    );
}

/// Agrees if both are the same.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: &T, expect: &T) -> Verdict {
    if ours == expect {
        return Ok(());
    }
    Err(format!("{what} is {ours:?}, expected {expect:?}"))
}

/// Agrees if both amounts are within 1e-8.
pub(crate) fn near(what: &str, ours: f64, expect: f64) -> Verdict {
    if (ours - expect).abs() <= 1e-8 {
        return Ok(());
    }
    Err(format!("{what} is {ours}, expected {expect}"))
}

/// The same JSON, where `60` and `60.0` are one number.
pub(crate) fn same_json(what: &str, ours: &Value, expect: &Value) -> Verdict {
    same(what, &plain(ours), &plain(expect))
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.abs() < 9e15 => Value::from(float),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), plain(value))).collect()
        }
        _ => value.clone(),
    }
}

/// `value` without these keys.
pub(crate) fn without(mut value: Value, keys: &[&str]) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|key, _| !keys.contains(&key.as_str()));
    }
    value
}
