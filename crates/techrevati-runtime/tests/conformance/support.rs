//! Reads vectors, runs every case of a file, and reports all failures.

use std::any::Any;
use std::collections::HashSet;
use std::fmt::Debug;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::{env, fs, io};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The end of a case: agreement, or the difference.
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
    let named = env::var_os("CONFORMANCE_DIR").filter(|named| !named.is_empty());
    let Some(named) = named.map(PathBuf::from) else {
        return crate_dir.join("tests/vectors");
    };
    // Cargo runs tests in the crate's folder, but a relative path starts at the workspace.
    if named.exists() { named } else { crate_dir.join("../..").join(named) }
}

#[test]
fn vector_files_are_exactly_the_listed_ones() {
    let folder = folder();
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    found.sort_unstable();
    assert_eq!(found, FILES, "in {}", folder.display());
}

/// Runs `agrees` on every case of `file`, and fails with all cases that do not.
///
/// A case fails if it has no name or another's name, an unknown shape, or panics: nothing is
/// skipped.
pub(crate) fn every<C: DeserializeOwned>(file: &str, agrees: impl Fn(C) -> Verdict) {
    let cases = read(file);
    let total = cases.len();
    assert!(total > 0, "{file} has no cases");
    let (mut run, mut names, mut disagree) = (0_usize, HashSet::new(), Vec::new());
    for (index, mut case) in cases.into_iter().enumerate() {
        let name = case.as_object_mut().and_then(|case| case.remove("name"));
        let name = name.as_ref().and_then(Value::as_str).map(str::to_owned);
        let verdict = match &name {
            None => Err("it has no name".to_owned()),
            Some(name) if !names.insert(name.clone()) => Err("another has its name".to_owned()),
            Some(_) => shape(whole(case)).and_then(|case| unless_it_panics(|| agrees(case))),
        };
        if let Err(why) = verdict {
            disagree.push(format!("{file}/{}: {why}", name.unwrap_or_else(|| index.to_string())));
        }
        run += 1;
    }
    // Bypasses the capture of the test harness, to report the number of cases.
    let _ =
        writeln!(io::stdout(), "{file}: {run} of {total} cases run, {} disagree", disagree.len());
    assert_eq!(run, total, "{file}: cases were skipped");
    assert!(
        disagree.is_empty(),
        "{} of {total} disagree:\n{}",
        disagree.len(),
        disagree.join("\n")
    );
}

fn read(file: &str) -> Vec<Value> {
    assert!(FILES.contains(&file), "{file} is not a vector file");
    let path = folder().join(file).with_extension("json");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Reads a case as a `C`, which must have all of its fields.
pub(crate) fn shape<C: DeserializeOwned>(case: Value) -> Result<C, String> {
    serde_json::from_value(case).map_err(|e| format!("unknown shape: {e}"))
}

/// For a required field that may be null.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

/// Writes whole numbers as integers, because `3` and `3.0` are equal in JSON.
fn whole(value: Value) -> Value {
    // Beyond 2^53 some integers have no `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < EXACT =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough")]
                Value::from(float as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, whole(value))).collect()
        }
        other => other,
    }
}

fn unless_it_panics(agrees: impl FnOnce() -> Verdict) -> Verdict {
    catch_unwind(AssertUnwindSafe(agrees)).unwrap_or_else(|panic| {
        Err(format!("it panicked: {}", panic_text(&*panic).unwrap_or("with no text")))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref().map(String::as_str).or_else(|| panic.downcast_ref().copied())
}

/// Agrees if both are equal.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, ours: &T, expect: &T) -> Verdict {
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

/// The JSON with `60` and `60.0` as one number.
pub(crate) fn same_json(what: &str, ours: &Value, expect: &Value) -> Verdict {
    same(what, &whole(ours.clone()), &whole(expect.clone()))
}

/// `value` without these keys.
pub(crate) fn without(mut value: Value, keys: &[&str]) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|key, _| !keys.contains(&key.as_str()));
    }
    value
}

/// The output of a future that is ready at once.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future is not ready at once"),
    }
}
