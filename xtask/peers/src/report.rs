//! The tables of results, for a terminal or as Markdown.

use crate::suite::{SLACK, Suite};
use crate::table;

/// Rows under a heading.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
    /// The columns with numbers.
    numbers: &'static [usize],
}

/// The comparisons: name, ours, peer, ratio, allowed ratio, verdict.
pub(crate) fn ratios(suite: &Suite) -> Table<7> {
    let heading = ["what", "ours (ns)", "peer", "peer (ns)", "ratio", "allowed", "verdict"]
        .map(str::to_owned);
    let rows = suite.ratios.iter().map(|ratio| {
        let found = ratio.found;
        let again = if ratio.again { ", measured twice" } else { "" };
        [
            ratio.name.to_owned(),
            number(found.map(|found| found.ours), 2),
            suite.of(ratio.peer).name.to_owned(),
            number(found.map(|found| found.peer), 2),
            number(found.map(|found| found.times), 3),
            format!("{} x {SLACK}", ratio.allowed),
            format!("{}{again}", ratio.verdict().as_str()),
        ]
    });
    Table { rows: [heading].into_iter().chain(rows).collect(), numbers: &[1, 3, 4, 5] }
}

/// The costs of each case: nanoseconds and allocations.
pub(crate) fn costs(suite: &Suite) -> Table<3> {
    let heading = ["case", "ns a call", "allocations a call"].map(str::to_owned);
    let rows = suite.cases.iter().map(|case| {
        let allocations =
            case.allocations.map_or_else(|| "-".to_owned(), |count| count.to_string());
        [case.name.to_owned(), number(case.nanos(), 2), allocations]
    });
    Table { rows: [heading].into_iter().chain(rows).collect(), numbers: &[1, 2] }
}

impl<const N: usize> Table<N> {
    pub(crate) fn plain(&self) -> String {
        table::render(&self.rows, self.numbers)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for (place, row) in self.rows.iter().enumerate() {
            let cells = row.each_ref().map(|cell| cell.replace('|', "\\|"));
            text.extend(["| ", cells.join(" | ").as_str(), " |\n"]);
            if place == 0 {
                let rule = |column| if self.numbers.contains(&column) { "---:" } else { "---" };
                let rules: [_; N] = std::array::from_fn(rule);
                text.extend(["|", rules.join("|").as_str(), "|\n"]);
            }
        }
        text
    }
}

fn number(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown_with_its_numbers_flush_right() {
        let rows = [["what", "ns"], ["a|b", "1.25"]].map(|row| row.map(str::to_owned)).to_vec();
        let table = Table { rows, numbers: &[1] };
        assert_eq!(table.markdown(), "| what | ns |\n|---|---:|\n| a\\|b | 1.25 |\n");
        assert_eq!(table.plain(), "what    ns\na|b   1.25\n");
    }
}
