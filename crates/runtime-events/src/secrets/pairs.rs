//! Entries that have a name and a value side by side: `{"name": "password", "value": "…"}`, a tuple, a line of YAML.

use super::bytes::{any_blanks, blanks, count, count_back, is_mark};
use super::quote::Quote;
use super::shapes::FAR;

/// `, "value": "…"` or `, "…"` after a quoted name: an entry of a list of pairs, or of a tuple. Returns
/// the length up to the value.
pub(super) fn pair(text: &[u8], start: usize, comma: usize, quote: Option<Quote>) -> Option<usize> {
    let quote = quote?;
    let opening = start.checked_sub(quote.len())?;
    let at = comma + 1 + any_blanks(text, comma + 1);
    let second = Quote::at(text, at)?;
    let word = at + second.len();
    let end = word + 5;
    let is_value = text.get(word..end).is_some_and(|word| word.eq_ignore_ascii_case(b"value"));
    if is_value && Quote::at(text, end) == Some(second) {
        let colon = end + second.len();
        let colon = colon + any_blanks(text, colon);
        let is_entry = text.get(colon) == Some(&b':') && is_named(text, opening);
        return is_entry.then_some(colon + 1 - comma);
    }
    let is_in = |bracket: &[u8]| {
        Quote::at(text, opening) == Some(quote)
            && text[..opening].trim_ascii_end().ends_with(bracket)
    };
    // A list of names has no hyphens, as those of headers have.
    let is_header = || is_in(b"[") && text[start..comma].contains(&b'-');
    ((is_in(b"(") || is_header()) && second == quote).then_some(1)
}

/// `value=` of an element, or `value:` of an entry in YAML, after its quoted key.
pub(super) fn attribute(
    text: &[u8],
    start: usize,
    at: usize,
    quote: Option<Quote>,
) -> Option<usize> {
    let word = text.get(at..at + 6)?;
    let is_value = word.eq_ignore_ascii_case(b"value=") || word == b"value:";
    (is_value && is_named(text, start.checked_sub(quote?.len())?)).then_some(6)
}

/// `value:` in the line below `name: NAME`, as lists of variables in YAML have it. Returns the length up to the value.
pub(super) fn entry(text: &[u8], start: usize, line: usize) -> Option<usize> {
    let at = line + any_blanks(text, line);
    (text[at..].starts_with(b"value: ") && is_named(text, start)).then_some(at + 6 - line)
}

/// `default = ` in the block of a variable of Terraform, `variable "name" {`. Returns the length up to the value.
pub(super) fn default(text: &[u8], start: usize, bracket: usize) -> Option<usize> {
    const DEFAULT: &[u8] = b"default";
    let before = text[..start].strip_suffix(b"\"")?.trim_ascii_end();
    let block = &text[bracket..text.len().min(bracket + FAR)];
    let block = &block[..count(block, |byte| byte != b'}')];
    if !before.ends_with(b"variable") {
        return None;
    }
    let is_word = |at: usize| block[..at].ends_with(b" ") || block[..at].ends_with(b"\n");
    let found = block.windows(DEFAULT.len()).enumerate();
    let mut found = found.filter(|(at, word)| *word == DEFAULT && is_word(*at));
    let end = found.next()?.0 + DEFAULT.len();
    let sign = end + blanks(block, end);
    (block.get(sign) == Some(&b'=')).then_some(sign + 1)
}

/// Whether `"name":`, `"key":`, `name=` or `key=` stands before this place.
fn is_named(text: &[u8], at: usize) -> bool {
    let before = &text[at.saturating_sub(16)..at];
    let before = before.trim_ascii_end();
    let Some(before) = before.strip_suffix(b":").or_else(|| before.strip_suffix(b"=")) else {
        return false;
    };
    let marks =
        count_back(before, |byte| byte.is_ascii_whitespace() || is_mark(byte) || byte == b'\\');
    let before = before[..before.len() - marks].to_ascii_lowercase();
    [b"name".as_slice(), b"key", b"header"].iter().any(|name| before.ends_with(name))
}
