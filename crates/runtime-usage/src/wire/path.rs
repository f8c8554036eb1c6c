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
    /// Whether it has two names and nothing else, as most have.
    is_pair: bool,
    /// The marks of its first name, and of the second, which is a field of the first or of its items.
    marks: [u8; 2],
}

/// Instead of the mark of a second name that cannot be told before the items of a list are seen.
const ANY: u8 = u8::MAX;

impl Path {
    pub(crate) const fn new(text: &'static str) -> Self {
        let first = name_at(text, 0);
        let second = second_at(text, first);
        let end = name_at(text, second);
        let inner = if end > second { mark(text, second, end) } else { ANY };
        let is_pair = second == first + 1 && end == text.len();
        Self { text, first, is_pair, marks: [mark(text, 0, first), inner] }
    }

    /// Its first name.
    pub(crate) fn first(&self) -> &'static str {
        &self.text[..self.first]
    }

    pub(crate) const fn all<const N: usize>(texts: [&'static str; N]) -> [Self; N] {
        let mut paths = [Self::new(""); N];
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

/// The beginning of the second name, behind the end of the first one: after a `.`, or after a `[].`.
const fn second_at(path: &str, first: usize) -> usize {
    if is(path, first, b'.') {
        return first + 1;
    }
    let is_list = is(path, first, b'[') && is(path, first + 1, b']') && is(path, first + 2, b'.');
    if is_list { first + 3 } else { path.len() }
}

const fn is(path: &str, at: usize, byte: u8) -> bool {
    at < path.len() && path.as_bytes()[at] == byte
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
    ((23 * first as usize + 35 * (second as usize + last as usize) + 52 * letters) % 64) as u8
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
    /// The marks of all its names, or of those of its items. What is none of these may have any.
    marks: u64,
}

impl<'a> Fields<'a> {
    fn new(value: &'a Value) -> Self {
        let marks = match value {
            Value::Null => 0,
            Value::Object(fields) => marks_of(fields),
            Value::Array(items) => items
                .iter()
                .fold(0, |marks, item| marks | item.as_object().map_or(u64::MAX, marks_of)),
            _ => u64::MAX,
        };
        Self { value, marks }
    }

    const fn may_have(&self, mark: u8) -> bool {
        mark == ANY || self.marks >> mark & 1 == 1
    }
}

fn marks_of(fields: &Map<String, Value>) -> u64 {
    fields.keys().fold(0, |marks, name| marks | 1 << mark(name, 0, name.len()))
}

/// An object that is asked for many paths. It remembers the last field that it was asked to look into.
pub(crate) struct Object<'a> {
    fields: Fields<'a>,
    inside: (&'static str, Fields<'a>),
}

impl<'a> Object<'a> {
    pub(crate) fn new(value: &'a Value) -> Self {
        Self { fields: Fields::new(value), inside: ("", Fields::new(&Value::Null)) }
    }

    /// The whole object.
    pub(crate) const fn get(&self) -> &'a Value {
        self.fields.value
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
        let Path { text, first, is_pair, marks: [_, inner] } = path;
        let name = path.first();
        let Some(fields) = self.fields.value.as_object() else {
            return descend(self.fields.value, text, text, field, with);
        };
        if first == text.len() {
            return field(fields, name).filter(|value| !value.is_null()).map_or(Ok(()), with);
        }
        if self.inside.0 != name {
            let value = field(fields, name).unwrap_or(&Value::Null);
            self.inside = (name, Fields::new(value));
        }
        let inside = self.inside.1;
        if !inside.may_have(inner) {
            return Ok(());
        }
        if let Some(fields) = inside.value.as_object().filter(|_| is_pair) {
            let value = field(fields, &text[first + 1..]);
            return value.filter(|value| !value.is_null()).map_or(Ok(()), with);
        }
        let (_, filter, after) = first_step(text);
        match filter {
            Some(filter) => descend_items(inside.value, name, filter, (text, after), field, with),
            None => descend(inside.value, text, after, field, with),
        }
    }

    /// The object at this path, if there is one.
    pub(crate) fn object(&mut self, path: Path) -> Option<&'a Value> {
        let mut found = None;
        // A value of another shape has none.
        let _ = self.visit(path, &mut |value| {
            found = found.or_else(|| Some(value).filter(|value| value.is_object()));
            Ok(())
        });
        found
    }

    /// Whether there is anything at this path.
    pub(crate) fn has(&mut self, path: Path) -> bool {
        self.value(path).is_ok_and(|value| value.is_some())
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

pub(crate) fn bytes_within(value: &Value) -> u64 {
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
    match filter {
        Some(filter) => descend_items(value, name, filter, (path, after), field, with),
        None => descend(value, path, after, field, with),
    }
}

/// Walks on from the items of the list with this name that pass the filter.
fn descend_items<'a>(
    value: &'a Value,
    name: &str,
    filter: &str,
    (path, after): (&'static str, &'static str),
    field: fn(&'a Map<String, Value>, &str) -> Option<&'a Value>,
    with: &mut dyn FnMut(&'a Value) -> Visited,
) -> Visited {
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
