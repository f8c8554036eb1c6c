//! The wording of the extractive model's notes and answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::NAME;
use crate::notes::Note;
use crate::passages::Passage;
use crate::text::one_line;

/// The notes, one per line.
pub(crate) fn notes(notes: &[Note]) -> String {
    if notes.is_empty() {
        return "I found nothing in the folder that answers the question.".into();
    }
    notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A page of quotations with their files, in Markdown. `passages` are the sources of the notes.
pub(crate) fn answer(question: &str, notes: &[Note], passages: &[Passage]) -> String {
    let mut page = format!("# {question}\n");
    let mut files = BTreeMap::<&str, usize>::new();
    for (index, note) in notes.iter().enumerate() {
        let source = passages.iter().find(|passage| {
            passage.file == note.file && one_line(&passage.text).contains(&note.quote)
        });
        let heading =
            source.map(|passage| passage.heading.as_str()).filter(|title| !title.is_empty());
        let place = match (heading, note.line) {
            (Some(heading), _) => format!("`{}`, “{heading}”", note.file),
            (None, Some(line)) => format!("`{}`, line {line}", note.file),
            (None, None) => format!("`{}`", note.file),
        };
        let lead = match index {
            0 => "The passage that fits best is in",
            1 => "Further, from",
            _ => "And from",
        };
        let _ = write!(page, "\n{lead} {place}:\n\n{}\n", block_quote(&note.quote, source));
        *files.entry(&note.file).or_default() += 1;
    }
    if notes.is_empty() {
        page.push_str("\nThe notes hold no quotation, so there is no answer.\n");
    }
    page.push_str("\n## Sources\n\n");
    for (file, count) in files {
        let _ =
            writeln!(page, "- `{file}`: {count} quotation{}", if count == 1 { "" } else { "s" });
    }
    let _ = write!(
        page,
        "\n*Put together by `{NAME}`, which ranks and quotes passages. It is no language model: \
         every quotation is word for word, and nothing was added.*\n"
    );
    page
}

/// The quotation, with the line breaks of its source if it is a whole passage.
fn block_quote(quote: &str, source: Option<&Passage>) -> String {
    let whole = source.filter(|passage| one_line(&passage.text) == quote);
    let lines = whole.map_or(quote, |passage| &passage.text).lines();
    let mut lines = lines.map(str::to_owned).collect::<Vec<_>>();
    if whole.is_some_and(Passage::is_code) {
        lines.insert(0, "```".into());
        lines.push("```".into());
    }
    lines.iter().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}
