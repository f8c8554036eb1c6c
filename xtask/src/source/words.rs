//! Rust text as words: names, numbers and signs, without comments and literals.

/// A word of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a>(pub(crate) &'a str);

/// The words of a text, without strings and characters. `::` is one word.
pub(crate) fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let length = if let Some(length) = blank(rest) {
            rest = &rest[length..];
            continue;
        } else if rest.starts_with("::") {
            2
        } else if char.is_alphanumeric() || char == '_' {
            rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len())
        } else {
            char.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        found.push(Word(word));
        rest = after;
    }
    found
}

/// Whether a word can be a name in a path.
pub(crate) fn is_name(word: &str) -> bool {
    word.starts_with(|char: char| char.is_alphabetic() || char == '_')
}

/// The type of the head of an `impl`, if it is of no trait: `Name` in `impl<T> a::Name<T>`.
pub(crate) fn implemented<'a>(head: &[&'a str]) -> Option<&'a str> {
    if head.contains(&"for") {
        return None;
    }
    let (mut open, mut name) = (0_usize, None);
    for (index, word) in head.iter().enumerate().skip(1) {
        match *word {
            "<" => open += 1,
            // The sign of a function's result closes nothing.
            ">" if head[index - 1] != "-" => open = open.saturating_sub(1),
            "where" if open == 0 => break,
            word if open == 0 && is_name(word) => name = Some(word),
            _ => {}
        }
    }
    name
}

/// The length of the blank, comment, string or character at the start of the text.
fn blank(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    if first.is_whitespace() {
        return Some(first.len_utf8());
    }
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(text.find("*/").map_or(text.len(), |end| end + 2));
    }
    if text.starts_with("b'") {
        return blank(&text[1..]).map(|length| length + 1);
    }
    let body = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - body.len();
    if prefix <= 1 {
        if body.starts_with('"') {
            return Some(prefix + quoted(body));
        }
        let raw = body.strip_prefix('r').unwrap_or_default();
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(inside) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
            return Some(text.len() - inside.len() + length);
        }
    }
    if first == '\'' {
        let mut chars = text.char_indices().skip(1);
        let (_, char) = chars.next()?;
        if char == '\\' {
            let (escaped, _) = chars.next()?;
            let from = escaped + 1;
            return Some(text.get(from..)?.find('\'').map_or(text.len(), |end| from + end + 1));
        }
        // A character ends with a quote; a lifetime does not.
        if let Some((end, '\'')) = chars.next() {
            return Some(end + 1);
        }
    }
    None
}

/// The length of the string at the start of the text, with its quotes.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_words() {
        let text = "a::b // c\n/* d */ \"e \\\" f\" r#\"g \" h\"# b'i' '\\'' '\\u{1}' 'j 'k' l_1 br\"m\" bc";
        let found: Vec<_> = words(text).iter().map(|word| word.0).collect();
        assert_eq!(found, ["a", "::", "b", "'", "j", "l_1", "bc"]);
    }
}
