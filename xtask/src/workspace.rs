//! Where the workspace is, and which crates are in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

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

impl Crate {
    /// Whether it is one of those that the facade brings together.
    pub(crate) fn is_library(&self) -> bool {
        self.name != FACADE && self.name != COMMAND
    }
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

/// The tag of the last release, `v1.2.3`, if git knows one.
pub(crate) fn last_release() -> Option<String> {
    let describe = Command::new("git")
        .args(["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"])
        .current_dir(root())
        .output();
    let output = describe.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
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

/// The crates that the facade brings together.
pub(crate) fn libraries() -> Result<impl Iterator<Item = Crate>, Error> {
    Ok(crates()?.into_iter().filter(Crate::is_library))
}
