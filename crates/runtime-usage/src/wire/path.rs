//! Paths into JSON, such as `prompt_tokens_details.cached_tokens`.
//!
//! `choices[].delta` stands for all items of an array. `details[modality=AUDIO].count` stands for the
//! items with that text under that key.

use serde_json::Value;

use super::error::{ReportedUsageError, ReportedUsageErrorKind as Kind};

type Visited = Result<(), ReportedUsageError>;

/// Calls `with` for every value at `path`. Absent and null values are skipped.
pub(crate) fn visit<'a>(
    value: &'a Value,
    path: &'static str,
    with: &mut dyn FnMut(&'a Value) -> Visited,
) -> Visited {
    descend(value, path, path, with)
}

/// The text at `path`, if there is one.
pub(crate) fn text<'a>(value: &'a Value, path: &'static str) -> Option<&'a str> {
    let mut found = None;
    // A value of another shape has no text.
    let _ = visit(value, path, &mut |value| {
        found = value.as_str().or(found);
        Ok(())
    });
    found
}

/// The number of bytes of all texts at these paths under `base`. An object counts with its keys and
/// texts.
pub(crate) fn bytes_of_text(value: &Value, base: &'static str, paths: &[&'static str]) -> u64 {
    let mut bytes = 0_u64;
    // A value of another shape has no text.
    let _ = visit(value, base, &mut |value| {
        for path in paths {
            let _ = visit(value, path, &mut |text| {
                bytes = bytes.saturating_add(bytes_within(text));
                Ok(())
            });
        }
        Ok(())
    });
    bytes
}

fn bytes_within(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(bytes_within).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| key.len() as u64 + bytes_within(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

/// `rest` is the part of `path` that is still to walk.
fn descend<'a>(
    value: &'a Value,
    path: &'static str,
    rest: &'static str,
    with: &mut dyn FnMut(&'a Value) -> Visited,
) -> Visited {
    if value.is_null() {
        return Ok(());
    }
    if rest.is_empty() {
        return with(value);
    }
    let (step, rest) = rest.split_once('.').unwrap_or((rest, ""));
    let (name, filter) = match step.split_once('[') {
        Some((name, filter)) => (name, Some(filter.trim_end_matches(']'))),
        None => (step, None),
    };
    let Some(fields) = value.as_object() else {
        return Err(ReportedUsageError::about(before(path, step, rest), value, Kind::NotAnObject));
    };
    let Some(value) = fields.get(name) else { return Ok(()) };
    let Some(filter) = filter else { return descend(value, path, rest, with) };
    match value {
        Value::Null => Ok(()),
        Value::Array(items) => items
            .iter()
            .filter(|item| passes(item, filter))
            .try_for_each(|item| descend(item, path, rest, with)),
        _ => Err(ReportedUsageError::about(name, value, Kind::NotAList)),
    }
}

fn passes(item: &Value, filter: &str) -> bool {
    let Some((key, text)) = filter.split_once('=') else { return true };
    item.get(key).and_then(Value::as_str) == Some(text)
}

/// The part of `path` before `step`.
fn before(path: &'static str, step: &str, rest: &str) -> &'static str {
    let dot = usize::from(!rest.is_empty());
    let end = path.len() - rest.len() - dot - step.len();
    match path[..end].trim_end_matches('.') {
        "" => ".",
        before => before,
    }
}
