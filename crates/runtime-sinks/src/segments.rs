//! How the files of a folder are called: by their number, so that names sort as they were written.

use std::io;
use std::path::{Path, PathBuf};

/// The file whose lock the writer of a folder holds.
pub(crate) const LOCK: &str = ".lock";

const EXTENSION: &str = ".jsonl";

/// The name of a folder's file of this number, counted from 1.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:06}{EXTENSION}")
}

/// The files of a log in `folder`, in order. Files of other names are none of its business.
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
    // Neither a sign nor other zeros: a number has one name.
    (number > 0 && segment_name(number) == name).then_some(number)
}
