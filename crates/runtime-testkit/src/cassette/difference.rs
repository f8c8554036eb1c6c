//! What differs between two JSON values, field by field.

use std::fmt;

use serde_json::Value;

/// One field in which two values differ.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The field, as a JSON pointer; empty for the whole value.
    pub path: String,
    /// The first value's; `None` if it has no such field.
    pub recorded: Option<Value>,
    /// The second value's; `None` if it has no such field.
    pub asked: Option<Value>,
}

/// The fields in which two values differ, in the order of the first.
///
/// ```
/// use runtime_testkit::cassette::differences;
/// use serde_json::json;
///
/// let recorded = json!({ "model": "m", "messages": [{ "content": "Rome?" }] });
/// let asked = json!({ "messages": [{ "content": "Paris?" }], "model": "m" });
/// let found = differences(&recorded, &asked);
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].path, "/messages/0/content");
/// ```
pub fn differences(recorded: &Value, asked: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut found, String::new(), Some(recorded), Some(asked));
    found
}

fn compare(
    found: &mut Vec<Difference>,
    path: String,
    recorded: Option<&Value>,
    asked: Option<&Value>,
) {
    match (recorded, asked) {
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            let new = is.keys().filter(|key| !was.contains_key(*key));
            for key in was.keys().chain(new) {
                compare(found, below(&path, key), was.get(key), is.get(key));
            }
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) => {
            for index in 0..was.len().max(is.len()) {
                compare(found, below(&path, &index.to_string()), was.get(index), is.get(index));
            }
        }
        // As their canonical texts are compared, `1` and `1.0` are one number.
        (Some(was), Some(is)) if was == is || same_number(was, is) => {}
        (recorded, asked) => {
            found.push(Difference { path, recorded: recorded.cloned(), asked: asked.cloned() });
        }
    }
}

fn same_number(was: &Value, is: &Value) -> bool {
    matches!((was, is), (Value::Number(_), Value::Number(_)))
        && runtime_store::canonical_json(was) == runtime_store::canonical_json(is)
}

fn below(path: &str, step: &str) -> String {
    format!("{path}/{}", step.replace('~', "~0").replace('/', "~1"))
}

impl Difference {
    /// The place, and under it both values with these names. Long values are cut around the first character
    /// that differs.
    pub fn between<'d>(&'d self, names: [&'d str; 2]) -> impl fmt::Display + 'd {
        Between { difference: self, names }
    }
}

struct Between<'d> {
    difference: &'d Difference,
    names: [&'d str; 2],
}

impl fmt::Display for Between<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { path, recorded, asked } = self.difference;
        let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        let texts = [text(recorded), text(asked)];
        let same = match &texts {
            [Some(was), Some(is)] => {
                was.chars().zip(is.chars()).take_while(|(a, b)| a == b).count()
            }
            _ => 0,
        };
        write!(f, "  {}", if path.is_empty() { "the whole" } else { path })?;
        let width = self.names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        for (name, text) in self.names.iter().zip(&texts) {
            write!(f, "\n    {name:width$}  {}", around(text.as_deref(), same))?;
        }
        Ok(())
    }
}

/// As a miss shows it.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.between(["recorded", "asked"]).fmt(f)
    }
}

/// A part of a text that has the character at this place.
fn around(text: Option<&str>, place: usize) -> String {
    const BEFORE: usize = 30;
    const LONGEST: usize = 100;
    let Some(text) = text else { return "nothing".to_owned() };
    let length = text.chars().count();
    // Both texts begin at one place, so that what differs stands below each other.
    let from = if place < LONGEST - BEFORE { 0 } else { place - BEFORE };
    let part: String = text.chars().skip(from).take(LONGEST).collect();
    let before = if from > 0 { "…" } else { "" };
    let after = if from + LONGEST < length { "…" } else { "" };
    format!("{before}{part}{after}")
}
