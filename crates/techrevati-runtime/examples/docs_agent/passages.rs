//! Passages: a document cut at its paragraphs, with the headings above them.

use std::path::Path;

/// A passage beyond this many bytes ends at the next list item.
const PASSAGE_BYTES: usize = 200;

/// A paragraph and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Passage {
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    /// The headings above it, outermost first, joined by ` › `.
    pub(crate) heading: String,
    pub(crate) text: String,
    /// Whether it is neither code nor a table.
    pub(crate) prose: bool,
}

impl Passage {
    /// Whether its lines must stay as they are.
    pub(crate) fn is_code(&self) -> bool {
        !self.prose && !self.text.trim_start().starts_with('|')
    }
}

/// Cuts a file into passages. `first_line` is the number of the first line, for a part of a file.
pub(crate) fn cut_up(file: &str, text: &str, first_line: usize) -> Vec<Passage> {
    let prose_file = Path::new(file).extension().is_none_or(|extension| {
        ["md", "markdown", "txt", "rst", "adoc", "org"].iter().any(|known| extension == *known)
    });
    let mut cutter = Cutter { file, headings: Vec::new(), block: None, found: Vec::new() };
    let lines = text.lines().collect::<Vec<_>>();
    let mut fence = None;
    for (index, line) in lines.iter().enumerate().skip(front_matter(&lines)) {
        let bare = line.trim();
        let marker = ["```", "~~~"].into_iter().find(|marker| bare.starts_with(marker));
        if let Some(open) = fence {
            if marker == Some(open) {
                fence = None;
                cutter.end();
            } else {
                cutter.add(first_line + index, line, false);
            }
        } else if marker.is_some() {
            fence = marker;
            cutter.end();
        } else if let Some((level, title)) =
            heading(bare, lines.get(index + 1)).filter(|_| prose_file)
        {
            cutter.end();
            cutter.headings.retain(|(outer, _)| *outer < level);
            cutter.headings.push((level, title.into()));
        } else if bare.is_empty() || is_rule(bare) {
            cutter.end();
        } else {
            let table = bare.starts_with('|');
            let bullet = bare.trim_start_matches(|c: char| c.is_ascii_digit());
            let item = ["- ", "* ", "+ ", ". "].iter().any(|mark| bullet.starts_with(mark));
            if table || (item && cutter.len() > PASSAGE_BYTES) {
                cutter.end();
            }
            cutter.add(first_line + index, line, prose_file && !table);
        }
    }
    cutter.end();
    cutter.found
}

/// The number of lines at the top of a page that are settings of a site generator.
fn front_matter(lines: &[&str]) -> usize {
    let fenced = lines.first().is_some_and(|first| first.trim_end() == "---");
    let end = lines.iter().skip(1).position(|line| line.trim_end() == "---").filter(|_| fenced);
    end.map_or(0, |end| end + 2)
}

/// Level and title of a heading (`# Title`, or a title with a line below it).
fn heading<'a>(line: &'a str, below: Option<&&str>) -> Option<(usize, &'a str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&level) && line[level..].starts_with(' ') {
        return Some((level, line[level..].trim_matches(['#', ' '])));
    }
    let drawn = below.map(|below| below.trim()).filter(|below| {
        below.len() >= 3 && below.len() + 2 >= line.chars().count() && is_rule(below)
    })?;
    (line.chars().any(char::is_alphanumeric) && !line.contains('|'))
        .then(|| (if drawn.starts_with('=') { 1 } else { 2 }, line))
}

fn is_rule(line: &str) -> bool {
    ['=', '-', '~'].iter().any(|mark| line.len() >= 3 && line.chars().all(|c| c == *mark))
        || (line.starts_with('|') && line.chars().all(|c| "|-: ".contains(c)))
}

/// Collects the lines of the passage that is being read.
struct Cutter<'a> {
    file: &'a str,
    headings: Vec<(usize, String)>,
    block: Option<Passage>,
    found: Vec<Passage>,
}

impl Cutter<'_> {
    fn len(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.text.len())
    }

    fn add(&mut self, line: usize, text: &str, prose: bool) {
        if let Some(block) = &mut self.block {
            block.text.push('\n');
            block.text.push_str(text.trim_end());
            return;
        }
        let titles = self.headings.iter().map(|(_, title)| title.as_str()).collect::<Vec<_>>();
        let (heading, text) = (titles.join(" › "), text.trim_end().into());
        self.block = Some(Passage { file: self.file.into(), line, heading, text, prose });
    }

    fn end(&mut self) {
        let worded = |block: &Passage| block.text.chars().any(char::is_alphanumeric);
        self.found.extend(self.block.take().filter(worded));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "---\ntitle: x\n---\n# Breaker\n\nIt guards a provider.\n\n## Recovery\n\n\
        After the timeout it lets a probe through.\nThe probe decides.\n\n```rust\nlet breaker = 1;\n\
        // recovery\n```\n\nOther\n-----\n| a | b |\n|---|---|\n| retry | waits |\n";

    fn texts(passages: &[Passage]) -> Vec<(usize, &str, &str)> {
        passages.iter().map(|p| (p.line, p.heading.as_str(), p.text.as_str())).collect()
    }

    #[test]
    fn page_is_cut_at_blank_lines_headings_fences_and_rows() {
        assert_eq!(
            texts(&cut_up("a.md", PAGE, 1)),
            [
                (6, "Breaker", "It guards a provider."),
                (
                    10,
                    "Breaker › Recovery",
                    "After the timeout it lets a probe through.\nThe probe decides."
                ),
                (14, "Breaker › Recovery", "let breaker = 1;\n// recovery"),
                (20, "Breaker › Other", "| a | b |"),
                (22, "Breaker › Other", "| retry | waits |"),
            ]
        );
    }

    #[test]
    fn part_of_a_file_keeps_its_line_numbers() {
        assert_eq!(cut_up("a.txt", "one\n\ntwo", 40)[1].line, 42);
    }
}
