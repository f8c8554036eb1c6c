//! Tables of aligned columns.

/// Aligns columns, two spaces apart. Columns in `right` are flush right.
pub(crate) fn render<const N: usize>(rows: &[[String; N]], right: &[usize]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            let gap = if column == 0 { "" } else { "  " };
            if right.contains(&column) {
                line.extend([gap, padding.as_str(), cell.as_str()]);
            } else {
                line.extend([gap, cell.as_str(), padding.as_str()]);
            }
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_without_trailing_blanks() {
        let rows = [["a", "1.5", "x"], ["long", "12.5", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(render(&rows, &[1]), "a      1.5  x\nlong  12.5\n");
    }
}
