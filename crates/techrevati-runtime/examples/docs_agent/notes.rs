//! The researcher's notes: quotations with their places, and the check that they are genuine.

use std::collections::BTreeSet;

use techrevati_runtime::policy::QualityLevel;

use crate::text::one_line;

/// The format of a note, for prompts.
pub(crate) const FORMAT: &str = r#"- [file:line] "the exact words of the file""#;

/// One quotation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    pub(crate) file: String,
    pub(crate) line: Option<usize>,
    pub(crate) quote: String,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "- [{}:{line}] \"{}\"", self.file, self.quote),
            None => write!(f, "- [{}] \"{}\"", self.file, self.quote),
        }
    }
}

/// The notes in a text, each once. Lines in another format are ignored.
pub(crate) fn parse(text: &str) -> Vec<Note> {
    let mut notes = Vec::new();
    for note in text.lines().filter_map(parse_line) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

fn parse_line(line: &str) -> Option<Note> {
    let (place, rest) = line.split_once('[')?.1.split_once(']')?;
    let (open, close) = (rest.find(['"', '“'])?, rest.rfind(['"', '”'])?);
    let open = open + rest[open..].chars().next()?.len_utf8();
    let quote = one_line(rest.get(open..close)?);
    let (file, line) = match place.rsplit_once(':') {
        Some((file, line)) => (file, line.trim().split('-').next()?.parse().ok()),
        None => (place, None),
    };
    let file = file.trim().trim_matches('`').to_owned();
    (!file.is_empty() && !quote.is_empty()).then_some(Note { file, line, quote })
}

/// Keeps the notes whose quotation is in the named file. `read` returns a file's text.
pub(crate) fn genuine(notes: Vec<Note>, read: impl Fn(&str) -> Option<String>) -> Vec<Note> {
    notes
        .into_iter()
        .filter(|note| read(&note.file).is_some_and(|text| one_line(&text).contains(&note.quote)))
        .collect()
}

/// The level of the notes: more quotations from more files are better. `None` without notes.
pub(crate) fn quality(notes: &[Note]) -> Option<QualityLevel> {
    let files = notes.iter().map(|note| &note.file).collect::<BTreeSet<_>>().len();
    match (notes.len(), files) {
        (0, _) => None,
        (5.., 3..) => Some(QualityLevel::Release),
        (3.., 2..) => Some(QualityLevel::Strict),
        (2.., _) => Some(QualityLevel::Standard),
        _ => Some(QualityLevel::Minimal),
    }
}

/// The block quotes of an answer, each on one line.
pub(crate) fn block_quotes(markdown: &str) -> Vec<String> {
    let mut quotes = vec![String::new()];
    for line in markdown.lines() {
        match line.trim_start().strip_prefix('>') {
            Some(text) if !text.trim().starts_with("```") => {
                if let Some(quote) = quotes.last_mut() {
                    quote.push_str(text);
                    quote.push('\n');
                }
            }
            Some(_) => {}
            None => quotes.push(String::new()),
        }
    }
    quotes.iter().map(|quote| one_line(quote)).filter(|quote| !quote.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(file: &str, line: Option<usize>, quote: &str) -> Note {
        Note { file: file.into(), line, quote: quote.into() }
    }

    #[test]
    fn notes_round_trip_through_text_without_surrounding_prose() {
        let notes = [note("a b.md", Some(3), r#"It says "probe"."#), note("c.md", None, "x")];
        let text = format!("Here they are:\n{}\n* {}\nDone.", notes[0], notes[1]);
        assert_eq!(parse(&text), notes);
        assert_eq!(parse("- [`a.md`:3-5] “Ünd so”"), [note("a.md", Some(3), "Ünd so")]);
        assert_eq!(parse("- [] \"x\"\n- [a.md] \"\"\n- [a.md] \"\n[x] (y)"), []);
    }

    #[test]
    fn invented_quotation_is_no_note() {
        let read = |file: &str| (file == "a.md").then(|| "The probe\ndecides.".to_owned());
        let notes =
            ["The probe decides.", "The probe loses."].map(|quote| note("a.md", None, quote));
        assert_eq!(genuine(notes.to_vec(), read), notes[..1]);
        assert_eq!(genuine(vec![note("b.md", None, "The probe")], read), []);
    }

    #[test]
    fn more_quotations_from_more_files_are_better() {
        let of = |files: &[&str]| {
            quality(&files.iter().map(|file| note(file, None, "x")).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["a"]), Some(QualityLevel::Minimal));
        assert_eq!(of(&["a", "a"]), Some(QualityLevel::Standard));
        assert_eq!(of(&["a", "a", "b"]), Some(QualityLevel::Strict));
        assert_eq!(of(&["a", "a", "b", "b", "c"]), Some(QualityLevel::Release));
    }

    #[test]
    fn block_quotes_are_joined_over_lines() {
        let answer = "Intro\n\n> one\n> two\n\ntext\n> ```\n> let x;\n> ```\n";
        assert_eq!(block_quotes(answer), ["one two", "let x;"]);
    }
}
