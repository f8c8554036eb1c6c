//! [`Quote`]: quotation marks, also of texts that are quoted in others.

use super::bytes::{any_blanks, count, is_mark};

/// What providers give with each token of a text.
pub(super) const PROBABILITIES: [&str; 5] =
    ["logprob", "bytes", "logProbability", "tokenId", "token_id"];

/// A quotation mark, with the backslashes before it: none, or as many as the text is nested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    mark: u8,
    slashes: usize,
}

impl Quote {
    /// The quotation mark that begins here.
    pub(super) fn at(text: &[u8], at: usize) -> Option<Self> {
        const DEEPEST: usize = 15;
        let text = text.get(at..)?;
        let slashes = count(&text[..text.len().min(DEEPEST + 1)], |byte| byte == b'\\');
        let mark = *text.get(slashes)?;
        // 0, 1, 3, 7: each level quotes the backslashes of the one before, and the mark.
        let is_level = slashes <= DEEPEST && (slashes + 1).is_power_of_two();
        (is_mark(mark) && is_level).then_some(Self { mark, slashes })
    }

    /// The mark that begins a quotation here. One that ends the quotation around a name is followed by
    /// other punctuation than a value begins with.
    pub(super) fn opening(text: &[u8], at: usize) -> Option<Self> {
        let quote = Self::at(text, at)?;
        let from = at + quote.len();
        let next = text.get(from + any_blanks(text, from))?;
        (!b",:;}])>".contains(next)).then_some(quote)
    }

    pub(super) const fn len(self) -> usize {
        self.slashes + 1
    }

    pub(super) const fn is_double(self) -> bool {
        self.mark == b'"'
    }

    pub(super) fn write(self, text: &mut String) {
        (0..self.slashes).for_each(|_| text.push('\\'));
        text.push(self.mark.into());
    }

    /// Where the quotation ends whose text begins here, with its mark, on this line.
    pub(super) fn past(self, text: &[u8], from: usize) -> Option<usize> {
        let end = self.end(text, from)?;
        let is_closed = Self::at(text, end) == Some(self);
        Some(end + if is_closed { self.len() } else { 0 })
    }

    /// Whether the quotation that ends here is a token of a text, since its probability or its bytes follow.
    pub(super) fn is_of_text(self, text: &[u8], end: usize) -> bool {
        let at = end + self.len();
        let at = at + count(&text[at.min(text.len())..], |byte| matches!(byte, b',' | b' '));
        let is_mark = Self::at(text, at) == Some(self);
        let next = &text[text.len().min(at + self.len())..];
        is_mark && PROBABILITIES.iter().any(|name| next.starts_with(name.as_bytes()))
    }

    /// Where the value of a variable ends that goes on over lines, as in a file of variables: its name begins a line,
    /// and the mark ends one.
    pub(super) fn end_of_lines(self, text: &[u8], name: usize, from: usize) -> Option<usize> {
        const LONGEST: usize = 2_048;
        let line = &text[..name];
        let line = line.strip_suffix(b"export ").unwrap_or(line);
        let is_variable = text[name].is_ascii_uppercase()
            && text[..from - self.len()].ends_with(b"=")
            && (line.is_empty() || line.ends_with(b"\n"));
        if self.slashes > 0 || !is_variable {
            return None;
        }
        let value = &text[from..text.len().min(from + LONGEST)];
        let end = value.iter().position(|&byte| byte == self.mark)?;
        matches!(text.get(from + end + 1), None | Some(b'\n' | b'\r')).then_some(from + end)
    }

    /// Where the text of a quotation ends that begins here, on this line.
    pub(super) fn end(self, text: &[u8], from: usize) -> Option<usize> {
        let mut slashes = 0;
        for (at, &byte) in text.iter().enumerate().skip(from) {
            match byte {
                b'\\' => slashes += 1,
                b'\n' => return None,
                // The text around a quotation of another kind ends.
                b'"' if self.mark != b'"' => return Some(at - slashes),
                _ if byte == self.mark => {
                    let (mine, found) = (level(self.slashes), level(slashes));
                    if found == mine {
                        return Some(at - self.slashes);
                    }
                    // The text around this one ends.
                    if found < mine {
                        return Some(at - slashes);
                    }
                    slashes = 0;
                }
                _ => slashes = 0,
            }
        }
        None
    }
}

/// How deep a mark after so many backslashes is nested: a level quotes them all, and adds its own.
const fn level(mut slashes: usize) -> u32 {
    let mut level = 0;
    while slashes % 2 == 1 {
        (slashes, level) = (slashes / 2, level + 1);
    }
    level
}
