//! `cargo xtask msrv`: the oldest Rust that can build what users link, from the manifests of the
//! dependencies.

use std::collections::BTreeSet;
use std::fmt;

use crate::Error;
use crate::files;
use crate::json;
use crate::manifest::Manifest;
use crate::run::Cmd;
use crate::workspace;

/// What users link, with every feature, on the platforms that are supported.
const LINKED: &str = "tree --locked --workspace --exclude xtask --all-features \
    --edges normal,build --prefix none --format {p} --target x86_64-unknown-linux-gnu \
    --target aarch64-apple-darwin --target x86_64-pc-windows-msvc";

/// The names, versions and Rust versions of all packages.
const PACKAGES: &str = "metadata --locked --format-version 1";

/// The first that knows edition 2024.
const EDITION: Version = Version(1, 85, 0);

/// A version of Rust: `1.85`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u16, u16, u16);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        let patch = numbers.next().unwrap_or(Ok(0)).ok()?;
        numbers.next().is_none().then_some(Self(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(f, "{major}.{minor}")?;
        if *patch > 0 { write!(f, ".{patch}") } else { Ok(()) }
    }
}

/// The oldest Rust, and the packages that ask for it.
#[derive(Debug, PartialEq, Eq)]
struct Oldest {
    version: Version,
    because: Vec<String>,
}

impl fmt::Display for Oldest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = match self.because.as_slice() {
            [] => "edition 2024".to_owned(),
            names => names.join(", "),
        };
        write!(f, "Rust {}, because of {because}", self.version)
    }
}

/// `cargo xtask msrv`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    if let Some(argument) = rest.first() {
        return Err(Error::Usage(format!("`msrv` takes no arguments, got `{argument}`")));
    }
    println!("{}", check()?);
    Ok(())
}

/// Compares `rust-version` with what the dependencies need. Whether the sources need more is
/// for clippy to say: `incompatible_msrv`.
pub(crate) fn check() -> Result<String, Error> {
    let oldest = oldest(&Cmd::cargo(LINKED).read()?, &Cmd::cargo(PACKAGES).read()?)?;
    let manifest = Manifest::parse(&files::read(&workspace::root().join("Cargo.toml"))?);
    let stated = manifest.get("workspace.package", "rust-version").unwrap_or_default();
    if Version::parse(stated) == Some(oldest.version) {
        return Ok(oldest.to_string());
    }
    Err(Error::Failed(format!(
        "Cargo.toml says `rust-version = \"{stated}\"`; users need {oldest}"
    )))
}

fn oldest(linked: &str, packages: &str) -> Result<Oldest, Error> {
    // `name v1.2.3`, and often ` (*)` for one that was there before.
    let linked: BTreeSet<(&str, &str)> = linked
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or_default()))
        .collect();
    let mut oldest = Oldest { version: EDITION, because: Vec::new() };
    for package in json::elements(packages, &["packages"]) {
        let field = |key| json::string(package, &[key]);
        let (Some(name), Some(version)) = (field("name"), field("version")) else {
            return Err(Error::Failed("`cargo metadata` has another format".to_owned()));
        };
        // Ours state what is computed here.
        let ours = field("source").is_none();
        if ours || !linked.contains(&(name.as_str(), &format!("v{version}"))) {
            continue;
        }
        let Some(needed) = field("rust_version").and_then(|needed| Version::parse(&needed)) else {
            continue;
        };
        if needed > oldest.version {
            oldest = Oldest { version: needed, because: Vec::new() };
        }
        if needed == oldest.version && needed > EDITION {
            oldest.because.push(format!("`{name}`"));
        }
    }
    Ok(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGES: &str = r#"{"packages":[
        {"name":"a","version":"1.0.0","source":"registry","rust_version":"1.89.0"},
        {"name":"a","version":"2.0.0","source":"registry","rust_version":"1.95"},
        {"name":"b","version":"0.1.0","source":"registry","rust_version":null},
        {"name":"c","version":"0.1.0","source":"registry","rust_version":"1.89"},
        {"name":"ours","version":"0.1.0","source":null,"rust_version":"1.99"}
    ],"workspace_members":[]}"#;

    fn shown(linked: &str) -> String {
        oldest(linked, PACKAGES).expect("it is as cargo writes it").to_string()
    }

    #[test]
    fn the_highest_of_what_is_linked_counts() {
        let linked = "ours v0.1.0 (/somewhere)\na v1.0.0\nb v0.1.0\na v1.0.0 (*)\nc v0.1.0\n";
        assert_eq!(shown(linked), "Rust 1.89, because of `a`, `c`");
        assert_eq!(shown("a v2.0.0\nc v0.1.0\n"), "Rust 1.95, because of `a`");
        assert_eq!(shown("b v0.1.0\n"), "Rust 1.85, because of edition 2024");
    }

    #[test]
    fn a_version_is_read_and_shown_as_it_is_written() {
        for text in ["1.85", "1.95.1"] {
            assert_eq!(Version::parse(text).map(|version| version.to_string()), Some(text.into()));
        }
        assert_eq!(Version::parse("1.85.0"), Version::parse("1.85"));
        for text in ["", "1", "1.x", "1.2.3.4"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
