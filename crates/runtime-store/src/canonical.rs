//! JSON with one spelling for each value: RFC 8785, with exact integers.

use serde_json::{Number, Value};

/// Writes JSON in its one canonical spelling: keys sorted, no white space, numbers in their shortest form.
///
/// It follows [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785), so that a digest can be computed again in
/// any language. One thing differs: an integer beyond 2^53 keeps all its digits. RFC 8785 rounds it to a
/// double, so that two different amounts would have one digest.
///
/// ```
/// use runtime_store::canonical_json;
/// use serde_json::json;
///
/// let payment = json!({ "to": "ACME", "amount": 12.50, "id": 9_007_199_254_740_993_u64 });
/// let canonical = canonical_json(&payment);
/// assert_eq!(canonical, r#"{"amount":12.5,"id":9007199254740993,"to":"ACME"}"#);
/// ```
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

/// The same of a list of two texts and a value, which need not be copied into one.
pub(crate) fn canonical_list(texts: [&str; 2], value: &Value) -> String {
    // Most lists have no more.
    let mut out = String::with_capacity(64);
    out.push('[');
    for text in texts {
        write_text(&mut out, text);
        out.push(',');
    }
    write(&mut out, value);
    out.push(']');
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => write_list(out, ['[', ']'], items, write),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            // By UTF-16 code units, which order texts outside the basic plane unlike their bytes.
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            write_list(out, ['{', '}'], &members, |out, (key, value)| {
                write_text(out, key);
                out.push(':');
                write(out, value);
            });
        }
    }
}

fn write_list<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: &[T],
    one: impl Fn(&mut String, &T),
) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        one(out, item);
    }
    out.push(close);
}

fn write_number(out: &mut String, number: &Number) {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.is_finite() => {
            out.push_str(ryu_js::Buffer::new().format_finite(float));
        }
        // All digits of an integer.
        _ => out.push_str(&number.to_string()),
    }
}

/// The escapes of `serde_json` are those of RFC 8785.
fn write_text(out: &mut String, text: &str) {
    let needs_none = |byte| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(needs_none) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}
