//! Where the workspace is, and which crates are in it.

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
    // Cargo sets it for `cargo run` and `cargo test`; the other one is for a binary that
    // was started by hand.
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

/// Where cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(named.unwrap_or_else(|| "target".into()))
}

/// The crates below `crates/`, by name.
pub(crate) fn crates() -> Result<Vec<Crate>, Error> {
    let mut crates = Vec::new();
    for path in files::below(&root().join("crates"), &[])? {
        // `crates/x/Cargo.toml`, and not one of a fixture further down.
        let depth = path.strip_prefix(root()).map_or(0, |path| path.components().count());
        if depth != 3 || !path.ends_with("Cargo.toml") {
            continue;
        }
        let manifest = Manifest::parse(&files::read(&path)?);
        let Some(name) = manifest.get("package", "name").map(str::to_owned) else {
            return Err(Error::Failed(format!("{} has no package name", path.display())));
        };
        crates.push(Crate { name, manifest });
    }
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(crates)
}
