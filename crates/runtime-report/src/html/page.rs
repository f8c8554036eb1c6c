//! HTML under construction. Only literals of ours are written as they are; all text is escaped.

use std::fmt::{self, Display, Write as _};

use crate::show::{self, is_hidden, visible};

/// A page, or a part of one.
pub(super) struct Page {
    html: String,
}

impl Page {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { html: String::with_capacity(bytes) }
    }

    /// Our own markup: a literal, so that no text of a log can come this way.
    pub(super) fn raw(&mut self, html: &'static str) -> &mut Self {
        self.html.push_str(html);
        self
    }

    /// Any text, as text: in an element, or in an attribute with quotes.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        // Writing to a string cannot fail, and our own `Display`s do not.
        let _ = write!(Escaped(&mut self.html), "{text}");
        self
    }

    /// At most `limit` characters of a text, and how many more there are.
    pub(super) fn cut(&mut self, text: &str, limit: usize) -> &mut Self {
        match text.char_indices().nth(limit) {
            None => self.text(text),
            Some((end, _)) => {
                let more = text[end..].chars().count();
                self.text(&text[..end]).raw("<small> … ");
                self.text(show::count(more as u64)).raw(" more characters</small>")
            }
        }
    }

    /// The first characters of a text, for a place without room for more.
    pub(super) fn start(&mut self, text: &str, limit: usize) -> &mut Self {
        let end = text.char_indices().nth(limit).map_or(text.len(), |(end, _)| end);
        self.text(&text[..end])
    }

    /// A share of the width, for a style.
    pub(super) fn percent(&mut self, percent: f64) -> &mut Self {
        let _ = write!(self.html, "{percent:.2}%");
        self
    }

    pub(super) fn into_string(self) -> String {
        self.html
    }
}

/// Writes characters with a meaning in HTML as entities, invisible ones as signs, and those that turn
/// the direction of text as their codes.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut done = 0;
        for (at, char) in text.char_indices() {
            if !is_special(char) {
                continue;
            }
            self.0.push_str(&text[done..at]);
            done = at + char.len_utf8();
            match char {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                char => write!(self.0, "{}", visible(char))?,
            }
        }
        self.0.push_str(&text[done..]);
        Ok(())
    }
}

const fn is_special(char: char) -> bool {
    matches!(char, '&' | '<' | '>' | '"' | '\'') || is_hidden(char)
}
