//! `cargo xtask readmes`: writes the READMEs of libraries from their root docs, and the README of the facade
//! from the one of the project.
//!
//! Registries cannot resolve ``[`Item`]``, so such links become plain code. Hidden lines of programs are left
//! out, and links to files of the project become addresses.

use std::fs;

use crate::Error;
use crate::files;
use crate::workspace::{self, COMMAND, FACADE};

const REPOSITORY: &str = "https://github.com/Techrevati/runtime";

/// `cargo xtask readmes`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    if let Some(argument) = rest.first() {
        return Err(Error::Usage(format!("`readmes` takes no arguments, got `{argument}`")));
    }
    for workspace::Crate { name, .. } in workspace::crates()? {
        let folder = workspace::root().join("crates").join(&name);
        let path = folder.join("README.md");
        let readme = match name.as_str() {
            // Written by hand: the root docs of a command are for its developers.
            COMMAND => continue,
            FACADE => of_the_facade(&files::read(&workspace::root().join("README.md"))?),
            _ => of_a_library(&name, &files::read(&folder.join("src/lib.rs"))?),
        };
        if !fs::read_to_string(&path).is_ok_and(|text| text == readme) {
            fs::write(&path, readme).map_err(|error| files::unreadable(&path, &error))?;
            println!("wrote {}", path.display());
        }
    }
    Ok(())
}

/// The README of the project with links and images that also work elsewhere.
pub(crate) fn of_the_facade(readme: &str) -> String {
    let mut parts = readme.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_image = text.rfind('[').is_some_and(|label| text[..label].ends_with('!'));
        text += "](";
        let target = part.split(')').next().unwrap_or_default();
        if !target.contains("://") && !target.starts_with('#') {
            text.extend([REPOSITORY, if is_image { "/raw/main/" } else { "/blob/main/" }]);
        }
        text += part;
    }
    text
}

/// The README of a library, from the text of its `lib.rs`.
pub(crate) fn of_a_library(name: &str, root: &str) -> String {
    let mut text = format!("# {name}\n\n");
    let mut code = None;
    for line in docs(root) {
        if let Some(fence) = line.strip_prefix("```") {
            code = if code.is_some() { None } else { Some(is_rust(fence)) };
            text += if code == Some(true) { "```rust" } else { line };
        } else if code == Some(true) && (line == "#" || line.starts_with("# ")) {
            continue;
        } else if code.is_some() {
            text += line;
        } else if is_definition(line) {
            continue;
        } else if line.starts_with('#') {
            text.extend(["#", line]);
        } else {
            text += &without_item_links(line);
        }
        text.push('\n');
    }
    // Lines that are left out may leave two blank lines.
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text + &format!(
        "\n---\n\n`cargo add {name}` · [documentation](https://docs.rs/{name}) · part of \
         [techrevati-runtime]({REPOSITORY}) · [MIT licence](LICENSE)\n"
    )
}

/// The lines of the docs at the top of a crate.
fn docs(root: &str) -> impl Iterator<Item = &str> {
    let lines = root.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line))
}

/// Whether rustdoc takes a program behind such a fence as Rust.
fn is_rust(fence: &str) -> bool {
    fence.split(',').all(|word| ["", "rust", "no_run", "ignore"].contains(&word))
}

/// `[text]: target`
fn is_definition(line: &str) -> bool {
    line.starts_with('[') && line.contains("]: ")
}

/// The line with plain text in place of links to items. Links to addresses stay.
fn without_item_links(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        text += before;
        let Some((label, after)) = after.split_once(']') else {
            return text + "[" + after;
        };
        let target = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        match target {
            Some((target, _)) if target.contains("://") => {
                text.extend(["[", label, "](", target, ")"]);
            }
            _ => text += label,
        }
        rest = target.map_or(after, |(_, after)| after);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(root: &str) -> String {
        let text = of_a_library("runtime-x", root);
        let body = text.strip_prefix("# runtime-x\n\n").expect("a heading");
        body.split("\n---\n").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn links_to_items_become_code_and_links_to_addresses_stay() {
        let root = "//! A [`Sink`], a [queue](crate::Queue), [recovers] and [a page](https://x.y).\n\
                    //!\n//! [recovers]: Session::recover\n//!\n//! # Features\n#![warn(x)]\n//! No.\n";
        let expected = "A `Sink`, a queue, recovers and [a page](https://x.y).\n\n## Features\n";
        assert_eq!(written(root), expected);
    }

    #[test]
    fn links_of_the_project_become_addresses() {
        let readme = "[a](docs/a.md), [b](#b) and [c](https://c.d).\n";
        let expected = "[a](https://github.com/Techrevati/runtime/blob/main/docs/a.md), [b](#b) \
                        and [c](https://c.d).\n";
        assert_eq!(of_the_facade(readme), expected);
        // The page around a file is no image.
        let expected = "![a](https://github.com/Techrevati/runtime/raw/main/a.png)";
        assert_eq!(of_the_facade("![a](a.png)"), expected);
    }

    #[test]
    fn hidden_lines_are_left_out_of_rust_and_of_nothing_else() {
        for fence in ["", "no_run", "rust,no_run"] {
            let root = format!("//! ```{fence}\n//! # use std::fmt;\n//! f();\n//! ```\n");
            assert_eq!(written(&root), "```rust\nf();\n```\n");
        }
        let root = "//! ```\n//! # use std::fmt;\n//! let a = [1];\n//! #\n//! ```\n\
                    //! ```text\n//! # not hidden\n//! ```\n";
        let expected = "```rust\nlet a = [1];\n```\n```text\n# not hidden\n```\n";
        assert_eq!(written(root), expected);
    }
}
