//! Paths into JSON, such as `prompt_tokens_details.cached_tokens`.
//!
//! `choices[].delta` stands for all items of an array. `details[modality=image|video].count` stands for
//! the items with one of these texts under that key.
//!
//! The names of counts are those of any spelling: `promptTokens`, `prompt_tokens` and `PromptTokens` are one.
//! Clients write what a provider said in the spelling of their language. An exact name comes first.

use serde_json::{Map, Value};

use super::error::{ReportedUsageError, ReportedUsageErrorKind as Kind};

type Visited = Result<(), ReportedUsageError>;

/// A path whose beginning is known beforehand, since most objects do not have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) text: &'static str,
    /// The length of its first name.
    first: usize,
    /// The marks of its first name, and of the second if it is a field of the first.
    marks: [u8; 2],
}

impl Path {
    pub(crate) const fn new(text: &'static str) -> Self {
        let first = name_at(text, 0);
        let second = if is_dot(text, first) { name_at(text, first + 1) } else { first };
        Self { text, first, marks: [mark(text, 0, first), mark(text, first + 1, second)] }
    }

    /// Its first name.
    pub(crate) fn first(&self) -> &'static str {
        &self.text[..self.first]
    }

    pub(crate) const fn all<const N: usize>(texts: [&'static str; N]) -> [Self; N] {
        let mut paths = [Self { text: "", first: 0, marks: [0; 2] }; N];
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

/// One of 64 marks of a name: by its first two letters, its last one, and how many it has. Its spellings share it.
#[expect(clippy::cast_possible_truncation, reason = "it is below 64")]
const fn mark(text: &str, start: usize, end: usize) -> u8 {
    if end < start + 2 {
        return 0;
    }
    let text = text.as_bytes();
    let (mut letters, mut at) = (0, start);
    while at < end {
        letters += (text[at] != b'_') as usize;
        at += 1;
    }
    // The bits of a letter without its case.
    let [first, second, last] = [text[start] & 31, text[start + 1] & 31, text[end - 1] & 31];
    ((3 * first as usize + 11 * second as usize + 5 * last as usize + 7 * letters) % 64) as u8
}

/// Whether two names differ in nothing but the case of letters, and in what joins their words.
pub(crate) fn is_spelling(name: &str, of: &str) -> bool {
    let (name, of) = (name.as_bytes(), of.as_bytes());
    let (mut at, mut at_of) = (0, 0);
    loop {
        match (name.get(at), of.get(at_of)) {
            (Some(b'_'), _) => at += 1,
            (_, Some(b'_')) => at_of += 1,
            (Some(letter), Some(of)) if letter.eq_ignore_ascii_case(of) => {
                at += 1;
                at_of += 1;
            }
            (letter, of) => return letter.is_none() && of.is_none(),
        }
    }
}

/// The value of the field with this name, in any spelling.
pub(crate) fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let other = || fields.iter().find(|(key, _)| is_spelling(key, name)).map(|(_, value)| value);
    fields.get(name).or_else(other)
}

/// The fields of an object, of which each is marked once, however many names it is asked for.
#[derive(Clone, Copy)]
struct Fields<'a> {
    value: &'a Value,
    /// The marks of all its names. What is no object may have any.
    marks: u64,
}

impl<'a> Fields<'a> {
    fn new(value: &'a Value) -> Self {
        let marks = value.as_object().map_or(u64::MAX, |fields| {
            fields.keys().fold(0, |marks, name| marks | 1 << mark(name, 0, name.len()))
        });
        Self { value, marks }
    }

    const fn may_have(&self, mark: u8) -> bool {
        self.marks >> mark & 1 == 1
    }
}

/// An object that is asked for many paths. It remembers the last object inside it.
pub(crate) struct Object<'a> {
    fields: Fields<'a>,
    inside: (&'static str, Fields<'a>),
}

impl<'a> Object<'a> {
    pub(crate) fn new(value: &'a Value) -> Self {
        Self { fields: Fields::new(value), inside: ("", Fields::new(&Value::Null)) }
    }

    /// As [`visit`].
    #[inline]
    pub(crate) fn visit(
        &mut self,
        path: Path,
        with: &mut dyn FnMut(&'a Value) -> Visited,
    ) -> Visited {
        // Most paths end here.
        if self.fields.may_have(path.marks[0]) { self.look(path, with) } else { Ok(()) }
    }

    fn look(&mut self, path: Path, with: &mut dyn FnMut(&'a Value) -> Visited) -> Visited {
        let Path { text, first, marks: [_, inner] } = path;
        let (name, rest) = text.split_at(first);
        match self.fields.value.as_object() {
            Some(fields) if rest.is_empty() => match field(fields, name) {
                None | Some(Value::Null) => Ok(()),
                Some(value) => with(value),
            },
            Some(fields) if rest.starts_with('.') => {
                if self.inside.0 != name {
                    let value = field(fields, name).unwrap_or(&Value::Null);
                    self.inside = (name, Fields::new(value));
                }
                let inside = self.inside.1;
                if inside.may_have(inner) {
                    descend(inside.value, text, &rest[1..], field, with)
                } else {
                    Ok(())
                }
            }
            _ => descend(self.fields.value, text, text, field, with),
        }
    }

    /// The value at this path, if there is one.
    pub(crate) fn value(&mut self, path: Path) -> Result<Option<&'a Value>, ReportedUsageError> {
        let mut found = None;
        self.visit(path, &mut |value| {
            found = Some(value);
            Ok(())
        })?;
        Ok(found)
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
    descend(value, path, path, |fields, name| fields.get(name), with)
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
    field: fn(&'a Map<String, Value>, &str) -> Option<&'a Value>,
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
    let Some(value) = field(fields, name) else { return Ok(()) };
    let Some(filter) = filter else { return descend(value, path, after, field, with) };
    match value {
        Value::Null => Ok(()),
        Value::Array(items) => items
            .iter()
            .filter(|item| passes(item, filter))
            .try_for_each(|item| descend(item, path, after, field, with)),
        _ => Err(ReportedUsageError::about(name, value, Kind::NotAList)),
    }
}

fn passes(item: &Value, filter: &str) -> bool {
    let Some((key, text)) = filter.split_once('=') else { return true };
    let found = item.get(key).and_then(Value::as_str).unwrap_or("");
    text.split('|').any(|text| text.eq_ignore_ascii_case(found))
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
