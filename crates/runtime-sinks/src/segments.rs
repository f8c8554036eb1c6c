//! The names of the files in a log folder: numbers, so that names sort in the order of writing.

use std::io;
use std::path::{Path, PathBuf};

/// The file that the writer of a folder locks.
pub(crate) const LOCK: &str = ".lock";

const EXTENSION: &str = ".jsonl";

/// The name of the file with a number, counted from 1.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:06}{EXTENSION}")
}

/// The files of a log in a folder, in order. Other files are ignored.
pub(crate) fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(number_of) {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(EXTENSION)?;
    let number = digits.parse().ok()?;
    // A sign or other zeros are not allowed, so that each number has one name.
    (number > 0 && segment_name(number) == name).then_some(number)
}
