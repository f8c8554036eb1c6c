//! Links between documents, and to headings.

use super::{PROJECT, Problem, assert_none, has_extension};
use crate::workspace;

#[test]
fn links_between_documents_have_targets() {
    let mut problems = Vec::new();
    let documents = PROJECT.files.iter().filter(|file| is_document(&file.path));
    for document in documents {
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, link) in links(&document.text) {
            if let Err(why) = follow(folder, &document.text, link) {
                let problem = Problem::new(line, format!("`{link}`: {why}"));
                problems.push(format!("{}:{problem}", document.path));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn links_are_found_outside_code() {
    let text = "See [a](docs/a.md) and [b](docs/b.md#part \"title\").\n\
                ```rust\nlet x = v[0](y);\n```\n\
                Not `[c](c.md)`, but ![d](d.png).\n[e]: e.md\n";
    let found: Vec<_> = links(text).collect();
    assert_eq!(found, [(1, "docs/a.md"), (1, "docs/b.md#part"), (5, "d.png"), (6, "e.md")]);
}

#[test]
fn a_link_is_followed_to_its_heading() {
    let text = "# The `Clock`, and why\n";
    assert_eq!(follow("", text, "https://example.org/nowhere"), Ok(()));
    assert_eq!(follow("", text, "#the-clock-and-why"), Ok(()));
    assert!(follow("", text, "#elsewhere").is_err());
    assert_eq!(follow("docs", text, "../CHANGELOG.md#changelog"), Ok(()));
    assert!(follow("docs", text, "CHANGELOG.md").is_err());
}

fn is_document(path: &str) -> bool {
    (!path.contains('/') || path.starts_with("docs/")) && has_extension(path, "md")
}

/// The targets of links outside code, with their lines.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| {
        let defined = line.starts_with('[').then(|| line.split_once("]: ")).flatten();
        let defined = defined.map(|(_, target)| target);
        let mut found: Vec<_> = defined.into_iter().collect();
        // Every second part is between backticks.
        for part in line.split('`').step_by(2) {
            let targets = part.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            found.extend(targets);
        }
        let targets = found.into_iter().filter_map(|target| target.split_whitespace().next());
        targets.map(move |target| (number, target)).collect::<Vec<_>>()
    })
}

/// The lines outside fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn follow(folder: &str, text: &str, link: &str) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (file, heading) = match link.split_once('#') {
        Some((file, heading)) => (file, Some(heading)),
        None => (link, None),
    };
    let path = workspace::root().join(folder).join(file);
    if !file.is_empty() && !path.exists() {
        return Err("there is no such file".to_owned());
    }
    let Some(heading) = heading else { return Ok(()) };
    let other = if file.is_empty() { None } else { std::fs::read_to_string(path).ok() };
    let text = other.as_deref().unwrap_or(text);
    let mut headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    if headings.any(|(_, line)| anchor(line) == heading) {
        Ok(())
    } else {
        Err("there is no such heading".to_owned())
    }
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}
