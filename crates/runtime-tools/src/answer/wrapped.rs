//! What models write around JSON.

use serde::de::IgnoredAny;

/// Tags of thoughts that a server has left in the text: those of Qwen, `DeepSeek` and most others, and of Magistral.
const THOUGHTS: [[&str; 2]; 3] =
    [["<think>", "</think>"], ["<thinking>", "</thinking>"], ["[THINK]", "[/THINK]"]];

/// The text behind the model's thoughts. Templates of chats write the first tag into the prompt, so only the last one
/// may be there.
pub(super) fn unthought(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}').trim();
    let behind = |last| text.split_once(last).map(|(_, answer)| answer.trim());
    match THOUGHTS.iter().find(|[first, _]| text.starts_with(first)) {
        // Without its end, all of it is thoughts.
        Some([_, last]) => behind(*last).unwrap_or_default(),
        // What begins as JSON may have the tag in a string.
        None if text.starts_with(['{', '[', '"', '`']) => text,
        None => behind(THOUGHTS[0][1]).unwrap_or(text),
    }
}

/// The JSON in the blocks of Markdown, or else each object between words. Lists between words are citations as often.
pub(super) fn all(text: &str) -> Vec<&str> {
    let blocks = blocks(text);
    if blocks.is_empty() { objects(text) } else { blocks }
}

const FENCE: &str = "```";

/// The JSON at the beginning of each block. It may have fences in its texts.
fn blocks(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((_, block)) = rest.split_once(FENCE) {
        let inside = unnamed(block);
        let json = first(inside);
        let behind = json.map_or(inside, |json| &inside[json.len()..]);
        let (between, next) = behind.split_once(FENCE).unwrap_or((behind, ""));
        // A block of code may begin like JSON.
        found.extend(json.filter(|_| between.trim().is_empty()));
        rest = next;
    }
    found
}

/// A block without its language, which may stand on a line of its own or not.
fn unnamed(block: &str) -> &str {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '+' | '.');
    let (line, rest) = block.split_once('\n').unwrap_or((block, ""));
    if line.trim().chars().all(is_name) && block.contains('\n') {
        return rest.trim_start();
    }
    block.trim_start_matches(is_name).trim_start()
}

/// The objects between words, and not those inside of what is broken or cut: they are parts of an answer.
fn objects(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text);
    if text.starts_with('[') {
        return found;
    }
    while let Some(at) = rest.find('{') {
        let from = &rest[at..];
        let Some(length) = first(from).map(str::len).or_else(|| group(from)) else { break };
        found.push(&from[..length]);
        rest = &from[length..];
    }
    found
}

/// The JSON that a text begins with.
fn first(text: &str) -> Option<&str> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let is_json = matches!(values.next(), Some(Ok(_)));
    is_json.then(|| &text[..values.byte_offset()])
}

/// The length of a group of braces that is no JSON, such as `{name}`. `None` if it is not closed.
fn group(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}
