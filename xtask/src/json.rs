//! Reads single values from the JSON of tools.
//!
//! It skips to the value. Text that is not JSON gives `None`. This is enough for the files of criterion and
//! the output of `cargo metadata`, without compiling a JSON library first.

/// The number under these keys.
pub(crate) fn number(json: &str, path: &[&str]) -> Option<f64> {
    at(json, path)?.parse().ok()
}

/// The string under these keys.
pub(crate) fn string(json: &str, path: &[&str]) -> Option<String> {
    unquote(at(json, path)?)
}

/// The text of the value under these keys.
#[cfg(test)]
pub(crate) fn value<'a>(json: &'a str, path: &[&str]) -> Option<&'a str> {
    at(json, path)
}

/// The elements of an array, as texts.
#[cfg(test)]
pub(crate) fn elements(json: &str) -> Option<Vec<&str>> {
    let mut rest = json.strip_prefix('[')?.trim_start();
    let mut found = Vec::new();
    while !rest.starts_with(']') {
        let (element, after) = split_value(rest)?;
        found.push(element);
        rest = after.trim_start();
        rest = rest.strip_prefix(',').map_or(rest, str::trim_start);
    }
    Some(found)
}

/// The text of the value under these keys.
fn at<'a>(json: &'a str, path: &[&str]) -> Option<&'a str> {
    let mut value = json.trim_start();
    for key in path {
        value = member(value, key)?;
    }
    let (value, _rest) = split_value(value)?;
    Some(value)
}

/// The text after `"key":` in the object at the start of `json`.
fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = json.strip_prefix('{')?.trim_start();
    loop {
        let (name, after) = split_value(rest)?;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        if unquote(name)? == key {
            return Some(value);
        }
        let (_skipped, after) = split_value(value)?;
        rest = after.trim_start().strip_prefix(',')?.trim_start();
    }
}

/// Splits `json` after the value at its start.
fn split_value(json: &str) -> Option<(&str, &str)> {
    let end = match json.chars().next()? {
        '"' => string_end(json)?,
        '{' | '[' => nested_end(json)?,
        _ => json.find([',', '}', ']']).unwrap_or(json.len()),
    };
    let (value, rest) = json.split_at(end);
    Some((value.trim_end(), rest))
}

/// The length of the string at the start of `json`, with its quotes.
fn string_end(json: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// The length of the object or array at the start of `json`, with its brackets.
fn nested_end(json: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut index = 0;
    while let Some(byte) = json.as_bytes().get(index) {
        match byte {
            b'"' => {
                index += string_end(&json[index..])?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        index += 1;
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

/// The text of a JSON string. Surrogate pairs of `\u` escapes are not read.
fn unquote(json: &str) -> Option<String> {
    let mut chars = json.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut text = String::new();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        text.push(match chars.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let digits: String = chars.by_ref().take(4).collect();
                char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
            }
            plain => plain,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ESTIMATES: &str = r#"{"mean":{"confidence_interval":{"confidence_level":0.95,
        "lower_bound":1.0,"upper_bound":2.0},"point_estimate":1.5},
        "median" : { "point_estimate" : 12.25e1 , "standard_error": 0.1 }, "slope":null}"#;

    #[test]
    fn a_number_is_found_under_its_path() {
        assert_eq!(number(ESTIMATES, &["median", "point_estimate"]), Some(122.5));
        assert_eq!(number(ESTIMATES, &["median", "standard_error"]), Some(0.1));
        assert_eq!(number(ESTIMATES, &["slope"]), None);
        assert_eq!(number(ESTIMATES, &["median", "upper_bound"]), None);
    }

    #[test]
    fn a_string_is_found_after_brackets_and_escapes_in_strings() {
        let json = r#"{"a":["}",{"x":"\"]"}],"full_id":"turn\/\"quoted\" \u00b5s/10","b":1}"#;
        assert_eq!(string(json, &["full_id"]).as_deref(), Some("turn/\"quoted\" µs/10"));
        assert_eq!(number(json, &["b"]), Some(1.0));
    }

    #[test]
    fn an_array_is_split_into_its_elements() {
        assert_eq!(
            elements(r#"[ {"a":[1,2]} , "],", 3 ]"#).unwrap(),
            [r#"{"a":[1,2]}"#, r#""],""#, "3"]
        );
        assert_eq!(elements("[]").unwrap(), [""; 0]);
        assert_eq!(elements("{}"), None);
        assert_eq!(value(r#"{"a":{"b":[1]}}"#, &["a", "b"]), Some("[1]"));
    }

    #[test]
    fn text_that_is_not_json_gives_none() {
        for broken in ["", "{", "[]", "{\"a\"", "{\"a\":", "{\"a\":\"x", "{\"a\":{", "nonsense"] {
            assert_eq!(string(broken, &["a"]), None, "{broken}");
        }
    }
}
