//! Colours: on a terminal, unless `NO_COLOR` is set or the terminal is dumb.

use std::env;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal as _};

/// Whether to use colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Color {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Violet = 35,
    Gray = 90,
}

impl Paint {
    pub(crate) fn of_stdout() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(io::stdout().is_terminal() && !unwanted)
    }

    pub(crate) fn color(self, color: Color, text: impl Display) -> impl Display {
        Painted { color: self.0.then_some(color), text }
    }
}

struct Painted<T> {
    color: Option<Color>,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.color {
            Some(color) => write!(f, "\u{1b}[{}m{}\u{1b}[0m", color as u8, self.text),
            None => self.text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn painted_text_resets_the_color_at_its_end() {
        assert_eq!(Paint(true).color(Color::Red, "x").to_string(), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Paint(false).color(Color::Red, "x").to_string(), "x");
    }
}
