//! The Rust code of guides is compiled: each block is in the example of its page.

use super::{PROJECT, Problem, assert_none, has_extension};

/// The folder of the compiled code: `some_page.rs` for `docs/some-page.md`.
const EXAMPLES: &str = "examples/guides/src";

#[test]
fn every_rust_block_of_a_guide_is_in_its_example() {
    let mut problems = Vec::new();
    for guide in PROJECT.files.iter().filter(|file| is_guide(&file.path)) {
        let page = guide.path.trim_start_matches("docs/").trim_end_matches(".md");
        let example = format!("{EXAMPLES}/{}.rs", page.replace('-', "_"));
        let missing = missing(&guide.text, PROJECT.text(&example));
        problems.extend(
            missing.iter().map(|problem| format!("{}:{problem}, and not in {example}", guide.path)),
        );
    }
    assert_none(&problems);
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
