//! The folder of documents. Files outside it and hidden files are never read.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The maximum size of a document.
const FILE_BYTES: u64 = 1 << 20;
/// The maximum amount of text for the search, and of files to look at.
const FOLDER_BYTES: u64 = 64 << 20;
const FILES: usize = 5_000;
/// Folders with the output of builds and package managers.
const GENERATED: &[&str] = &["node_modules", "target", "__pycache__"];
/// The endings of text files. One with other content is reported.
const TEXT: &[&str] = &["md", "markdown", "txt", "rst", "adoc", "org"];

/// The reason why a folder or one of its files is not available.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("cannot open the folder `{path}`: {error}")]
    Open { path: String, error: io::Error },
    #[error("`{0}` is not a folder")]
    NotAFolder(String),
    #[error("`{0}` holds no text to read")]
    Empty(String),
    #[error("none of the text in `{path}` can be read: {}", .files.join("; "))]
    Unreadable { path: String, files: Vec<String> },
    #[error("`{0}` leads out of the folder")]
    Outside(String),
    #[error("there is no document `{0}` in the folder")]
    Unknown(String),
    #[error("cannot read `{path}`: {error}")]
    Read { path: String, error: io::Error },
}

/// A folder whose documents may be listed, searched and read.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// The folder as given by the user.
    pub(crate) name: String,
    /// The readable files, sorted by path.
    pub(crate) documents: Vec<Document>,
    /// `path: reason` of documents that cannot be read.
    pub(crate) unreadable: Vec<String>,
    /// `path: reason` of files that were skipped.
    pub(crate) left_out: Vec<String>,
}

/// A text file of the folder.
#[derive(Debug)]
pub(crate) struct Document {
    /// Relative to the folder, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Folder {
    /// Opens a folder and reads its text files. `own` are files that this program writes.
    ///
    /// # Errors
    ///
    /// If the path is not a folder, or none of its documents can be read.
    pub(crate) fn open(path: &Path, own: &[PathBuf]) -> Result<Self, FolderError> {
        let name = path.display().to_string();
        let root =
            path.canonicalize().map_err(|error| FolderError::Open { path: name.clone(), error })?;
        if !root.is_dir() {
            return Err(FolderError::NotAFolder(name));
        }
        let mut folder = Self {
            root,
            name,
            documents: Vec::new(),
            unreadable: Vec::new(),
            left_out: Vec::new(),
        };
        let mut walk = Walk { own, files: 0, bytes: 0 };
        folder
            .visit(Path::new(""), &mut walk)
            .map_err(|error| FolderError::Open { path: folder.name.clone(), error })?;
        folder.documents.sort_by(|a, b| a.path.cmp(&b.path));
        match (folder.documents.is_empty(), folder.unreadable.is_empty()) {
            (true, true) => Err(FolderError::Empty(folder.name)),
            (true, false) => {
                Err(FolderError::Unreadable { path: folder.name, files: folder.unreadable })
            }
            _ => Ok(folder),
        }
    }

    /// Reads one document from the disk, by its listed path.
    ///
    /// # Errors
    ///
    /// If the path leads outside the folder, is not listed, or cannot be read.
    pub(crate) fn read(&self, path: &str) -> Result<String, FolderError> {
        let inside = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(FolderError::Outside(path.into()));
        }
        let plain = path.trim_start_matches("./");
        if !self.documents.iter().any(|document| document.path == plain) {
            return Err(FolderError::Unknown(path.into()));
        }
        let failed = |error| FolderError::Read { path: path.into(), error };
        let real = self.root.join(plain).canonicalize().map_err(failed)?;
        if !real.starts_with(&self.root) {
            return Err(FolderError::Outside(path.into()));
        }
        fs::read_to_string(real).map_err(failed)
    }

    /// Reads the files of one sub-folder. Only a folder that cannot be listed at all is an error.
    fn visit(&mut self, below: &Path, walk: &mut Walk<'_>) -> io::Result<()> {
        let mut entries = fs::read_dir(self.root.join(below))?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = below.join(entry.file_name());
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || GENERATED.contains(&name.as_str()) {
                continue;
            }
            let shown =
                path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
            // A link is followed only to a file, and only inside the folder, so there are no
            // cycles.
            let real = match entry.path().canonicalize() {
                Ok(real) if real.starts_with(&self.root) => real,
                Ok(_) => {
                    self.left_out.push(format!("{shown}: leads out of the folder"));
                    continue;
                }
                Err(error) => {
                    self.unreadable.push(format!("{shown}: {error}"));
                    continue;
                }
            };
            let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if real.is_dir() && !linked {
                if let Err(error) = self.visit(&path, walk) {
                    self.unreadable.push(format!("{shown}: {error}"));
                }
            } else if real.is_file() && !walk.own.contains(&real) {
                self.take(&real, shown, walk);
            }
        }
        Ok(())
    }

    fn take(&mut self, real: &Path, path: String, walk: &mut Walk<'_>) {
        let size = fs::metadata(real).map_or(0, |metadata| metadata.len());
        if size > FILE_BYTES || walk.bytes + size > FOLDER_BYTES || walk.files == FILES {
            self.left_out.push(format!("{path}: too much text"));
            return;
        }
        walk.files += 1;
        match fs::read_to_string(real) {
            Ok(text) if text.contains('\0') => {}
            Ok(text) => {
                walk.bytes += size;
                self.documents.push(Document { path, text });
            }
            // An image or a program, which is not expected in quotations.
            Err(error) if error.kind() == io::ErrorKind::InvalidData && !meant_as_text(&path) => {}
            Err(error) => self.unreadable.push(format!("{path}: {error}")),
        }
    }
}

/// The state of a walk through the folder.
struct Walk<'a> {
    own: &'a [PathBuf],
    files: usize,
    bytes: u64,
}

fn meant_as_text(path: &str) -> bool {
    let extension = Path::new(path).extension().map(|extension| extension.to_string_lossy());
    extension.is_some_and(|extension| TEXT.contains(&extension.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests;
