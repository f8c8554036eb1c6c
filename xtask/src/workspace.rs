//! The folder of the workspace, and its crates.

use std::env;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::files;
use crate::manifest::Manifest;

/// The name of the facade, which has no layer above it.
pub(crate) const FACADE: &str = "techrevati-runtime";

/// The name of the command, which nothing depends on.
pub(crate) const COMMAND: &str = "techrevati-cli";

/// A crate below `crates/`.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) manifest: Manifest,
}

/// The folder of the workspace, wherever the task was started.
pub(crate) fn root() -> PathBuf {
    // `cargo run` and `cargo test` set the variable. A binary started by hand uses the path of its build.
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

/// The folder of builds.
pub(crate) fn target_dir() -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(named.unwrap_or_else(|| "target".into()))
}

/// The crates below `crates/` that belong to the workspace, by name.
pub(crate) fn crates() -> Result<Vec<Crate>, Error> {
    let mut crates = Vec::new();
    for path in files::below(&root().join("crates"), &[])? {
        // Only `crates/x/Cargo.toml`: fixtures may have manifests, too.
        let depth = path.strip_prefix(root()).map_or(0, |path| path.components().count());
        if depth != 3 || !path.ends_with("Cargo.toml") {
            continue;
        }
        let text = files::read(&path)?;
        // A workspace of its own, which has rules of its own.
        if text.contains("\n[workspace]\n") {
            continue;
        }
        let manifest = Manifest::parse(&text);
        let Some(name) = manifest.get("package", "name").map(str::to_owned) else {
            return Err(Error::Failed(format!("{} has no package name", path.display())));
        };
        crates.push(Crate { name, manifest });
    }
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(crates)
}
