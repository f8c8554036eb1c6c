//! `cargo xtask packages`: how many packages of others a user of the facade builds, for each feature, beside the
//! numbers that are allowed.

use std::collections::BTreeSet;
use std::fs;

use crate::Error;
use crate::files;
use crate::run::Cmd;
use crate::table;
use crate::workspace;

/// A feature, and the packages that it needs with all that is below.
type Counted = (String, usize);

const ALLOWED: &str = "xtask/packages.txt";

/// `cargo xtask packages [--write]`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    match rest {
        [] => {
            println!("{}", check()?);
            Ok(())
        }
        [flag] if flag == "--write" => write(&count()?),
        [other, ..] => Err(Error::Usage(format!("`packages` takes only `--write`, got `{other}`"))),
    }
}

/// Counts, and fails if a feature needs more than it may. Returns a table.
pub(crate) fn check() -> Result<String, Error> {
    let (counted, allowed) = (count()?, files::read(&workspace::root().join(ALLOWED))?);
    let (rows, grown) = rows(&counted, &allowed);
    let table = table::render(&rows, &[1, 2]);
    if grown.is_empty() {
        return Ok(table);
    }
    Err(Error::Failed(format!(
        "{table}\nmore packages than before: {}; if they are worth it, `cargo xtask packages --write`",
        grown.join(", ")
    )))
}

/// A table for a page.
pub(crate) fn markdown() -> Result<String, Error> {
    let row = |(feature, packages): &Counted| format!("| {feature} | {packages} |\n");
    let rows: String = count()?.iter().map(row).collect();
    Ok(format!("| feature | packages of others |\n|---|---:|\n{rows}"))
}

fn write(counted: &[Counted]) -> Result<(), Error> {
    let line = |(feature, packages): &Counted| format!("{packages}\t{feature}\n");
    let path = workspace::root().join(ALLOWED);
    let text: String = counted.iter().map(line).collect();
    fs::write(&path, text).map_err(|error| files::unreadable(&path, &error))
}

/// Each feature of the facade alone, after none of them and the default.
fn count() -> Result<Vec<Counted>, Error> {
    let manifest = workspace::root().join("crates").join(workspace::FACADE).join("Cargo.toml");
    let text = files::read(&manifest)?;
    let (_, features) = text.split_once("[features]").unwrap_or_default();
    let (features, _) = features.split_once("\n[").unwrap_or((features, ""));
    let names = features.lines().filter_map(|line| line.split_once(" = [")).map(|(name, _)| name);
    let mut counted = vec![("none".to_owned(), packages("")?)];
    for name in names {
        counted.push((name.to_owned(), packages(name)?));
    }
    Ok(counted)
}

fn packages(features: &str) -> Result<usize, Error> {
    let tree = Cmd::cargo("tree --locked --edges normal,build --prefix none --no-default-features");
    let tree = tree.args(["--package", workspace::FACADE, "--features", features]).read()?;
    Ok(others(&tree))
}

/// The packages in a tree that are not of this workspace.
fn others(tree: &str) -> usize {
    let packages = tree.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" v")?;
        let version = rest.split_whitespace().next()?;
        // Ours have a folder behind their version.
        (!rest.contains(" (/")).then_some((name, version))
    });
    packages.collect::<BTreeSet<_>>().len()
}

/// The rows of the table, and the features that need more than they may.
fn rows(counted: &[Counted], allowed: &str) -> (Vec<[String; 3]>, Vec<String>) {
    let allowed = |feature: &str| {
        let mut lines = allowed.lines().filter_map(|line| line.split_once('\t'));
        lines.find_map(|(count, known)| (known == feature).then(|| count.parse().ok())?)
    };
    let mut rows = vec![["feature", "packages", "allowed"].map(str::to_owned)];
    let mut grown = Vec::new();
    for (feature, packages) in counted {
        let most: Option<usize> = allowed(feature);
        if most.is_none_or(|most| *packages > most) {
            grown.push(format!("`{feature}`"));
        }
        let most = most.map_or_else(|| "unknown".to_owned(), |most| most.to_string());
        rows.push([feature.clone(), packages.to_string(), most]);
    }
    (rows, grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_others_are_counted_once() {
        let tree = "techrevati-runtime v0.1.0 (/code/runtime)\nserde v1.0.1\n\
                    serde_derive v1.0.1 (proc-macro)\nserde v1.0.1 (*)\nsyn v2.0.0\nsyn v3.0.0\n";
        assert_eq!(others(tree), 4);
    }

    #[test]
    fn more_packages_than_allowed_and_unknown_features_are_named() {
        let counted =
            [("none", 26), ("tokio", 28), ("new", 1)].map(|(name, n)| (name.to_owned(), n));
        let (_, grown) = rows(&counted, "26\tnone\n27\ttokio\n");
        assert_eq!(grown, ["`tokio`", "`new`"]);
    }
}
