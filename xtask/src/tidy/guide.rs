//! The Rust code of guides is compiled: each block is in the example of its page.

use super::{PROJECT, Problem, assert_none, has_extension};

/// The folder of the compiled code: `some_page.rs` for `docs/some-page.md`.
const EXAMPLES: &str = "examples/guides/src";

/// Its program is compiled like those of guides.
const README: &str = "README.md";

#[test]
fn every_rust_block_of_a_guide_is_in_its_example() {
    let mut problems = Vec::new();
    let shown = |path: &str| is_guide(path) || path == README;
    for guide in PROJECT.files.iter().filter(|file| shown(&file.path)) {
        let page = guide.path.trim_start_matches("docs/").trim_end_matches(".md");
        let example = format!("{EXAMPLES}/{}.rs", page.to_lowercase().replace('-', "_"));
        let missing = missing(&guide.text, PROJECT.text(&example));
        problems.extend(
            missing.iter().map(|problem| format!("{}:{problem}, and not in {example}", guide.path)),
        );
    }
    assert_none(&problems);
}

#[test]
fn every_guide_with_code_says_where_its_names_are_from() {
    let guides = PROJECT.files.iter().filter(|file| is_guide(&file.path));
    let silent = guides.filter(|guide| !says_where_names_are_from(&guide.text));
    let problems: Vec<_> = silent
        .map(|guide| format!("{}: no block has `use techrevati_runtime::…`", guide.path))
        .collect();
    assert_none(&problems);
}

#[test]
fn names_of_code_are_looked_for_in_its_blocks() {
    let code = "use techrevati_runtime::prelude::*;";
    assert!(says_where_names_are_from("No code."));
    assert!(says_where_names_are_from(&format!("```rust\nf();\n```\n```rust\n{code}\n```\n")));
    assert!(!says_where_names_are_from(&format!("{code}\n```rust\nf();\n```\n")));
}

#[test]
fn every_guide_is_in_the_index_and_links_back_to_it() {
    const INDEX: &str = "docs/README.md";
    let index = PROJECT.text(INDEX);
    let mut problems = Vec::new();
    for guide in PROJECT.files.iter().filter(|file| is_guide(&file.path) && file.path != INDEX) {
        let page = guide.path.trim_start_matches("docs/");
        if !index.contains(&format!("]({page})")) {
            problems.push(format!("{INDEX} does not link to {page}"));
        }
        if !guide.text.lines().take(12).any(|line| line == "[All guides](README.md)") {
            problems.push(format!("{}: `[All guides](README.md)` is not near its top", guide.path));
        }
    }
    assert_none(&problems);
}

#[test]
fn a_guide_has_code_to_show() {
    let guide = PROJECT.text("docs/getting-started.md");
    assert!(blocks(guide).len() > 10, "docs/getting-started.md has fewer than 11 Rust blocks");
}

#[test]
fn a_block_is_found_at_any_indentation() {
    let guide = "```rust\nlet a = 1;\nif b {\n    c();\n}\n```\n";
    assert_eq!(
        missing(guide, "fn f() {\n    let a = 1;\n    if b {\n        c();\n    }\n}\n"),
        []
    );
    assert_eq!(missing(guide, "let a = 1;\nif b {\n}\n").len(), 1);
    assert_eq!(missing(guide, "let a = 1;\nif b {\n        c();\n}\n").len(), 1);
    assert_eq!(missing(guide, "").len(), 1);
}

#[test]
fn blocks_of_other_languages_are_skipped() {
    let guide = "```text\nrust\n```\n```toml\n[rust]\n```\n   ```rust,no_run\n   d();\n   ```\n";
    let found: Vec<_> =
        blocks(guide).into_iter().map(|(line, block)| (line, block.join("|"))).collect();
    assert_eq!(found, [(8, "d();".to_owned())]);
}

fn says_where_names_are_from(guide: &str) -> bool {
    let blocks = blocks(guide);
    let mut lines = blocks.iter().flat_map(|(_, lines)| lines);
    blocks.is_empty() || lines.any(|line| line.starts_with("use techrevati_runtime"))
}

fn is_guide(path: &str) -> bool {
    path.starts_with("docs/") && has_extension(path, "md")
}

/// The Rust blocks of `guide` that `example` does not have.
fn missing(guide: &str, example: &str) -> Vec<Problem> {
    let example: Vec<_> = example.lines().collect();
    let absent = blocks(guide).into_iter().filter(|(_, block)| {
        let mut places = example.windows(block.len());
        !places.any(|place| dedented(place) == *block)
    });
    absent.map(|(line, _)| Problem::new(line, "this block is shown")).collect()
}

/// The Rust blocks with the numbers of their first lines.
fn blocks(text: &str) -> Vec<(usize, Vec<&str>)> {
    let mut blocks: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut fenced = false;
    let mut rust = false;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fenced = !fenced;
            rust = fenced && language.split(',').next() == Some("rust");
            if rust {
                blocks.push((number + 1, Vec::new()));
            }
        } else if rust && let Some((_, block)) = blocks.last_mut() {
            block.push(line);
        }
    }
    blocks.into_iter().map(|(line, block)| (line, dedented(&block))).collect()
}

/// The lines without their common indentation.
fn dedented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = filled.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    lines.iter().map(|line| line.get(indent..).unwrap_or_default()).collect()
}
