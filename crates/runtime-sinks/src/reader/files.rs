//! The files of a log, one after the other.

use std::io;
use std::path::{Path, PathBuf};

use super::lines::Lines;
use crate::segments::segments;

/// Where a reader is among the files.
#[derive(Debug)]
pub(crate) struct Files {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// One file, that is or is not opened yet.
    One { opened: bool },
    /// Those of a folder after this number; the first one was that.
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

    /// There is nothing after what is read.
    pub(crate) fn none() -> Self {
        Self { path: PathBuf::new(), kind: Kind::One { opened: true } }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the file that the folder begins with.
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

    /// The next file. One that is removed meanwhile is passed over.
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
