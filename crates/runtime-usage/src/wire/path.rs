//! Paths into JSON, such as `prompt_tokens_details.cached_tokens`.
//!
//! `choices[].delta` stands for all items of an array. `details[modality=AUDIO].count` stands for the
//! items with that text under that key.

use serde_json::Value;

use super::error::{ReportedUsageError, ReportedUsageErrorKind as Kind};

type Visited = Result<(), ReportedUsageError>;

/// A path whose beginning is known beforehand, since most objects do not have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) text: &'static str,
    /// The length of its first name.
    first: usize,
    /// The bits of its first name, and of the second if it is a field of the first.
    bits: [u64; 2],
}

impl Path {
    pub(crate) const fn new(text: &'static str) -> Self {
        let first = name_at(text, 0);
        let second = if is_dot(text, first) { name_at(text, first + 1) } else { first };
        Self { text, first, bits: [bit(text, 0, first), bit(text, first + 1, second)] }
    }

    /// Its first name.
    pub(crate) fn first(&self) -> &'static str {
        &self.text[..self.first]
    }

    pub(crate) const fn all<const N: usize>(texts: [&'static str; N]) -> [Self; N] {
        let mut paths = [Self { text: "", first: 0, bits: [0; 2] }; N];
        let mut at = 0;
        while at < N {
            paths[at] = Self::new(texts[at]);
            at += 1;
        }
        paths
    }
}

/// The end of the name that begins at this place.
const fn name_at(path: &str, mut at: usize) -> usize {
    let path = path.as_bytes();
    while at < path.len() && !matches!(path[at], b'.' | b'[') {
        at += 1;
    }
    at
}

const fn is_dot(path: &str, at: usize) -> bool {
    at < path.len() && path.as_bytes()[at] == b'.'
}

/// One of 64 bits for a name: by its length, and its first and last letters.
const fn bit(text: &str, start: usize, end: usize) -> u64 {
    if end <= start {
        return 0;
    }
    let text = text.as_bytes();
    let letters = 3 * text[start] as usize + 5 * text[end - 1] as usize;
    1 << ((letters + 7 * (end - start)) % 64)
}

/// The bits of all names in an object. What is none may have any.
fn bits(value: &Value) -> u64 {
    let Some(fields) = value.as_object() else { return u64::MAX };
    fields.keys().fold(0, |bits, name| bits | bit(name, 0, name.len()))
}

/// An object that is asked for many paths. It remembers the last object inside it.
pub(crate) struct Object<'a> {
    value: &'a Value,
    bits: u64,
    inside: (&'static str, &'a Value, u64),
}

impl<'a> Object<'a> {
    pub(crate) fn new(value: &'a Value) -> Self {
        Self { value, bits: bits(value), inside: ("", &Value::Null, 0) }
    }

    /// As [`visit`].
    pub(crate) fn visit(
        &mut self,
        path: Path,
        with: &mut dyn FnMut(&'a Value) -> Visited,
    ) -> Visited {
        let Path { text, first, bits: [outer, inner] } = path;
        if self.bits & outer == 0 {
            return Ok(());
        }
        let (name, rest) = text.split_at(first);
        match self.value.as_object() {
            Some(fields) if rest.is_empty() => match fields.get(name) {
                None | Some(Value::Null) => Ok(()),
                Some(value) => with(value),
            },
            Some(fields) if rest.starts_with('.') => {
                if self.inside.0 != name {
                    let value = fields.get(name).unwrap_or(&Value::Null);
                    self.inside = (name, value, bits(value));
                }
                let (_, value, bits) = self.inside;
                if bits & inner == 0 { Ok(()) } else { descend(value, text, &rest[1..], with) }
            }
            _ => visit(self.value, text, with),
        }
    }

    /// As [`text`].
    pub(crate) fn text(&mut self, path: Path) -> Option<&'a str> {
        let mut found = None;
        // A value of another shape has no text.
        let _ = self.visit(path, &mut |value| {
            found = value.as_str().or(found);
            Ok(())
        });
        found
    }
}

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

/// The object at `path`, if there is one.
pub(crate) fn object<'a>(value: &'a Value, path: &'static str) -> Option<&'a Value> {
    let mut found = None;
    // A value of another shape has none.
    let _ = visit(value, path, &mut |value| {
        found = found.or_else(|| Some(value).filter(|value| value.is_object()));
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
