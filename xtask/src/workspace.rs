//! Where the workspace is, and which crates are in it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::Error;
use crate::manifest::Manifest;

/// The name of the facade, which has no layer above it.
pub(crate) const FACADE: &str = "techrevati-runtime";

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
    let folder = root().join("crates");
    let unreadable =
        |path: &Path, error| Error::Failed(format!("cannot read {}: {error}", path.display()));
    let mut crates = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
        let path = entry.map_err(|error| unreadable(&folder, error))?.path().join("Cargo.toml");
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        let manifest = Manifest::parse(&text);
        let Some(name) = manifest.get("package", "name").map(str::to_owned) else {
            return Err(Error::Failed(format!("{} has no package name", path.display())));
        };
        crates.push(Crate { name, manifest });
    }
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(crates)
}
