//! Reads a `Cargo.toml`, line by line.
//!
//! It reads the TOML of this workspace: tables, dotted keys, strings, and arrays over several lines, but no
//! multi-line strings.

/// A manifest as a flat list of its keys and values.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    section: String,
    key: String,
    value: String,
}

/// A dependency with its specification, as one line of TOML.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) spec: String,
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Self {
        let mut manifest = Self::default();
        let mut section = String::new();
        let mut lines = text.lines().map(without_comment);
        while let Some(line) = lines.next() {
            if let Some(header) = line.strip_prefix('[') {
                header.trim_matches(['[', ']']).trim().clone_into(&mut section);
            } else if let Some((key, value)) = line.split_once('=') {
                let mut value = value.trim().to_owned();
                while depth(&value) > 0
                    && let Some(line) = lines.next()
                {
                    value = format!("{value} {line}");
                }
                let key = key.trim().replace('"', "");
                manifest.entries.push(Entry { section: section.clone(), key, value });
            }
        }
        manifest
    }

    /// The value of a key, without the quotes of a string.
    pub(crate) fn get(&self, section: &str, key: &str) -> Option<&str> {
        let found = self.entries.iter().find(|entry| entry.section == section && entry.key == key);
        found.map(|entry| entry.value.trim_matches('"'))
    }

    /// The keys of a section, in order.
    pub(crate) fn keys<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a str> {
        let of_section = self.entries.iter().filter(move |entry| entry.section == section);
        of_section.map(|entry| entry.key.as_str())
    }

    /// The dependencies of a kind (`dependencies`, `dev-dependencies`), for every target.
    #[cfg(test)]
    pub(crate) fn dependencies(&self, kind: &str) -> Vec<Dependency> {
        let mut found: Vec<Dependency> = Vec::new();
        for Entry { section, key, value } in &self.entries {
            // The name of a target ends with a quote.
            let of_target = section.starts_with("target.").then(|| section.split_once("'."));
            let section = of_target.flatten().map_or(section.as_str(), |(_, section)| section);
            let (name, spec) = if section == kind {
                match key.split_once('.') {
                    Some((name, key)) => (name.to_owned(), format!("{key} = {value}")),
                    None => (key.clone(), value.clone()),
                }
            } else if let Some(name) = section.strip_prefix(kind).and_then(|s| s.strip_prefix('.'))
            {
                (name.to_owned(), format!("{key} = {value}"))
            } else {
                continue;
            };
            match found.iter_mut().find(|dependency| dependency.name == name) {
                Some(dependency) => dependency.spec.extend([", ", &spec]),
                None => found.push(Dependency { name, spec }),
            }
        }
        found
    }
}

/// The line up to a `#` outside quotes, trimmed.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (index, char) in line.char_indices() {
        match char {
            '"' => quoted = !quoted,
            '#' if !quoted => return line[..index].trim(),
            _ => {}
        }
    }
    line.trim()
}

/// The number of brackets that are open at the end.
fn depth(value: &str) -> i32 {
    let mut quoted = false;
    let mut depth = 0;
    for char in value.chars() {
        match char {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"
[package]
name = "runtime-x" # not "y"
description = "Says # and [so on]."
version.workspace = true

[features]
default = [
    "tokio", # the timer
    "tracing",
]
tokio = ["dep:tokio"]

[dependencies]
serde.workspace = true
tokio = { workspace = true, optional = true, features = ["time"] }

[dependencies.uuid]
version = "1"
default-features = false

[target.'cfg(unix)'.dependencies]
libc = "0.2"

[dev-dependencies]
proptest.workspace = true

[target.'cfg(not(loom))'.dev-dependencies]
criterion.workspace = true
"#;

    #[test]
    fn values_are_read_without_quotes_and_comments() {
        let manifest = Manifest::parse(SAMPLE);
        assert_eq!(manifest.get("package", "name"), Some("runtime-x"));
        assert_eq!(manifest.get("package", "description"), Some("Says # and [so on]."));
        assert_eq!(manifest.get("package", "version.workspace"), Some("true"));
        assert_eq!(manifest.get("package", "licence"), None);
    }

    #[test]
    fn an_array_over_several_lines_is_one_value() {
        let manifest = Manifest::parse(SAMPLE);
        assert_eq!(manifest.get("features", "default"), Some(r#"[ "tokio", "tracing", ]"#));
        assert_eq!(manifest.keys("features").collect::<Vec<_>>(), ["default", "tokio"]);
    }

    #[test]
    fn dependencies_are_found_in_every_form() {
        let manifest = Manifest::parse(SAMPLE);
        let found = manifest.dependencies("dependencies");
        let names: Vec<_> = found.iter().map(|dependency| dependency.name.as_str()).collect();
        assert_eq!(names, ["serde", "tokio", "uuid", "libc"]);
        assert_eq!(found[0].spec, "workspace = true");
        assert_eq!(found[2].spec, "version = \"1\", default-features = false");
        let dev = manifest.dependencies("dev-dependencies");
        let names: Vec<_> = dev.iter().map(|dependency| dependency.name.as_str()).collect();
        assert_eq!(names, ["proptest", "criterion"]);
    }
}
