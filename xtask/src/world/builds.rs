//! `cargo xtask world build-cost`: what it takes to build the facade from nothing, by feature.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::Error;
use crate::bench::page;
use crate::files;
use crate::run::Cmd;
use crate::workspace;

/// What users choose.
const CHOICES: [&str; 4] = ["", "default", "default durable", "default fleet tools"];

/// Builds each choice in an empty folder, and puts the table into the page of the benchmarks.
pub(super) fn cost(home: &Path) -> Result<(), Error> {
    let mut table =
        "| features | cold release build, s | our libraries, KiB |\n|---|---:|---:|\n".to_owned();
    for features in CHOICES {
        let target = home.join("target");
        if target.exists() {
            fs::remove_dir_all(&target).map_err(|error| files::unreadable(&target, &error))?;
        }
        let build = Cmd::cargo("build --release --locked --no-default-features --package");
        let build = build.args([workspace::FACADE, "--features", features]);
        let began = now();
        build.env("CARGO_TARGET_DIR", target.to_string_lossy()).run()?;
        let seconds = now().duration_since(began).as_secs();
        let kibibytes = ours(&target.join("release/deps"))? / 1024;
        let name = if features.is_empty() { "none" } else { features };
        table.extend([format!("| {name} | {seconds} | {kibibytes} |\n")]);
    }
    page::write_builds(&table)
}

/// The bytes of our libraries.
fn ours(folder: &Path) -> Result<u64, Error> {
    let mut bytes = 0;
    for path in files::below(folder, &[])? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".rlib")
            && (name.starts_with("libruntime_") || name.starts_with("libtechrevati_"))
        {
            let metadata = fs::metadata(&path).map_err(|error| files::unreadable(&path, &error))?;
            bytes += metadata.len();
        }
    }
    Ok(bytes)
}

#[expect(clippy::disallowed_methods, reason = "it measures real builds in real time")]
fn now() -> Instant {
    Instant::now()
}
