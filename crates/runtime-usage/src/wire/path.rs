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
    let (name, filter, after) = first_step(rest);
    let Some(fields) = value.as_object() else {
        let before = match path[..path.len() - rest.len()].trim_end_matches('.') {
            "" => ".",
            before => before,
        };
        return Err(ReportedUsageError::about(before, value, Kind::NotAnObject));
    };
    let Some(value) = fields.get(name) else { return Ok(()) };
    let Some(filter) = filter else { return descend(value, path, after, with) };
    match value {
        Value::Null => Ok(()),
        Value::Array(items) => items
            .iter()
            .filter(|item| passes(item, filter))
            .try_for_each(|item| descend(item, path, after, with)),
        _ => Err(ReportedUsageError::about(name, value, Kind::NotAList)),
    }
}

fn passes(item: &Value, filter: &str) -> bool {
    let Some((key, text)) = filter.split_once('=') else { return true };
    item.get(key).and_then(Value::as_str) == Some(text)
}

/// The name of the first step of a path, the filter in its brackets, and the path behind it.
///
/// Byte by byte: names are shorter than what a search for a character sets up.
fn first_step(path: &str) -> (&str, Option<&str>, &str) {
    let end = path.bytes().position(|byte| matches!(byte, b'.' | b'['));
    let Some(end) = end else { return (path, None, "") };
    let (name, after) = (&path[..end], &path[end + 1..]);
    if path.as_bytes()[end] == b'.' {
        return (name, None, after);
    }
    let (filter, after) = after.split_once(']').unwrap_or((after, ""));
    (name, Some(filter), after.trim_start_matches('.'))
}
