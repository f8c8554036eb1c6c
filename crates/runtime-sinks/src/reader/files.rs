//! [`Files`]: the files of a log, in order.

use std::io;
use std::path::{Path, PathBuf};

use super::lines::Lines;
use crate::segments::segments;

/// The position of a reader among the files.
#[derive(Debug)]
pub(crate) struct Files {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A single file.
    One { opened: bool },
    /// The files of a folder after a number. `first` is the first one that was read.
    Folder { after: u64, first: Option<u64> },
}

impl Files {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let folder = path.metadata()?.is_dir();
        let kind = if folder {
            Kind::Folder { after: 0, first: None }
        } else {
            Kind::One { opened: false }
        };
        Ok(Self { path: path.to_owned(), kind })
    }

    /// No further files.
    pub(crate) fn none() -> Self {
        Self { path: PathBuf::new(), kind: Kind::One { opened: true } }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the first file in the folder.
    pub(crate) const fn first_number(&self) -> Option<u64> {
        match self.kind {
            Kind::One { .. } => None,
            Kind::Folder { first, .. } => first,
        }
    }

    /// Whether there is another file.
    pub(crate) fn peek(&self) -> io::Result<bool> {
        match self.kind {
            Kind::One { opened } => Ok(!opened),
            Kind::Folder { after, .. } => {
                Ok(segments(&self.path)?.iter().any(|(number, _)| *number > after))
            }
        }
    }

    /// Opens a single file once more.
    pub(crate) const fn again(&mut self) {
        if let Kind::One { opened } = &mut self.kind {
            *opened = false;
        }
    }

    /// The next file. A file that is removed meanwhile is skipped.
    pub(crate) fn next(&mut self) -> io::Result<Option<Lines>> {
        match &mut self.kind {
            Kind::One { opened: true } => Ok(None),
            Kind::One { opened } => {
                *opened = true;
                Lines::of(&self.path).map(Some)
            }
            Kind::Folder { after, first } => {
                for (number, path) in segments(&self.path)? {
                    if number <= *after {
                        continue;
                    }
                    *after = number;
                    match Lines::of(&path) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        lines => {
                            first.get_or_insert(number);
                            return lines.map(Some);
                        }
                    }
                }
                Ok(None)
            }
        }
    }
}
